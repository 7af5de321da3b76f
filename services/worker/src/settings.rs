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
    pub sweeps: SweepSettings,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            only: Vec::new(),
            retry: RetryPolicy::default(),
            concurrency: 32,
            relay: RelaySettings::default(),
            timer: TimerSettings::default(),
            sweeps: SweepSettings::default(),
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

/// Of the other sweepers. `*_age` is how old something must be before it counts as left behind.
#[derive(Debug, Clone, Copy)]
pub struct SweepSettings {
    pub effects_every: Duration,
    pub effects_limit: u32,
    pub reservations_every: Duration,
    pub reservations_age: Duration,
    /// Orders whose movements are compared with the ledger; later than any message is late in quiet times.
    pub records_every: Duration,
    pub records_age: Duration,
    pub adjustments_every: Duration,
    pub adjustments_age: Duration,
    pub refunds_every: Duration,
    pub refunds_limit: u32,
    pub settlements_every: Duration,
    pub settlements_limit: u32,
    pub deductions_every: Duration,
    pub deductions_limit: u32,
    pub callbacks_every: Duration,
    pub points_every: Duration,
    pub points_limit: u32,
    pub parked_every: Duration,
    pub pushes_every: Duration,
    pub pushes_limit: u32,
    pub gauges_every: Duration,
    pub housekeeping_every: Duration,
}

impl Default for SweepSettings {
    fn default() -> Self {
        Self {
            effects_every: Duration::from_millis(500),
            effects_limit: 500,
            reservations_every: Duration::from_secs(5),
            reservations_age: Duration::from_secs(15),
            records_every: Duration::from_secs(5),
            records_age: Duration::from_mins(15),
            adjustments_every: Duration::from_secs(5),
            adjustments_age: Duration::from_secs(10),
            refunds_every: Duration::from_secs(5),
            refunds_limit: 100,
            settlements_every: Duration::from_secs(1),
            settlements_limit: 64,
            deductions_every: Duration::from_secs(5),
            deductions_limit: 256,
            callbacks_every: Duration::from_secs(1),
            points_every: Duration::from_secs(1),
            points_limit: 1_000,
            parked_every: Duration::from_millis(500),
            pushes_every: Duration::from_millis(500),
            pushes_limit: 64,
            gauges_every: Duration::from_secs(2),
            housekeeping_every: Duration::from_mins(1),
        }
    }
}
