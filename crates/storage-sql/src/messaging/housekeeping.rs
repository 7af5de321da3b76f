//! Rows that have served their time are deleted: docs/operations.md says of every table how long it keeps what.
//!
//! Contract: a call deletes a bounded number of each table's rows, found by an index on their time, and says whether more
//! are left; called again at once while there are, it deletes faster than rows come in. Each statement takes few rows, so
//! no lock is held for long, and rests as long as it worked. What is the record of the business never goes.

use std::time::Duration;

use sluice_kernel::{PortResult, Timestamp};
use tokio::time::Instant;

use crate::{database::Database, error::StoreResult};

/// Rows one DELETE takes, or a few more where many share an instant.
const BATCH: i64 = 500;
/// Batches of a table in one call.
const MAX_BATCHES: u32 = 20;
/// The longest rest after a batch.
const MAX_REST: Duration = Duration::from_millis(500);

/// What a call has deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Purged {
    /// Rows by table, without those of which none went.
    pub rows: Vec<(&'static str, u64)>,
    /// More are left: call again.
    pub more: bool,
}

#[derive(Clone)]
pub struct SqlHousekeeping {
    database: Database,
}

/// Rows of one table that may go, an index on what `filter` asks for and `time` standing behind them.
struct Shelf {
    table: &'static str,
    /// Column of the time from which `life` counts.
    time: &'static str,
    /// Empty, or a condition followed by AND.
    filter: &'static str,
    life: Duration,
}

const fn days(days: u64) -> Duration {
    Duration::from_hours(24 * days)
}

/// Inbox rows and the outcomes of reservations live longer than any broker keeps the messages they guard against;
/// idempotency keys twice as long as clients are promised.
const SHELVES: [Shelf; 13] = [
    Shelf { table: "idempotency_keys", time: "created_at", filter: "", life: days(2) },
    Shelf { table: "inbox", time: "at", filter: "", life: days(14) },
    Shelf { table: "reservation_outcomes", time: "at", filter: "released = TRUE AND ", life: days(14) },
    // An order takes no payment after its deadline, closure or not.
    Shelf { table: "payment_closures", time: "at", filter: "", life: days(14) },
    // The payment itself says that it was paid, when, and how much.
    Shelf { table: "payment_notices", time: "at", filter: "", life: days(90) },
    // A day of them is counted.
    Shelf { table: "sent_codes", time: "sent_at", filter: "", life: days(2) },
    Shelf { table: "code_tries", time: "since_at", filter: "", life: days(2) },
    Shelf { table: "sandbox_channels", time: "delivered_at", filter: "", life: days(30) },
    // Those that were refused moved nothing; those that were done are what a refund of points is checked against.
    Shelf { table: "points_tasks", time: "created_at", filter: "state = 3 AND ", life: days(90) },
    Shelf { table: "webhook_attempts", time: "at", filter: "", life: days(30) },
    // Accepted, and given up; what is pending stays.
    Shelf { table: "webhook_deliveries", time: "since_at", filter: "state = 1 AND ", life: days(30) },
    Shelf { table: "webhook_deliveries", time: "since_at", filter: "state = 2 AND ", life: days(30) },
    // Handled when they were replayed; the others wait for staff.
    Shelf { table: "dead_letters", time: "at", filter: "state = 2 AND ", life: days(30) },
];

impl SqlHousekeeping {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Deletes some of what is old enough.
    pub async fn purge(&self, now: Timestamp) -> PortResult<Purged> {
        let mut purged = Purged::default();
        for shelf in &SHELVES {
            let cleared = self.clear(shelf, now.minus(shelf.life)).await;
            let (rows, more) = cleared.map_err(|error| error.into_port("deleting expired rows"))?;
            if rows > 0 {
                metrics::counter!("sluice_rows_deleted_total", "table" => shelf.table).increment(rows);
                purged.rows.push((shelf.table, rows));
            }
            purged.more |= more;
        }
        Ok(purged)
    }

    /// How many rows went, and whether more are left.
    async fn clear(&self, shelf: &Shelf, before: Timestamp) -> StoreResult<(u64, bool)> {
        let Shelf { table, time, filter, .. } = shelf;
        let boundary = format!(
            "SELECT {time} AS boundary FROM {table} WHERE {filter}{time} >= ? AND {time} < ? ORDER BY {time} LIMIT 1 OFFSET ?"
        );
        let delete = format!("DELETE FROM {table} WHERE {filter}{time} >= ? AND {time} <= ?");
        // Entries of deleted rows stay in the index for a while: each batch begins behind those of the one before.
        let (mut from, mut deleted) = (0_i64, 0);
        for _ in 0..MAX_BATCHES {
            let began = Instant::now();
            let values = vec![from.into(), before.as_millis().into(), (BATCH - 1).into()];
            let found = self.database.row(boundary.clone(), values).await?;
            let upto = match &found {
                Some(row) => row.try_get_by("boundary")?,
                // Fewer than a batch are left.
                None => before.as_millis() - 1,
            };
            deleted += self.database.execute(delete.clone(), vec![from.into(), upto.into()]).await?.rows_affected();
            if found.is_none() {
                return Ok((deleted, false));
            }
            from = upto;
            tokio::time::sleep(began.elapsed().min(MAX_REST)).await;
        }
        Ok((deleted, true))
    }
}
