//! The composition root: configuration, wiring, and the bridges between contexts.
//!
//! Contract: the only place that knows every context and every adapter. Contexts meet here alone, each through the
//! port it declared itself; services and the command line see [`Shop`] and nothing behind it.

mod bridges;
mod checked_clock;
mod config;
pub mod demo;
mod differences;
mod health;
mod house;
mod keeping;
mod leased_ids;
mod open;
mod partners;
mod points;
mod referrers;
mod secrets;
mod shop;
mod token;
mod token_mac;
mod warnings;
mod wire;

pub use config::{Config, ConfigError, HttpConfig, LimitsConfig, Parts, PointsConfig, PushConfig, Secret};
pub use open::{OpenError, OpenOptions, OpenShop, Surroundings};
pub use referrers::{PromotionConfig, SealError, seal_referrer};
pub use secrets::Secrets;
pub use shop::{Cashier, HealthProbe, Housekeeping, PartHealth, PartState, Shop};
pub use sluice_storage_sql::StoryLine;
pub use token::{Role, TokenRequest, algorithm, make_token};
pub use token_mac::install_token_provider;
