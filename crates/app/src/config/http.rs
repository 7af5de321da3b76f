//! How slow a client may be.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ConfigError, Span};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// A head or a body that takes longer is ended with 408.
    pub read_timeout: Span,
    /// A connection without a request is closed after this.
    pub idle_timeout: Span,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self { read_timeout: Span(Duration::from_secs(10)), idle_timeout: Span(Duration::from_mins(1)) }
    }
}

impl HttpConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        for (key, span) in [("http.read_timeout", self.read_timeout), ("http.idle_timeout", self.idle_timeout)] {
            if !(Duration::from_millis(100)..=Duration::from_mins(10)).contains(&span.0) {
                return Err(ConfigError::Invalid { key, reason: "from 100ms to 10m".to_owned() });
            }
        }
        Ok(())
    }
}
