//! Settings of the points account: the own ledger, or a platform of others (docs/points-platform.md).

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::{ConfigError, Secret, Span};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PointsConfig {
    /// `ledger:` for the own ledger, or `http://…` of a points platform.
    pub url: String,
    /// A call to the platform without an answer after this is asked again later.
    pub timeout: Span,
    /// Calls to the platform in flight at most, in one process.
    pub concurrency: u32,
    /// Sent to the platform as a bearer token.
    pub token: Option<Secret>,
    pub token_file: Option<PathBuf>,
}

/// The own ledger.
const OWN_LEDGER: &str = "ledger:";

impl Default for PointsConfig {
    fn default() -> Self {
        Self { url: OWN_LEDGER.to_owned(), timeout: Span(Duration::from_secs(5)), concurrency: 16, token: None, token_file: None }
    }
}

impl PointsConfig {
    /// The platform's address; `None` where points are kept in the own ledger.
    pub fn platform_url(&self) -> Option<&str> {
        (self.url != OWN_LEDGER).then_some(self.url.as_str())
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let invalid = |key: &'static str, reason: &str| Err(ConfigError::Invalid { key, reason: reason.to_owned() });
        if let Some(url) = self.platform_url() {
            if url.starts_with("https://") {
                return invalid(
                    "points.url",
                    "TLS is not built in: name an http:// address, for instance of a proxy that speaks it",
                );
            }
            let Some(host) = url.strip_prefix("http://").map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default()) else {
                return invalid("points.url", "is ledger: or starts with http://");
            };
            if host.is_empty() || host.starts_with(':') || host.contains(char::is_whitespace) {
                return invalid("points.url", "names no host");
            }
            if host.contains('@') {
                return invalid("points.url", "takes no password; set points.token");
            }
        }
        if !(Duration::from_millis(50)..=Duration::from_mins(1)).contains(&self.timeout.0) {
            return invalid("points.timeout", "from 50ms to 1m");
        }
        if !(1..=1_000).contains(&self.concurrency) {
            return invalid("points.concurrency", "1 to 1000");
        }
        if self
            .token
            .as_ref()
            .is_some_and(|token| !token.expose().bytes().all(|byte| byte.is_ascii_graphic()) || token.expose().is_empty())
        {
            return invalid("points.token", "visible ASCII characters, and not empty");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Change = fn(&mut PointsConfig);

    #[test]
    fn a_setting_that_cannot_work_is_refused_by_name() {
        let with = |change: Change| {
            let mut config = PointsConfig::default();
            change(&mut config);
            config.check().map_err(|error| error.to_string())
        };
        assert_eq!(with(|_| {}), Ok(()));
        assert_eq!(with(|config| "http://127.0.0.1:9000/points".clone_into(&mut config.url)), Ok(()));
        let refused: [(&str, Change); 10] = [
            ("points.url", |config| "".clone_into(&mut config.url)),
            ("points.url", |config| "ledger".clone_into(&mut config.url)),
            ("points.url", |config| "https://points.example".clone_into(&mut config.url)),
            ("points.url", |config| "http://".clone_into(&mut config.url)),
            ("points.url", |config| "http://:80/".clone_into(&mut config.url)),
            ("points.url", |config| "http://user:pw@host/".clone_into(&mut config.url)),
            ("points.timeout", |config| config.timeout = Span(Duration::ZERO)),
            ("points.timeout", |config| config.timeout = Span(Duration::from_mins(2))),
            ("points.concurrency", |config| config.concurrency = 0),
            ("points.token", |config| config.token = Some(Secret::new("two\nlines"))),
        ];
        for (key, change) in refused {
            let line = with(change).unwrap_err();
            assert!(line.contains(key), "{key}: {line}");
        }
    }
}
