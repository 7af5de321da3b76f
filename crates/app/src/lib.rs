//! The composition root: configuration, wiring, and the bridges between contexts.
//!
//! Contract: the only place that knows every context and every adapter. Contexts meet here alone, each through the
//! port it declared itself; services and the command line see [`Shop`] and nothing behind it.

mod bridges;
mod config;
mod shop;

pub use config::{Config, ConfigError, Parts, Secret};
pub use shop::{Cashier, HealthProbe, PartHealth, PartState, Shop};
