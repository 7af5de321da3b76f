//! Rows that have done their work are forgotten, in bounded batches, so that no delete holds locks for long.
//!
//! Contract: idempotency keys are kept 48 hours (twice what clients are promised), inbox rows and the outcomes of
//! released reservations 14 days: longer than any broker keeps the messages they guard against; finished pushes 30 days.

use std::time::Duration;

use sluice_kernel::{PortResult, Timestamp};

use crate::{database::Database, error::StoreResult};

const KEY_LIFE: Duration = Duration::from_hours(48);
const INBOX_LIFE: Duration = Duration::from_hours(24 * 14);
const OUTCOME_LIFE: Duration = Duration::from_hours(24 * 14);
const PUSH_LIFE: Duration = Duration::from_hours(24 * 30);

/// Rows one DELETE takes, or a few more where many share an instant.
const BATCH: i64 = 500;
/// Batches of a table in one call.
const MOST_BATCHES: u32 = 200;

/// Rows that were forgotten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Purged {
    pub idempotency_keys: u64,
    pub inbox: u64,
    pub outcomes: u64,
    pub pushes: u64,
}

#[derive(Clone)]
pub struct SqlHousekeeping {
    database: Database,
}

/// A table, its column of time, and which of its rows may go at all.
struct Shelf {
    table: &'static str,
    time: &'static str,
    filter: &'static str,
}

const KEYS: Shelf = Shelf { table: "idempotency_keys", time: "created_at", filter: "" };
const INBOX: Shelf = Shelf { table: "inbox", time: "at", filter: "" };
const OUTCOMES: Shelf = Shelf { table: "reservation_outcomes", time: "at", filter: "released = TRUE AND " };
/// Accepted and given up; what is pending stays.
const ACCEPTED: Shelf = Shelf { table: "webhook_deliveries", time: "since_at", filter: "state = 1 AND " };
const GIVEN_UP: Shelf = Shelf { table: "webhook_deliveries", time: "since_at", filter: "state = 2 AND " };
const TRIES: Shelf = Shelf { table: "webhook_attempts", time: "at", filter: "" };

impl SqlHousekeeping {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Forgets what is old enough; call it again after a while.
    pub async fn purge(&self, now: Timestamp) -> PortResult<Purged> {
        let purged = async {
            let pushes = now.minus(PUSH_LIFE);
            self.clear(&TRIES, pushes).await?;
            StoreResult::Ok(Purged {
                idempotency_keys: self.clear(&KEYS, now.minus(KEY_LIFE)).await?,
                inbox: self.clear(&INBOX, now.minus(INBOX_LIFE)).await?,
                outcomes: self.clear(&OUTCOMES, now.minus(OUTCOME_LIFE)).await?,
                pushes: self.clear(&ACCEPTED, pushes).await? + self.clear(&GIVEN_UP, pushes).await?,
            })
        };
        purged.await.map_err(|error| error.into_port("forgetting old rows"))
    }

    async fn clear(&self, shelf: &Shelf, before: Timestamp) -> StoreResult<u64> {
        let Shelf { table, time, filter } = shelf;
        let boundary = format!("SELECT {time} AS boundary FROM {table} WHERE {filter}{time} < ? ORDER BY {time} LIMIT 1 OFFSET ?");
        let delete = format!("DELETE FROM {table} WHERE {filter}{time} <= ?");
        let mut forgotten = 0;
        for _ in 0..MOST_BATCHES {
            let found = self.database.row(boundary.clone(), vec![before.as_millis().into(), (BATCH - 1).into()]).await?;
            let upto = match &found {
                Some(row) => row.try_get_by("boundary")?,
                // Fewer than a batch are left.
                None => before.as_millis() - 1,
            };
            forgotten += self.database.execute(delete.clone(), vec![upto.into()]).await?.rows_affected();
            if found.is_none() {
                break;
            }
        }
        Ok(forgotten)
    }
}
