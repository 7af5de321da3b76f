//! How slow a client may be, and which pages of other origins may be one.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ConfigError, Span, Words, address};

/// They are compared one by one with every request's.
const MAX_ORIGINS: usize = 100;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// A head or a body that takes longer is ended with 408.
    pub read_timeout: Span,
    /// A connection without a request is closed after this.
    pub idle_timeout: Span,
    /// Origins whose pages may use the API in a browser, as browsers send them; or `*` alone, for any.
    pub cors_origins: Words,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            read_timeout: Span(Duration::from_secs(10)),
            idle_timeout: Span(Duration::from_mins(1)),
            cors_origins: Words::default(),
        }
    }
}

impl HttpConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        for (key, span) in [("http.read_timeout", self.read_timeout), ("http.idle_timeout", self.idle_timeout)] {
            if !(Duration::from_millis(100)..=Duration::from_mins(10)).contains(&span.0) {
                return Err(ConfigError::Invalid { key, reason: "from 100ms to 10m".to_owned() });
            }
        }
        let origins = &self.cors_origins.0;
        if origins.len() > MAX_ORIGINS {
            return Err(ConfigError::invalid("http.cors_origins", format!("at most {MAX_ORIGINS} origins")));
        }
        match origins.as_slice() {
            [any] if any == "*" => Ok(()),
            listed => listed.iter().try_for_each(|origin| address::check_origin("http.cors_origins", origin)),
        }
    }
}
