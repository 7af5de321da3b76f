//! Settings of pushes to partners.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use sluice_partner::PushRules;

use super::{ConfigError, Span};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PushConfig {
    /// Allows targets on loopback, private and other addresses that are not public: for tests and closed networks.
    pub allow_private_targets: bool,
    /// Certificates (PEM) that are trusted beside the machine's.
    pub ca_file: Option<PathBuf>,
    /// After the first failure of a target; doubled by each further one.
    pub first_pause: Span,
    /// A target that is away is probed at least this often.
    pub longest_pause: Span,
    /// What was not accepted after this time is exhausted.
    pub give_up_after: Span,
    /// Requests to one target at the same time.
    pub concurrency_per_target: u32,
    /// Requests of one process at the same time.
    pub concurrency: u32,
}

impl Default for PushConfig {
    fn default() -> Self {
        let rules = PushRules::default();
        Self {
            allow_private_targets: false,
            ca_file: None,
            first_pause: Span(rules.first_pause),
            longest_pause: Span(rules.longest_pause),
            give_up_after: Span(rules.give_up_after),
            concurrency_per_target: rules.per_target,
            concurrency: rules.at_once,
        }
    }
}

impl PushConfig {
    pub fn check(&self) -> Result<(), ConfigError> {
        let invalid = |key: &'static str, reason: &str| Err(ConfigError::Invalid { key, reason: reason.to_owned() });
        if self.first_pause.0 < Duration::from_millis(10) || self.first_pause.0 > self.longest_pause.0 {
            return invalid("push.first_pause", "from 10ms to push.longest_pause");
        }
        if self.longest_pause.0 > Duration::from_hours(24) {
            return invalid("push.longest_pause", "at most a day");
        }
        if self.give_up_after.0 < Duration::from_secs(1) || self.give_up_after.0 > Duration::from_hours(24 * 30) {
            return invalid("push.give_up_after", "from a second to 30 days");
        }
        if !(1..=64).contains(&self.concurrency_per_target) || !(1..=1_024).contains(&self.concurrency) {
            return invalid("push.concurrency_per_target", "1 to 64, and concurrency 1 to 1024");
        }
        Ok(())
    }

    pub fn rules(&self) -> PushRules {
        PushRules {
            first_pause: self.first_pause.0,
            longest_pause: self.longest_pause.0,
            give_up_after: self.give_up_after.0,
            per_target: self.concurrency_per_target,
            at_once: self.concurrency,
        }
    }

    /// The text of `ca_file`.
    pub fn trusted(&self) -> Result<Option<Vec<u8>>, ConfigError> {
        let Some(path) = &self.ca_file else { return Ok(None) };
        let unreadable =
            |error| ConfigError::Invalid { key: "push.ca_file", reason: format!("{} cannot be read: {error}", path.display()) };
        std::fs::read(path).map(Some).map_err(unreadable)
    }
}
