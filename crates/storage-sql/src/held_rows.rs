//! Which rows somebody else is known to hold. One register for all handles of a database.
//!
//! Contract: a row is noted until it is forgotten, which wakes whoever waits for it. For each noted row one caller is told to
//! start its probe, the task that waits at the server until the row is free.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::{Notify, Semaphore, SemaphorePermit, futures::Notified};

/// A row that work needs locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum HeldRow {
    /// The stock row of a SKU.
    Stock(i64),
    /// An order, by its number.
    Order(i64),
    /// An order's idempotency key, in the order's row.
    Key([u8; 16]),
}

/// Probes that wait at the server at once; each takes a connection.
const MAX_PROBES: usize = 4;

/// The rows that are noted as held.
pub(crate) struct HeldRows {
    /// Each with whether a probe waits for it.
    rows: Mutex<HashMap<HeldRow, bool>>,
    /// Whether there are any: what placing looks at.
    any: AtomicBool,
    freed: Notify,
    probes: Semaphore,
}

impl Default for HeldRows {
    fn default() -> Self {
        Self { rows: Mutex::default(), any: AtomicBool::new(false), freed: Notify::new(), probes: Semaphore::new(MAX_PROBES) }
    }
}

impl HeldRows {
    fn lock(&self) -> MutexGuard<'_, HashMap<HeldRow, bool>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn note(&self, rows: impl IntoIterator<Item = HeldRow>) {
        let mut noted = self.lock();
        for row in rows {
            noted.entry(row).or_insert_with(|| {
                metrics::counter!("sluice_held_rows_total").increment(1);
                tracing::warn!(row = ?row, "Somebody holds a row for long; what needs it waits apart from the rest.");
                false
            });
        }
        self.any.store(!noted.is_empty(), Ordering::Release);
    }

    pub(crate) fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// The first of these rows that is noted as held.
    pub(crate) fn first_of(&self, rows: impl IntoIterator<Item = HeldRow>) -> Option<HeldRow> {
        if !self.any() {
            return None;
        }
        let noted = self.lock();
        rows.into_iter().find(|row| noted.contains_key(row))
    }

    /// True for whoever is to start the probe of this row.
    pub(crate) fn wants_probe(&self, row: HeldRow) -> bool {
        self.lock().get_mut(&row).is_some_and(|probed| !std::mem::replace(probed, true))
    }

    pub(crate) fn forget(&self, row: HeldRow) {
        let mut noted = self.lock();
        noted.remove(&row);
        self.any.store(!noted.is_empty(), Ordering::Release);
        drop(noted);
        self.freed.notify_waiters();
    }
    /// Rings when a row is forgotten from now on.
    pub(crate) fn freed(&self) -> Notified<'_> {
        self.freed.notified()
    }

    /// A probe's place among those that wait at the server.
    pub(crate) async fn probe_turn(&self) -> Option<SemaphorePermit<'_>> {
        self.probes.acquire().await.ok()
    }
}
