//! Settings: defaults < `sluice.toml` < `SLUICE__SECTION__KEY` < flags.
//!
//! URLs choose the parts. A setting that is not known, not readable or not possible stops the start with one clear line.

mod address;
mod limits;
mod points;
mod push;
#[cfg(test)]
mod tests;

use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sluice_storage_sql::DatabasePlace;

use crate::referrers::PromotionConfig;

pub use limits::{HttpConfig, LimitsConfig};
pub use points::PointsConfig;
pub use push::PushConfig;

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("setting: {0}")]
    Unreadable(#[from] config::ConfigError),
    #[error("setting {key}: {reason}")]
    Invalid { key: &'static str, reason: String },
}

/// A duration written as text: `15m`, `2s`, `250ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub Duration);

impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        humantime::parse_duration(&text)
            .map(Self)
            .map_err(|error| de::Error::custom(format!("`{text}` is not a duration such as 15m: {error}")))
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&humantime::format_duration(self.0))
    }
}

/// A secret, or the file that holds it. Shown as `***`.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str("***")
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address the API listens on; port 0 takes a free one.
    pub listen: String,
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

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `sqlite://FILE` or `mysql://…`; a file in the data folder unless set.
    pub url: Option<Secret>,
    pub url_file: Option<PathBuf>,
    pub max_connections: u32,
    /// How long a request waits for a connection.
    pub acquire_timeout: Span,
    /// How long a statement, a BEGIN or a COMMIT may take; its connection is thrown away then.
    pub statement_timeout: Span,
    /// How long the server lets a statement wait for a lock, in whole seconds.
    pub lock_wait: Span,
    /// How long the server lets a transaction be open and idle, in whole seconds.
    pub idle_transaction: Span,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GateConfig {
    /// `database:` or `redis://…` (also `redis+sentinel://…`, `redis+cluster://…`).
    pub url: Secret,
    pub url_file: Option<PathBuf>,
    /// Before every key of the Redis gate, so that shops can share a server.
    pub key_prefix: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BusConfig {
    /// `memory:` or `kafka://HOST:PORT[,HOST:PORT…]`.
    pub url: String,
    /// Partitions of topics that are created.
    pub partitions: i32,
    /// Copies of each partition of topics that are created.
    pub replication: i32,
    /// Before every topic and group name, so that shops can share a broker.
    pub topic_prefix: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    pub jwt_secret: Option<Secret>,
    pub jwt_secret_file: Option<PathBuf>,
    /// `HS256`, `HS384` or `HS512`; tokens of any other algorithm are refused.
    pub algorithm: String,
    pub issuer: String,
    pub audience: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OrderConfig {
    /// How long an order may stay unpaid.
    pub payment_window: Span,
    /// Orders that wait for the group commit at most; beyond it placing answers 503 `overloaded`.
    pub commit_queue: u32,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the settings' names are the contract's; other providers come beside the sandbox")]
pub struct PayConfig {
    pub sandbox_secret: Option<Secret>,
    pub sandbox_secret_file: Option<PathBuf>,
    /// Where the sandbox sends its callbacks; `public_url` unless set.
    pub sandbox_callback_url: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// `pretty` or `json`.
    pub format: String,
    /// A `tracing` filter, for instance `info,sluice_order=debug`.
    pub filter: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
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

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: None,
            url_file: None,
            max_connections: 32,
            acquire_timeout: Span(Duration::from_secs(3)),
            statement_timeout: Span(Duration::from_secs(3)),
            lock_wait: Span(Duration::from_secs(1)),
            idle_transaction: Span(Duration::from_secs(5)),
        }
    }
}

impl Default for GateConfig {
    fn default() -> Self {
        Self { url: Secret::new("database:"), url_file: None, key_prefix: "sluice:gate:".to_owned() }
    }
}

impl Default for BusConfig {
    fn default() -> Self {
        Self { url: "memory:".to_owned(), partitions: 6, replication: 1, topic_prefix: String::new() }
    }
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            jwt_secret: None,
            jwt_secret_file: None,
            algorithm: "HS256".to_owned(),
            issuer: "sluice".to_owned(),
            audience: "sluice".to_owned(),
        }
    }
}

impl Default for OrderConfig {
    fn default() -> Self {
        Self { payment_window: Span(Duration::from_mins(15)), commit_queue: 4_096 }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: "pretty".to_owned(), filter: "info,sea_orm_migration=warn,actix_server=warn".to_owned() }
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

