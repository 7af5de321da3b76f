//! Settings: defaults < `sluice.toml` < `SLUICE__SECTION__KEY` < flags.
//!
//! URLs choose the parts. A setting that is not known, not readable or not possible stops the start with one clear line.

mod address;
mod auth;
mod bus;
mod database;
mod gate;
mod http;
mod limits;
mod log;
mod order;
mod pay;
mod points;
mod promotion;
mod push;
#[cfg(test)]
mod tests;
mod value;

use std::{net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};
use sluice_storage_sql::DatabasePlace;

pub use auth::AuthConfig;
pub use bus::BusConfig;
pub use database::DatabaseConfig;
pub use gate::GateConfig;
pub use http::HttpConfig;
pub use limits::LimitsConfig;
pub use log::LogConfig;
pub use order::OrderConfig;
pub use pay::PayConfig;
pub use points::PointsConfig;
pub use promotion::PromotionConfig;
pub use push::PushConfig;
pub use value::{ConfigError, Secret, Span, Words};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address the API listens on; port 0 takes a free one.
    pub listen: String,
    /// Address of health and metrics alone; without it the API serves them, to whoever reaches it.
    pub listen_internal: Option<String>,
    /// Folder of the embedded default: database file and generated secrets.
    pub data_dir: PathBuf,
    /// Where clients reach the API; the listen address unless set.
    pub public_url: Option<String>,
    pub database: DatabaseConfig,
    pub gate: GateConfig,
    pub bus: BusConfig,
    pub auth: AuthConfig,
    pub order: OrderConfig,
    pub pay: PayConfig,
    pub promotion: PromotionConfig,
    pub points: PointsConfig,
    pub push: PushConfig,
    pub limits: LimitsConfig,
    pub http: HttpConfig,
    pub log: LogConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            listen_internal: None,
            data_dir: PathBuf::from("./data"),
            public_url: None,
            database: DatabaseConfig::default(),
            gate: GateConfig::default(),
            bus: BusConfig::default(),
            auth: AuthConfig::default(),
            order: OrderConfig::default(),
            pay: PayConfig::default(),
            promotion: PromotionConfig::default(),
            points: PointsConfig::default(),
            push: PushConfig::default(),
            limits: LimitsConfig::default(),
            http: HttpConfig::default(),
            log: LogConfig::default(),
        }
    }
}

/// Which database, gate and bus the URLs choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    pub sqlite: bool,
    pub redis_gate: bool,
    pub kafka: bool,
}

/// Read where it is there.
const DEFAULT_FILE: &str = "sluice.toml";

impl Config {
    /// Reads the file and the environment, then lets `flags` (key, value) override. A file that somebody names must be there:
    /// without it a shop would quietly run on its defaults.
    pub fn load(file: &str, flags: &[(&str, String)]) -> Result<Self, ConfigError> {
        let environment = config::Environment::with_prefix("SLUICE").prefix_separator("__").separator("__").ignore_empty(true);
        Self::from_sources(
            config::File::with_name(file).required(file != DEFAULT_FILE).format(config::FileFormat::Toml),
            environment,
            flags,
        )
    }

    fn from_sources(
        file: impl config::Source + Send + Sync + 'static,
        environment: config::Environment,
        flags: &[(&str, String)],
    ) -> Result<Self, ConfigError> {
        let mut builder = config::Config::builder().add_source(file).add_source(environment);
        for (key, value) in flags {
            builder = builder.set_override(*key, value.clone())?;
        }
        let written = config::Source::collect(&builder.build()?)?;
        if let Some((name, _)) = written.iter().find(|(_, value)| matches!(value.kind, config::ValueKind::Array(_))) {
            // serde would take a list for the section, its settings in the order of our fields.
            return Err(config::ConfigError::Message(format!("`{name}` is a section or one value, not a list")).into());
        }
        let written = config::Value::new(None, config::ValueKind::Table(without_empty(written)));
        let mut settings: Self = written.try_deserialize()?;
        settings.read_secret_files()?;
        settings.check()?;
        Ok(settings)
    }

    /// A secret's file overrides the secret itself.
    fn read_secret_files(&mut self) -> Result<(), ConfigError> {
        let files = [
            ("database.url_file", &self.database.url_file, &mut self.database.url),
            ("auth.jwt_secret_file", &self.auth.jwt_secret_file, &mut self.auth.jwt_secret),
            ("pay.sandbox_secret_file", &self.pay.sandbox_secret_file, &mut self.pay.sandbox_secret),
            ("points.token_file", &self.points.token_file, &mut self.points.token),
            ("promotion.referrer_keys_file", &self.promotion.referrer_keys_file, &mut self.promotion.referrer_keys),
        ];
        for (key, file, secret) in files {
            if let Some(file) = file {
                *secret = Some(Secret::read(key, file)?);
            }
        }
        if let Some(file) = &self.gate.url_file {
            self.gate.url = Secret::read("gate.url_file", file)?;
        }
        Ok(())
    }

    fn check(&self) -> Result<(), ConfigError> {
        if let Some(url) = &self.public_url {
            address::check_base("public_url", url)?;
        }
        self.database.check()?;
        self.gate.check()?;
        self.bus.check()?;
        self.auth.check()?;
        self.order.check()?;
        self.pay.check()?;
        self.promotion.check()?;
        self.points.check()?;
        self.push.check()?;
        self.limits.check()?;
        self.http.check()?;
        self.log.check()
    }

    /// Where clients reach the API that listens on `listen`, without a trailing slash.
    pub fn public_base(&self, listen: SocketAddr) -> String {
        let url = self.public_url.clone().unwrap_or_else(|| address::base_of(listen));
        url.trim_end_matches('/').to_owned()
    }

    pub fn parts(&self) -> Parts {
        Parts { sqlite: self.database.is_sqlite(), redis_gate: self.gate.is_redis(), kafka: self.bus.brokers().is_some() }
    }

    /// Where the database is; the embedded default is a file in the data folder.
    pub fn database_place(&self) -> DatabasePlace {
        self.database.place(&self.data_dir)
    }
}

/// An empty value counts as unset.
fn without_empty(table: config::Map<String, config::Value>) -> config::Map<String, config::Value> {
    let mut kept = config::Map::new();
    for (name, mut value) in table {
        if matches!(&value.kind, config::ValueKind::String(text) if text.is_empty()) {
            continue;
        }
        if let config::ValueKind::Table(section) = value.kind {
            value.kind = config::ValueKind::Table(without_empty(section));
        }
        kept.insert(name, value);
    }
    kept
}
