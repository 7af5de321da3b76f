//! Lanes of events that stepped aside.
//!
//! Contract: whoever adds to a lane or takes from it holds its row, so a lane is gone exactly when nothing waits in it, and
//! its events leave in the order of their ids.

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sea_orm::{QueryResult, Value};
use sluice_events::{DeadLetterId, Envelope, Lane, Leaving, ParkedEvent, ParkedStore, Parking};
use sluice_kernel::{PortResult, Timestamp};

use super::dead_letters;
use crate::{
    database::Database,
    error::{StoreError, StoreResult},
    multi_row::{InList, MultiRow},
    statement::{insert_into, padded, placeholders},
    unit_of_work::UnitOfWork,
};

static EVENTS: MultiRow =
    MultiRow::insert("INSERT INTO parked_events (lane_id, envelope, attempts, parked_at, letter_id) VALUES ", "(?, ?, ?, ?, ?)", 5);
static GONE: InList = InList::new("DELETE FROM parked_events WHERE id IN", |_| "");
/// Characters of an error's story that are kept.
const MAX_DETAIL: usize = 4_000;

#[derive(Clone)]
pub struct SqlParkedStore {
    database: Database,
}

impl SqlParkedStore {
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

/// Puts events at the ends of their lanes inside a transaction.
pub(super) async fn park(
    unit: &UnitOfWork,
    owner: &str,
    events: &[Parking],
    letter: Option<DeadLetterId>,
    error: &str,
    now: Timestamp,
    next_try: Timestamp,
) -> StoreResult<()> {
    // Lanes in one order, so that two who park wait for each other at most.
    let mut lanes: BTreeMap<&str, i64> = events.iter().map(|event| (event.lane.as_str(), 0)).collect();
    for (name, id) in &mut lanes {
        *id = lane(unit, owner, name, error, next_try).await?;
    }
    let mut values = Vec::with_capacity(events.len() * 5);
    for event in events {
        values.extend::<[Value; 5]>([
            lanes.get(event.lane.as_str()).copied().unwrap_or_default().into(),
            serde_json::to_string(&event.envelope)?.into(),
            i64::from(event.attempts).into(),
            now.as_millis().into(),
            letter.map(|letter| letter.0).into(),
        ]);
    }
    EVENTS.run(unit, values).await?;
    Ok(())
}

/// The lane's row, made where there is none, and locked.
async fn lane(unit: &UnitOfWork, owner: &str, name: &str, error: &str, next_try: Timestamp) -> StoreResult<i64> {
    let insert = insert_into("parked_lanes", &["owner", "lane", "tries", "next_try_at", "error"], 1)
        + &unit.dialect().keep_existing("owner, lane");
    let error: String = error.chars().take(MAX_DETAIL).collect();
    let values: Vec<Value> = vec![owner.into(), name.into(), 0_i32.into(), next_try.as_millis().into(), error.into()];
    unit.execute(insert, values).await?;
    let select = format!("SELECT id FROM parked_lanes WHERE owner = ? AND lane = ?{}", unit.dialect().for_update());
    let row = unit.row(select, vec![owner.into(), name.into()]).await?;
    Ok(row.ok_or(StoreError::Corrupt("parked_lanes.lane"))?.try_get_by("id")?)
}

/// Returns true where the lane is gone.
async fn leave(unit: &UnitOfWork, lane: &Lane, leaving: &[Leaving], now: Timestamp) -> StoreResult<bool> {
    let lock = format!("SELECT id FROM parked_lanes WHERE id = ?{}", unit.dialect().for_update());
    unit.row(lock, vec![lane.id.into()]).await?;
    for gone in leaving {
        match (&gone.dead_letter, gone.event.letter) {
            (Some(letter), _) => {
                let (statement, values) = dead_letters::insert(unit.dialect(), letter)?;
                unit.execute(statement, values).await?;
            }
            (None, Some(letter)) => dead_letters::handled(unit, letter, now).await?,
            (None, None) => {}
        }
    }
    let ids: Vec<i64> = leaving.iter().map(|gone| gone.event.id).collect();
    GONE.execute(unit, &ids).await?;
    let next = unit.row("SELECT id FROM parked_events WHERE lane_id = ? ORDER BY id LIMIT 1", vec![lane.id.into()]).await?;
    if next.is_none() {
        unit.execute("DELETE FROM parked_lanes WHERE id = ?", vec![lane.id.into()]).await?;
        return Ok(true);
    }
    let update = "UPDATE parked_lanes SET tries = 0, next_try_at = ? WHERE id = ?";
    unit.execute(update, vec![now.as_millis().into(), lane.id.into()]).await?;
    Ok(false)
}

async fn postpone(unit: &UnitOfWork, lane: &Lane, attempts: u32, error: &str, next_try: Timestamp) -> StoreResult<()> {
    let update = "UPDATE parked_lanes SET tries = tries + 1, next_try_at = ?, error = ? WHERE id = ?";
    let error: String = error.chars().take(MAX_DETAIL).collect();
    unit.execute(update, vec![next_try.as_millis().into(), error.into(), lane.id.into()]).await?;
    let first = unit.row("SELECT id FROM parked_events WHERE lane_id = ? ORDER BY id LIMIT 1", vec![lane.id.into()]).await?;
    if let Some(first) = first {
        let id: i64 = first.try_get_by("id")?;
        unit.execute("UPDATE parked_events SET attempts = ? WHERE id = ?", vec![i64::from(attempts).into(), id.into()]).await?;
    }
    Ok(())
}

fn parked(row: &QueryResult) -> StoreResult<ParkedEvent> {
    let envelope: Envelope = serde_json::from_str(&row.try_get_by::<String, _>("envelope")?)?;
    Ok(ParkedEvent {
        id: row.try_get_by("id")?,
        envelope,
        attempts: u32::try_from(row.try_get_by::<i64, _>("attempts")?)
            .map_err(|_| StoreError::Corrupt("parked_events.attempts"))?,
        parked_at: Timestamp::from_millis(row.try_get_by("parked_at")?),
        letter: row.try_get_by::<Option<i64>, _>("letter_id")?.map(DeadLetterId),
    })
}

impl SqlParkedStore {
    async fn read_lanes(&self, limit: u32) -> StoreResult<Vec<(String, String)>> {
        let select = "SELECT owner, lane FROM parked_lanes ORDER BY id LIMIT ?";
        let rows = self.database.rows(select, vec![i64::from(limit).into()]).await?;
        rows.iter().map(|row| Ok((row.try_get_by("owner")?, row.try_get_by("lane")?))).collect()
    }

