//! The composition root: configuration, wiring, and the bridges between contexts.
//!
//! Contract: the only place that knows every context and every adapter. Contexts meet here alone, each through the
//! port it declared itself; services and the command line see [`Shop`] and nothing behind it.

mod bridges;
mod checked_clock;
mod composition;
mod config;
pub mod demo;
mod health;
mod leased_ids;
mod operations;
mod referrers;
mod secrets;
mod shop;
mod token;
mod token_mac;

pub use composition::{Environment, OpenError, OpenOptions, OpenShop, require_shop};
pub use config::{Config, ConfigError, HttpConfig, LimitsConfig, Parts, PointsConfig, PromotionConfig, PushConfig, Secret};
pub use referrers::{SealError, seal_referrer};
pub use secrets::Secrets;
pub use shop::{Cashier, HealthProbe, Housekeeping, OrderTraces, PartHealth, PartState, Shop};
pub use sluice_storage_sql::TraceLine;
pub use token::{Role, TokenRequest, algorithm, make_token};
pub use token_mac::install_token_provider;