    fn read_secret_files(&mut self) -> Result<(), ConfigError> {
        let read = |key: &'static str, file: &Option<PathBuf>| -> Result<Option<Secret>, ConfigError> {
            let Some(path) = file else { return Ok(None) };
            let text = std::fs::read_to_string(path)
                .map_err(|error| ConfigError::Invalid { key, reason: format!("{} cannot be read: {error}", path.display()) })?;
            Ok(Some(Secret::new(text.trim())))
        };
        if let Some(url) = read("database.url_file", &self.database.url_file)? {
            self.database.url = Some(url);
        }
        if let Some(url) = read("gate.url_file", &self.gate.url_file)? {
            self.gate.url = url;
        }
        if let Some(secret) = read("auth.jwt_secret_file", &self.auth.jwt_secret_file)? {
            self.auth.jwt_secret = Some(secret);
        }
        if let Some(secret) = read("pay.sandbox_secret_file", &self.pay.sandbox_secret_file)? {
            self.pay.sandbox_secret = Some(secret);
        }
        if let Some(token) = read("points.token_file", &self.points.token_file)? {
            self.points.token = Some(token);
        }
        if let Some(keys) = read("promotion.referrer_keys_file", &self.promotion.referrer_keys_file)? {
            self.promotion.referrer_keys = Some(keys);
        }
        Ok(())
    }

    fn check(&self) -> Result<(), ConfigError> {
        self.promotion.check()?;
        let invalid = |key: &'static str, reason: &str| Err(ConfigError::Invalid { key, reason: reason.to_owned() });
        if let Some(url) = &self.database.url
            && !url.expose().starts_with("sqlite:")
            && !url.expose().starts_with("mysql://")
        {
            return invalid("database.url", "starts with sqlite:// or mysql://");
        }
        let gate = self.gate.url.expose();
        if gate != "database:"
            && !["redis://", "redis+cluster://", "redis+sentinel://"].iter().any(|scheme| gate.starts_with(scheme))
        {
            return invalid("gate.url", "is database: or starts with redis://, redis+sentinel:// or redis+cluster://");
        }
        if self.bus.url != "memory:" && !self.bus.url.starts_with("kafka://") {
            return invalid("bus.url", "is memory: or starts with kafka://");
        }
        if !(1..=1_000).contains(&self.bus.partitions) || !(1..=9).contains(&self.bus.replication) {
            return invalid("bus.partitions", "partitions 1 to 1000, replication 1 to 9");
        }
        if !["HS256", "HS384", "HS512"].contains(&self.auth.algorithm.as_str()) {
            return invalid("auth.algorithm", "is HS256, HS384 or HS512");
        }
        if self.order.payment_window.0 < Duration::from_millis(100) || self.order.payment_window.0 > Duration::from_hours(365 * 24)
        {
            return invalid("order.payment_window", "from 100ms to a year");
        }
        if self.order.commit_queue == 0 {
            return invalid("order.commit_queue", "at least 1");
        }
        if !(Duration::from_millis(10)..=Duration::from_hours(1)).contains(&self.database.acquire_timeout.0) {
            return invalid("database.acquire_timeout", "from 10ms to 1h");
        }
        let spans = [
            ("database.statement_timeout", self.database.statement_timeout, 1, 60),
            ("database.lock_wait", self.database.lock_wait, 1, 50),
            ("database.idle_transaction", self.database.idle_transaction, 1, 3_600),
        ];
        for (key, span, least, most) in spans {
            if span.0 < Duration::from_secs(least) || span.0 > Duration::from_secs(most) {
                return Err(ConfigError::Invalid { key, reason: format!("from {least}s to {most}s") });
            }
        }
        if self.database.lock_wait.0 >= self.database.statement_timeout.0 {
            return invalid("database.lock_wait", "shorter than database.statement_timeout");
        }
        if self.database.max_connections < 4 {
            return invalid("database.max_connections", "at least 4");
        }
        if let Some(url) = &self.public_url {
            address::check_base("public_url", url)?;
        }
        if let Some(url) = &self.pay.sandbox_callback_url {
            address::check_base("pay.sandbox_callback_url", url)?;
        }
        self.limits.check()?;
        self.http.check()?;
        self.points.check()?;
        self.push.check()?;
        if !["pretty", "json"].contains(&self.log.format.as_str()) {
            return invalid("log.format", "is pretty or json");
        }
        for (key, secret) in [("auth.jwt_secret", &self.auth.jwt_secret), ("pay.sandbox_secret", &self.pay.sandbox_secret)] {
            if secret.as_ref().is_some_and(|secret| secret.expose().is_empty()) {
                return Err(ConfigError::Invalid { key, reason: "must not be empty".to_owned() });
            }
        }
        Ok(())
    }

    /// Where clients reach the API that listens on `listen`, without a trailing slash.
    pub fn public_base(&self, listen: SocketAddr) -> String {
        let url = self.public_url.clone().unwrap_or_else(|| address::base_of(listen));
        url.trim_end_matches('/').to_owned()
    }

    pub fn parts(&self) -> Parts {
        Parts {
            sqlite: self.database.url.as_ref().is_none_or(|url| url.expose().starts_with("sqlite:")),
            redis_gate: self.gate.url.expose().starts_with("redis"),
            kafka: self.bus.url.starts_with("kafka://"),
        }
    }

    /// The Redis gate's URL with the key prefix, which a prefix in the URL itself overrides.
    pub fn redis_url(&self) -> String {
        let url = self.gate.url.expose();
        if url.contains('?') { url.to_owned() } else { format!("{url}?prefix={}", self.gate.key_prefix) }
    }

    /// Where the database is; the embedded default is a file in the data folder.
    pub fn database_place(&self) -> DatabasePlace {
        match &self.database.url {
            Some(url) => DatabasePlace::Url(url.expose().to_owned()),
            None => DatabasePlace::File(self.data_dir.join("sluice.db")),
        }
    }
}

/// An empty value counts as unset (api.md).
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