    async fn take(&self, owners: &[&str], now: Timestamp, until: Timestamp, limit: u32) -> StoreResult<Vec<Lane>> {
        if owners.is_empty() {
            return Ok(Vec::new());
        }
        let select = format!(
            "SELECT id, owner, lane, tries, next_try_at FROM parked_lanes WHERE owner IN ({}) AND next_try_at <= ? \
             ORDER BY next_try_at LIMIT ?",
            placeholders(owners.len())
        );
        let mut values: Vec<Value> = padded(owners).map(Value::from).collect();
        values.extend([now.as_millis().into(), i64::from(limit).into()]);
        let mut taken = Vec::new();
        for row in self.database.rows(select, values).await? {
            let (id, due): (i64, i64) = (row.try_get_by("id")?, row.try_get_by("next_try_at")?);
            // Whoever changes the time first has the lane.
            let update = "UPDATE parked_lanes SET next_try_at = ? WHERE id = ? AND next_try_at = ?";
            let values = vec![until.as_millis().into(), id.into(), due.into()];
            if self.database.execute(update, values).await?.rows_affected() == 1 {
                let tries = u32::try_from(row.try_get_by::<i64, _>("tries")?).unwrap_or(u32::MAX);
                taken.push(Lane { id, owner: row.try_get_by("owner")?, name: row.try_get_by("lane")?, tries });
            }
        }
        Ok(taken)
    }

    async fn read_events(&self, lane: &Lane, limit: u32) -> StoreResult<Vec<ParkedEvent>> {
        let select = "SELECT id, envelope, attempts, parked_at, letter_id FROM parked_events WHERE lane_id = ? ORDER BY id LIMIT ?";
        self.database.rows(select, vec![lane.id.into(), i64::from(limit).into()]).await?.iter().map(parked).collect()
    }
}

#[async_trait]
impl ParkedStore for SqlParkedStore {
    async fn park(&self, owner: &str, events: &[Parking], error: &str, now: Timestamp, next_try: Timestamp) -> PortResult<()> {
        self.database.transact("parking events", move |unit, _| park(unit, owner, events, None, error, now, next_try).boxed()).await
    }

    async fn lanes(&self, limit: u32) -> PortResult<Vec<(String, String)>> {
        self.read_lanes(limit).await.map_err(|error| error.into_port("reading parked lanes"))
    }

    async fn take_due(&self, owners: &[&str], now: Timestamp, until: Timestamp, limit: u32) -> PortResult<Vec<Lane>> {
        self.take(owners, now, until, limit).await.map_err(|error| error.into_port("taking parked lanes"))
    }

    async fn events(&self, lane: &Lane, limit: u32) -> PortResult<Vec<ParkedEvent>> {
        self.read_events(lane, limit).await.map_err(|error| error.into_port("reading parked events"))
    }

    async fn leave(&self, lane: &Lane, leaving: &[Leaving], now: Timestamp) -> PortResult<bool> {
        self.database.transact("settling parked events", move |unit, _| leave(unit, lane, leaving, now).boxed()).await
    }

    async fn postpone(&self, lane: &Lane, attempts: u32, error: &str, next_try: Timestamp) -> PortResult<()> {
        self.database
            .transact("postponing parked events", move |unit, _| postpone(unit, lane, attempts, error, next_try).boxed())
            .await
    }
}
