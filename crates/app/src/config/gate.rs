//! Settings of the stock gate.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{ConfigError, Secret};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GateConfig {
    /// `database:` or `redis://…` (also `redis+sentinel://…`, `redis+cluster://…`).
    pub url: Secret,
    pub url_file: Option<PathBuf>,
    /// Before every key of the Redis gate, so that shops can share a server.
    pub key_prefix: String,
}

impl Default for GateConfig {
    fn default() -> Self {
        Self { url: Secret::new("database:"), url_file: None, key_prefix: "sluice:gate:".to_owned() }
    }
}

impl GateConfig {
    pub(super) fn is_redis(&self) -> bool {
        self.url.expose().starts_with("redis")
    }

    /// The Redis gate's URL with the key prefix, which a prefix in the URL itself overrides.
    pub fn redis_url(&self) -> String {
        let url = self.url.expose();
        if url.contains('?') { url.to_owned() } else { format!("{url}?prefix={}", self.key_prefix) }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let url = self.url.expose();
        let redis = ["redis://", "redis+cluster://", "redis+sentinel://"].iter().any(|scheme| url.starts_with(scheme));
        if url != "database:" && !redis {
            let reason = "is database: or starts with redis://, redis+sentinel:// or redis+cluster://";
            return Err(ConfigError::invalid("gate.url", reason));
        }
        Ok(())
    }
}
