//! The outbox as the relay sees it.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sea_orm::{QueryResult, Value};
use sluice_events::{OutboxRow, OutboxStats, OutboxStore, Topic};
use sluice_kernel::{PortResult, Timestamp};

use super::{dead_letters, slice_lease};
use crate::{
    database::Database,
    error::{StoreError, StoreResult},
    statement::{padded, placeholders},
    unit_of_work::UnitOfWork,
};

/// Single rows that one DELETE forgets.
const MOST_DELETED: usize = 256;
/// From this length on, neighbouring ids are deleted as a range: one search instead of one a row.
const SHORTEST_RUN: usize = 8;

#[derive(Clone)]
pub struct SqlOutboxStore {
    database: Database,
}

impl SqlOutboxStore {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    async fn read(&self, slices: &[u16], now: Timestamp, limit: u32) -> StoreResult<Vec<OutboxRow>> {
        if slices.is_empty() {
            return Ok(Vec::new());
        }
        // `slice + 0` keeps the index on slices out: with it every poll would sort the whole backlog to find its oldest
        // rows; in the order of the ids it stops after the first few.
        let select = format!(
            "SELECT id, slice, payload, traceparent FROM outbox WHERE slice + 0 IN ({}) AND available_at <= ? ORDER BY id LIMIT ?",
            placeholders(slices.len())
        );
        let mut values: Vec<Value> = padded(slices).map(|slice| i64::from(slice).into()).collect();
        values.extend([now.as_millis().into(), i64::from(limit).into()]);
        self.database.rows(select, values).await?.iter().map(outbox_row).collect()
    }

    async fn read_stats(&self, now: Timestamp) -> StoreResult<OutboxStats> {
        let select = "SELECT COUNT(*) AS pending, MIN(available_at) AS oldest FROM outbox WHERE available_at <= ?";
        let Some(row) = self.database.row(select, vec![now.as_millis().into()]).await? else {
            return Ok(OutboxStats::default());
        };
        Ok(OutboxStats {
            pending: u64::try_from(row.try_get_by::<i64, _>("pending")?).unwrap_or(0),
            oldest: row.try_get_by::<Option<i64>, _>("oldest")?.map(Timestamp::from_millis),
        })
    }
}

fn outbox_row(row: &QueryResult) -> StoreResult<OutboxRow> {
    let slice = u16::try_from(row.try_get_by::<i64, _>("slice")?).map_err(|_| StoreError::Corrupt("outbox.slice"))?;
    Ok(OutboxRow {
        id: row.try_get_by("id")?,
        slice,
        payload: row.try_get_by("payload")?,
        traceparent: row.try_get_by("traceparent")?,
    })
}

/// Ids without a gap between them are a range that holds nobody else's rows.
async fn delete(unit: &UnitOfWork, ids: &[i64]) -> StoreResult<()> {
    let mut sorted = ids.to_vec();
    sorted.sort_unstable();
    let mut single: Vec<i64> = Vec::new();
    for run in sorted.chunk_by(|one, next| one.checked_add(1) == Some(*next)) {
        match run {
            [first, .., last] if run.len() >= SHORTEST_RUN => {
                unit.execute("DELETE FROM outbox WHERE id BETWEEN ? AND ?", vec![(*first).into(), (*last).into()]).await?;
            }
            _ => single.extend(run),
        }
    }
    for chunk in single.chunks(MOST_DELETED) {
        let delete = format!("DELETE FROM outbox WHERE id IN ({})", placeholders(chunk.len()));
        unit.execute(delete, padded(chunk).map(Value::from).collect()).await?;
    }
    Ok(())
}

async fn bury(unit: &UnitOfWork, row: &OutboxRow, error: &str, now: Timestamp) -> StoreResult<()> {
    let envelope = sluice_events::Envelope {
        // Which of its messages could not be made is not known; the letter stands under the first topic of all.
        topic: Topic::OrderCreated,
        key: format!("slice-{}", row.slice),
        id: format!("outbox/{}", row.id),
        kind: "sluice.outbox.unreadable".into(),
        time: now,
        traceparent: row.traceparent.clone(),
        data: row.payload.clone(),
    };
    let letter = sluice_events::DeadLetter {
        id: sluice_events::DeadLetterId(0),
        consumer: "relay".to_owned(),
        envelope,
        attempts: 1,
        error_code: "unreadable_fact".to_owned(),
        error_detail: error.to_owned(),
        at: now,
        replayed_at: None,
    };
    let (statement, values) = dead_letters::insert(unit.dialect(), &letter);
    unit.execute(statement, values).await?;
    delete(unit, &[row.id]).await
}

#[async_trait]
impl OutboxStore for SqlOutboxStore {
    async fn lease(&self, owner: &str, wanted: u16, now: Timestamp, ttl: Duration) -> PortResult<Vec<u16>> {
        self.database
            .transact("leasing outbox slices", move |unit, _| slice_lease::lease(unit, owner, wanted, now, ttl).boxed())
            .await
    }

    async fn release_leases(&self, owner: &str) -> PortResult<()> {
        let update = "UPDATE outbox_leases SET owner = '', until_at = 0 WHERE owner = ?";
        let released = self.database.execute(update, vec![owner.into()]).await;
        released.map(|_| ()).map_err(|error| error.into_port("releasing outbox slices"))
    }

    async fn pending(&self, slices: &[u16], now: Timestamp, limit: u32) -> PortResult<Vec<OutboxRow>> {
        self.read(slices, now, limit).await.map_err(|error| error.into_port("reading the outbox"))
    }

    async fn delivered(&self, ids: &[i64]) -> PortResult<()> {
        self.database.transact("forgetting delivered outbox rows", move |unit, _| delete(unit, ids).boxed()).await
    }

    async fn bury(&self, row: &OutboxRow, error: &str, now: Timestamp) -> PortResult<()> {
        self.database.transact("burying an outbox row", move |unit, _| bury(unit, row, error, now).boxed()).await
    }

    async fn stats(&self, now: Timestamp) -> PortResult<OutboxStats> {
        self.read_stats(now).await.map_err(|error| error.into_port("counting the outbox"))
    }
}
