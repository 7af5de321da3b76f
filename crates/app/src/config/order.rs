//! Settings of placing and paying orders.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ConfigError, Span};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OrderConfig {
    /// How long an order may stay unpaid.
    pub payment_window: Span,
    /// Orders that wait for the group commit at most; beyond it placing answers 503 `overloaded`.
    pub commit_queue: u32,
}

impl Default for OrderConfig {
    fn default() -> Self {
        Self { payment_window: Span(Duration::from_mins(15)), commit_queue: 4_096 }
    }
}

impl OrderConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if !(Duration::from_millis(100)..=Duration::from_hours(365 * 24)).contains(&self.payment_window.0) {
            return Err(ConfigError::invalid("order.payment_window", "from 100ms to a year"));
        }
        if self.commit_queue == 0 {
            return Err(ConfigError::invalid("order.commit_queue", "at least 1"));
        }
        Ok(())
    }
}
