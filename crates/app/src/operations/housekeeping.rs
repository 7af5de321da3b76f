//! Expired rows, as the worker sees them.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use sluice_kernel::{Clock, PortResult, Timestamp};
use sluice_storage_sql::{SqlHousekeeping, SqlSeenTimes};

use crate::Housekeeping;

/// A purge reaches at most so much further than the last one: a clock that is a month ahead for an hour costs no key and no
/// inbox row that is still needed.
const MAX_PURGE_STEP: Duration = Duration::from_hours(1);

pub(crate) struct ExpiredRows {
    rows: SqlHousekeeping,
    seen: SqlSeenTimes,
    clock: Arc<dyn Clock>,
    /// The time of a purge that is not done yet: it takes many calls, and one step of time.
    unfinished: Mutex<Option<Timestamp>>,
}

impl ExpiredRows {
    pub(crate) fn new(rows: SqlHousekeeping, seen: SqlSeenTimes, clock: Arc<dyn Clock>) -> Self {
        Self { rows, seen, clock, unfinished: Mutex::default() }
    }

    fn unfinished(&self) -> std::sync::MutexGuard<'_, Option<Timestamp>> {
        self.unfinished.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Housekeeping for ExpiredRows {
    async fn delete_some(&self) -> PortResult<bool> {
        let begun = *self.unfinished();
        let now = match begun {
            Some(now) => now,
            None => self.seen.advance("purge", self.clock.now(), MAX_PURGE_STEP).await?,
        };
        let purged = self.rows.purge(now).await?;
        *self.unfinished() = purged.more.then_some(now);
        if !purged.rows.is_empty() {
            tracing::debug!(purged = ?purged.rows, "Expired rows were deleted.");
        }
        Ok(purged.more)
    }
}
