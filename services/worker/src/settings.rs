//! How often and how much at a time.

use std::time::Duration;

use sluice_events::{RetryPolicy, Topic};

use crate::RelaySettings;

#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// Topics whose consumers run here; empty for all. Relay and sweepers run in every worker: what they do
    /// is shared out by leases.
    pub only: Vec<Topic>,
    pub retry: RetryPolicy,
    /// Orders that one batch changes at the same time.
    pub concurrency: usize,
    pub relay: RelaySettings,
    pub timer: TimerSettings,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            only: Vec::new(),
            retry: RetryPolicy::default(),
            concurrency: 32,
            relay: RelaySettings::default(),
            timer: TimerSettings::default(),
        }
    }
}

/// Of the auto-cancel timer: an order is cancelled at most a second after its deadline, bus or no bus.
#[derive(Debug, Clone, Copy)]
pub struct TimerSettings {
    pub every: Duration,
    /// Orders in one turn; a full turn is followed by the next at once.
    pub limit: u32,
    /// How long publishing may take before the timer acts by itself.
    pub publish_patience: Duration,
    /// An order this far past its deadline is expired here, without the bus.
    pub direct_after: Duration,
    /// Orders expired here at the same time.
    pub concurrency: usize,
}

impl Default for TimerSettings {
    fn default() -> Self {
        Self {
            every: Duration::from_millis(200),
            limit: 64,
            publish_patience: Duration::from_millis(500),
            direct_after: Duration::from_secs(1),
            concurrency: 16,
        }
    }
}
