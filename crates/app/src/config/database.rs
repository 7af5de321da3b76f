//! Settings of the database.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use sluice_storage_sql::DatabasePlace;

use super::{ConfigError, Secret, Span};

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

impl DatabaseConfig {
    pub(super) fn is_sqlite(&self) -> bool {
        self.url.as_ref().is_none_or(|url| url.expose().starts_with("sqlite:"))
    }

    /// Where the database is; the embedded default is a file in the data folder.
    pub(super) fn place(&self, data_dir: &Path) -> DatabasePlace {
        match &self.url {
            Some(url) => DatabasePlace::Url(url.expose().to_owned()),
            None => DatabasePlace::File(data_dir.join("sluice.db")),
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let invalid = |key: &'static str, reason: &str| Err(ConfigError::invalid(key, reason));
        if let Some(url) = &self.url
            && !url.expose().starts_with("sqlite:")
            && !url.expose().starts_with("mysql://")
        {
            return invalid("database.url", "starts with sqlite:// or mysql://");
        }
        if !(Duration::from_millis(10)..=Duration::from_hours(1)).contains(&self.acquire_timeout.0) {
            return invalid("database.acquire_timeout", "from 10ms to 1h");
        }
        let spans = [
            ("database.statement_timeout", self.statement_timeout, 1, 60),
            ("database.lock_wait", self.lock_wait, 1, 50),
            ("database.idle_transaction", self.idle_transaction, 1, 3_600),
        ];
        for (key, span, least, most) in spans {
            if span.0 < Duration::from_secs(least) || span.0 > Duration::from_secs(most) {
                return Err(ConfigError::invalid(key, format!("from {least}s to {most}s")));
            }
        }
        if self.lock_wait.0 >= self.statement_timeout.0 {
            return invalid("database.lock_wait", "shorter than database.statement_timeout");
        }
        if self.max_connections < 4 {
            return invalid("database.max_connections", "at least 4");
        }
        Ok(())
    }
}
