//! Rows that have served their time are deleted: docs/operations.md says of every table how long it keeps what.
//!
//! Contract: a call deletes a bounded number of each table's rows, found by an index on their time, and says whether more
//! are left; called again at once while there are, it deletes faster than rows come in. Each statement takes few rows, so
//! no lock is held for long, and rests as long as it worked. What is the record of the business never goes.

use std::time::Duration;

use sluice_events::LetterState;
use sluice_kernel::{PortResult, Timestamp};
use sluice_partner::DeliveryState;
use sluice_points::{PointsKind, TaskState};
use tokio::time::Instant;

use crate::{
    database::Database,
    error::{IntoPort as _, StoreResult},
    multi_row::tuple,
    stored::{Storable, code},
};

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

/// A table whose rows are kept for a time: those that may go, an index on what `filter` asks for and `time` standing behind them.
struct KeptTable {
    table: &'static str,
    /// Column of the time from which `life` counts.
    time: &'static str,
    /// Empty, or a condition followed by AND.
    filter: fn() -> String,
    life: Duration,
}

const fn days(days: u64) -> Duration {
    Duration::from_hours(24 * days)
}

fn state_is<T: Storable<Raw = i16> + Copy>(state: T) -> String {
    format!("state = {} AND ", code(state))
}

fn refused_points() -> String {
    format!("{}kind <> {} AND ", state_is(TaskState::Refused), code(PointsKind::Refund))
}

/// Inbox rows and the outcomes of reservations live longer than any broker keeps the messages they guard against;
/// idempotency keys twice as long as clients are promised.
const KEPT: [KeptTable; 14] = [
    KeptTable { table: "idempotency_keys", time: "created_at", filter: String::new, life: days(2) },
    KeptTable { table: "inbox", time: "at", filter: String::new, life: days(14) },
    KeptTable { table: "reservation_outcomes", time: "at", filter: || "released = TRUE AND ".to_owned(), life: days(14) },
    // An order takes no payment after its deadline, closure or not.
    KeptTable { table: "payment_closures", time: "at", filter: String::new, life: days(14) },
    // The payment itself says that it was paid, when, and how much.
    KeptTable { table: "payment_notices", time: "at", filter: String::new, life: days(90) },
    // A day of them is counted.
    KeptTable { table: "sent_codes", time: "sent_at", filter: String::new, life: days(2) },
    KeptTable { table: "code_tries", time: "since_at", filter: String::new, life: days(2) },
    // They can be used for a minute.
    KeptTable { table: "follow_tickets", time: "expires_at", filter: String::new, life: Duration::from_hours(1) },
    KeptTable { table: "sandbox_channels", time: "delivered_at", filter: String::new, life: days(30) },
    // Those that were refused moved nothing; those that were done are what a refund of points is checked against. A refused
    // refund tells which names the account has refused for good.
    KeptTable { table: "points_tasks", time: "created_at", filter: refused_points, life: days(90) },
    KeptTable { table: "webhook_attempts", time: "at", filter: String::new, life: days(30) },
    // Accepted, and given up; what is pending stays.
    KeptTable { table: "webhook_deliveries", time: "since_at", filter: || state_is(DeliveryState::Delivered), life: days(30) },
    KeptTable { table: "webhook_deliveries", time: "since_at", filter: || state_is(DeliveryState::Exhausted), life: days(30) },
    // Handled when they were replayed; the others wait for staff.
    KeptTable { table: "dead_letters", time: "at", filter: || state_is(LetterState::Handled), life: days(30) },
];

impl SqlHousekeeping {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Deletes some of what is old enough.
    pub async fn purge(&self, now: Timestamp) -> PortResult<Purged> {
        let mut purged = Purged::default();
        for kept in &KEPT {
            let cleared = self.clear(kept, now.minus(kept.life)).await;
            let (rows, more) = cleared.into_port("deleting expired rows")?;
            if rows > 0 {
                metrics::counter!("sluice_rows_deleted_total", "table" => kept.table).increment(rows);
                purged.rows.push((kept.table, rows));
            }
            purged.more |= more;
        }
        Ok(purged)
    }

    /// How many rows went, and whether more are left.
    async fn clear(&self, kept: &KeptTable, before: Timestamp) -> StoreResult<(u64, bool)> {
        let KeptTable { table, time, .. } = kept;
        let filter = (kept.filter)();
        let boundary =
            format!("SELECT {time} FROM {table} WHERE {filter}{time} >= ? AND {time} < ? ORDER BY {time} LIMIT 1 OFFSET ?");
        let delete = format!("DELETE FROM {table} WHERE {filter}{time} >= ? AND {time} <= ?");
        // Entries of deleted rows stay in the index for a while: each batch begins behind those of the one before.
        let (mut from, mut deleted) = (0_i64, 0);
        for _ in 0..MAX_BATCHES {
            let began = Instant::now();
            let values = vec![from.into(), before.as_millis().into(), (BATCH - 1).into()];
            let found = self.database.row(boundary.clone(), values).await?;
            let upto = match &found {
                Some(row) => tuple(row)?,
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
