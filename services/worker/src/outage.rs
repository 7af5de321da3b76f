//! A loop that fails says so once when it begins to fail and once when it works again, and tries less and less often.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// How long a turn in hand may go on after the worker was told to stop.
pub const GRACE: Duration = Duration::from_secs(2);

pub struct Outage {
    what: &'static str,
    failures: u32,
    first_delay: Duration,
    max_delay: Duration,
}

impl Outage {
    pub fn new(what: &'static str, first_delay: Duration, max_delay: Duration) -> Self {
        Self { what, failures: 0, first_delay, max_delay }
    }

    /// Notes a failure and says how long to wait.
    pub fn failed(&mut self, error: &(dyn std::error::Error + 'static)) -> Duration {
        if self.failures == 0 {
            tracing::warn!(worker.task = self.what, error = %chain(error), "A task of the worker cannot go on; it tries on.");
        }
        self.failures = self.failures.saturating_add(1);
        let doublings = self.failures.saturating_sub(1).min(16);
        self.first_delay.saturating_mul(2_u32.saturating_pow(doublings)).min(self.max_delay)
    }

    pub fn passed(&mut self) {
        if self.failures > 0 {
            tracing::info!(worker.task = self.what, worker.failures = self.failures, "A task of the worker works again.");
            self.failures = 0;
        }
    }
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Resolves when a turn must be broken off: some time after `stop`.
pub async fn overdue(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(GRACE).await;
}
