//! Settings of logs.

use serde::{Deserialize, Serialize};

use super::ConfigError;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// `pretty` or `json`.
    pub format: String,
    /// A `tracing` filter, for instance `info,sluice_order=debug`.
    pub filter: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: "pretty".to_owned(), filter: "info,sea_orm_migration=warn,actix_server=warn".to_owned() }
    }
}

impl LogConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if !["pretty", "json"].contains(&self.format.as_str()) {
            return Err(ConfigError::invalid("log.format", "is pretty or json"));
        }
        Ok(())
    }
}
