//! The outbox as the relay sees it.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sea_orm::{QueryResult, Value};
use sluice_events::{DeadLetter, Envelope, OutboxRow, OutboxStats, OutboxStore, SteppedAside, Topic};
use sluice_kernel::{PortResult, Timestamp};

use super::{letters, parking, slice_lease};
use crate::{
    database::Database,
    error::{IntoPort as _, StoreError, StoreResult},
    multi_row::tuple,
    statement::{MAX_COUNTED, padded, placeholders},
    table::{Row as _, row},
    unit_of_work::UnitOfWork,
};

/// No row is put off for longer: a row that lies further ahead was written by a clock that was ahead, and leaves at once.
const MAX_PUT_OFF: Duration = Duration::from_mins(1);
/// Single rows that one DELETE forgets.
const MAX_DELETED: usize = 256;
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
            "{} WHERE slice + 0 IN ({}) AND (available_at <= ? OR available_at > ?) ORDER BY id LIMIT ?",
            Waiting::select(),
            placeholders(slices.len())
        );
        let mut values: Vec<Value> = padded(slices).map(|slice| i64::from(slice).into()).collect();
        values.extend([now.as_millis().into(), now.plus(MAX_PUT_OFF).as_millis().into(), i64::from(limit).into()]);
        self.database.rows(select, values).await?.iter().map(outbox_row).collect()
    }

    async fn read_stats(&self, now: Timestamp) -> StoreResult<OutboxStats> {
        let select = "SELECT COUNT(*), MIN(available_at) \
                      FROM (SELECT available_at FROM outbox ORDER BY id LIMIT ?) AS looked_at WHERE available_at <= ?";
        // What stepped aside on the way to the bus has not left either. `id + 0` makes the lanes come first: from the events
        // the way would lead through those of all consumers.
        let aside = "SELECT COUNT(*), MIN(parked_at) FROM (SELECT e.parked_at FROM parked_lanes l \
                     JOIN parked_events e ON e.lane_id = l.id + 0 WHERE l.owner = ? LIMIT ?) AS looked_at";
        let (mut pending, mut oldest) = (0_u64, None::<i64>);
        let waiting = self.database.row(select, vec![MAX_COUNTED.into(), now.as_millis().into()]).await?;
        let aside = self.database.row(aside, vec![DeadLetter::RELAY.into(), MAX_COUNTED.into()]).await?;
        for row in waiting.iter().chain(&aside) {
            let (rows, first): (i64, Option<i64>) = tuple(row)?;
            pending = pending.saturating_add(u64::try_from(rows).unwrap_or(0));
            oldest = oldest.into_iter().chain(first).min();
        }
        Ok(OutboxStats { pending, oldest: oldest.map(Timestamp::from_millis) })
    }
}

row! {
    struct Waiting of outbox {
        id: i64,
        slice: i16,
        payload: String,
        traceparent: Option<String>,
    }
}

fn outbox_row(row: &QueryResult) -> StoreResult<OutboxRow> {
    let Waiting { id, slice, payload, traceparent } = Waiting::read(row)?;
    let slice = u16::try_from(slice).map_err(|_| StoreError::Corrupt("outbox.slice"))?;
    Ok(OutboxRow { id, slice, payload, traceparent })
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
    for chunk in single.chunks(MAX_DELETED) {
        let delete = format!("DELETE FROM outbox WHERE id IN ({})", placeholders(chunk.len()));
        unit.execute(delete, padded(chunk).map(Value::from).collect()).await?;
    }
    Ok(())
}

async fn dead_letter(unit: &UnitOfWork, row: &OutboxRow, error: &str, now: Timestamp) -> StoreResult<()> {
    let envelope = Envelope {
        // Which of its messages could not be made is not known; the letter stands under the first topic of all.
        topic: Topic::OrderCreated,
        key: format!("slice-{}", row.slice),
        id: format!("outbox/{}", row.id),
        kind: Envelope::UNREADABLE_FACT.into(),
        time: now,
        traceparent: row.traceparent.clone(),
        data: row.payload.clone(),
    };
    let letter = DeadLetter::fresh(DeadLetter::RELAY, envelope, 1, "unreadable_fact", error, now);
    letters::keep(unit, &letter).await?;
    delete(unit, &[row.id]).await
}

async fn step_aside(unit: &UnitOfWork, ids: &[i64], aside: &SteppedAside, now: Timestamp) -> StoreResult<()> {
    parking::park(unit, DeadLetter::RELAY, &aside.parked, None, &aside.error, now, aside.next_try).await?;
    for letter in &aside.dead_letters {
        letters::keep(unit, letter).await?;
    }
    delete(unit, ids).await
}

#[async_trait]
impl OutboxStore for SqlOutboxStore {
    async fn lease(&self, owner: &str, wanted: u16, now: Timestamp, ttl: Duration) -> PortResult<Vec<u16>> {
        self.database
            .transact(move |unit, _| slice_lease::lease(unit, owner, wanted, now, ttl).boxed())
            .await
            .into_port("leasing outbox slices")
    }

    async fn release_leases(&self, owner: &str) -> PortResult<()> {
        let update = "UPDATE outbox_leases SET owner = '', until_at = 0 WHERE owner = ?";
        let released = self.database.execute(update, vec![owner.into()]).await;
        released.map(|_| ()).into_port("releasing outbox slices")
    }

    async fn pending(&self, slices: &[u16], now: Timestamp, limit: u32) -> PortResult<Vec<OutboxRow>> {
        self.read(slices, now, limit).await.into_port("reading the outbox")
    }

    async fn delivered(&self, ids: &[i64]) -> PortResult<()> {
        self.database.transact(move |unit, _| delete(unit, ids).boxed()).await.into_port("forgetting delivered outbox rows")
    }

    async fn step_aside(&self, ids: &[i64], aside: &SteppedAside, now: Timestamp) -> PortResult<()> {
        self.database
            .transact(move |unit, _| step_aside(unit, ids, aside, now).boxed())
            .await
            .into_port("parking messages of the outbox")
    }

    async fn dead_letter(&self, row: &OutboxRow, error: &str, now: Timestamp) -> PortResult<()> {
        self.database
            .transact(move |unit, _| dead_letter(unit, row, error, now).boxed())
            .await
            .into_port("making a dead letter of an outbox row")
    }

    async fn stats(&self, now: Timestamp) -> PortResult<OutboxStats> {
        self.read_stats(now).await.into_port("counting the outbox")
    }
}
