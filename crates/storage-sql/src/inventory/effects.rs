//! Committed changes that a gate outside the database must still be told.
//!
//! Contract: a row belongs to a lane (its order, or its SKU); of a lane only the oldest row that is not given up is ever
//! handed out. A row that was handed out is due again when its lease ends, whatever became of who took it. A lease or
//! pause further ahead than any that is written was written by a clock that was ahead, and counts as over.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use sea_orm::{QueryResult, Value};
use sluice_inventory::{GateEffect, GateEffectRow, GateEffects};
use sluice_kernel::{OrderNo, PortResult, StoreId, Timestamp};

use crate::{
    Database,
    error::{IntoPort as _, StoreResult},
    multi_row::{MultiRow, tuple},
    statement::{MAX_ROWS, padded, placeholders},
    stored::Stored,
    table::{Row as _, row},
    unit_of_work::UnitOfWork,
};

/// How long who took rows may work on them.
const LEASE: Duration = Duration::from_secs(10);
/// No lease or pause is longer.
const MAX_AHEAD: Duration = Duration::from_mins(1);
/// Characters of an error that are kept.
const MAX_ERROR: usize = 200;

/// Keeps an effect in the transaction that makes it true. `order` is the order it belongs to; none for a listing.
pub(crate) async fn queue_effect(unit: &UnitOfWork, effect: &GateEffect, order: Option<OrderNo>) -> StoreResult<()> {
    let row = NewEffect { payload: serde_json::to_string(effect)?, store_id: effect.store().0, lane: lane_of(effect, order) };
    EFFECTS.run(unit, [row]).await?;
    Ok(())
}

row! {
    struct NewEffect of gate_effects {
        payload: String,
        store_id: i64,
        lane: String,
    }
}

row! {
    struct Taken of gate_effects {
        id: i64,
        lane: String,
        payload: String,
        attempts: Stored<u32>,
    }
}

static EFFECTS: MultiRow<NewEffect> = MultiRow::insert();

fn lane_of(effect: &GateEffect, order: Option<OrderNo>) -> String {
    match (effect, order) {
        (_, Some(order)) => order.to_string(),
        (GateEffect::Sell { reservation, .. } | GateEffect::Release { reservation, .. }, None) => reservation.order.to_string(),
        (GateEffect::Restock { refund, .. }, None) => format!("refund {refund}").chars().take(64).collect(),
        (GateEffect::Listing { sku, .. }, None) => format!("sku {sku}"),
    }
}

pub struct SqlGateEffects {
    database: Database,
    /// Unique to this process.
    owner: String,
    claims: AtomicU64,
}

impl SqlGateEffects {
    /// `owner` names this process as no other one is named.
    pub fn new(database: Database, owner: String) -> Self {
        Self { database, owner, claims: AtomicU64::new(0) }
    }

    /// Rows that a process of an earlier version wrote name neither store nor lane.
    async fn name_old_rows(&self) -> StoreResult<()> {
        let select = "SELECT id, payload FROM gate_effects WHERE given_up = FALSE AND store_id = 0 ORDER BY id LIMIT ?";
        for row in self.database.rows(select, vec![i64::try_from(MAX_ROWS).unwrap_or(i64::MAX).into()]).await? {
            let (id, payload): (i64, String) = tuple(&row)?;
            let Ok(effect) = serde_json::from_str::<GateEffect>(&payload) else {
                self.give_up(id, "it can't be read").await?;
                continue;
            };
            let update = "UPDATE gate_effects SET store_id = ?, lane = ? WHERE id = ?";
            self.database.execute(update, vec![effect.store().0.into(), lane_of(&effect, None).into(), id.into()]).await?;
        }
        Ok(())
    }

    /// A seek for each store: a store with a long queue costs no more than one with a short one.
    async fn read_stores(&self, after: Option<StoreId>, limit: u32) -> StoreResult<Vec<StoreId>> {
        let mut last = after.map_or(0, |store| store.0);
        if after.is_none() {
            self.name_old_rows().await?;
        }
        let mut stores = Vec::new();
        for _ in 0..limit {
            let next = "SELECT store_id FROM gate_effects WHERE given_up = FALSE AND store_id > ? ORDER BY store_id LIMIT 1";
            let Some(row) = self.database.row(next, vec![last.into()]).await? else { break };
            last = tuple(&row)?;
            stores.push(StoreId(last));
        }
        Ok(stores)
    }

    async fn take(&self, store: StoreId, limit: u32, now: Timestamp) -> StoreResult<Vec<GateEffectRow>> {
        let due = "g.given_up = FALSE AND g.store_id = ? AND (g.due_at <= ? OR g.due_at > ?)";
        let select = format!(
            "SELECT {} FROM gate_effects g WHERE {due} AND NOT EXISTS \
             (SELECT 1 FROM gate_effects e WHERE e.lane = g.lane AND e.given_up = FALSE AND e.id < g.id) ORDER BY g.due_at, g.id LIMIT ?",
            Taken::columns_of("g")
        );
        let ahead = now.plus(MAX_AHEAD).as_millis();
        let values: Vec<Value> = vec![store.0.into(), now.as_millis().into(), ahead.into(), i64::from(limit).into()];
        let rows: Vec<GateEffectRow> = self.database.rows(select, values).await?.iter().map(read).collect::<StoreResult<_>>()?;
        let mut taken = Vec::with_capacity(rows.len());
        for rows in rows.chunks(MAX_ROWS) {
            let claim = format!("{}-{}", self.owner, self.claims.fetch_add(1, Ordering::Relaxed));
            let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
            let list = placeholders(ids.len());
            let update = format!(
                "UPDATE gate_effects SET due_at = ?, claim = ? WHERE (due_at <= ? OR due_at > ?) AND given_up = FALSE AND id IN ({list})"
            );
            let mut values: Vec<Value> =
                vec![now.plus(LEASE).as_millis().into(), claim.as_str().into(), now.as_millis().into(), ahead.into()];
            values.extend(padded(&ids).map(Value::from));
            let claimed = self.database.execute(update, values).await?.rows_affected();
            if claimed == u64::try_from(rows.len()).unwrap_or(u64::MAX) {
                taken.extend_from_slice(rows);
                continue;
            }
            let select = format!("SELECT id FROM gate_effects WHERE claim = ? AND id IN ({list})");
            let mut values: Vec<Value> = vec![claim.into()];
            values.extend(padded(&ids).map(Value::from));
            let mine: Vec<i64> = self.database.rows(select, values).await?.iter().map(tuple).collect::<StoreResult<_>>()?;
            taken.extend(rows.iter().filter(|row| mine.contains(&row.id)).cloned());
        }
        Ok(taken)
    }

    async fn for_each_chunk(&self, head: &str, first: Option<i64>, ids: &[i64]) -> StoreResult<()> {
        for ids in ids.chunks(MAX_ROWS) {
            let statement = format!("{head} WHERE id IN ({})", placeholders(ids.len()));
            let values = first.into_iter().chain(padded(ids)).map(Value::from).collect();
            self.database.execute(statement, values).await?;
        }
        Ok(())
    }

    async fn note_failure(&self, id: i64, why: &str, until: Option<Timestamp>) -> StoreResult<()> {
        let Some(until) = until else { return self.give_up(id, why).await };
        let update = "UPDATE gate_effects SET attempts = attempts + 1, error = ?, due_at = ? WHERE id = ?";
        self.database.execute(update, vec![short(why).into(), until.as_millis().into(), id.into()]).await?;
        Ok(())
    }

    async fn give_up(&self, id: i64, why: &str) -> StoreResult<()> {
        let update = "UPDATE gate_effects SET attempts = attempts + 1, error = ?, given_up = TRUE WHERE id = ?";
        self.database.execute(update, vec![short(why).into(), id.into()]).await?;
        Ok(())
    }

    async fn count_given_up(&self) -> StoreResult<u64> {
        let row = self.database.row("SELECT COUNT(*) FROM gate_effects WHERE given_up = TRUE", vec![]).await?;
        row.map_or(Ok(0), |row| Ok(u64::try_from(tuple::<i64>(&row)?).unwrap_or(0)))
    }
}

fn short(why: &str) -> String {
    why.chars().take(MAX_ERROR).collect()
}

fn read(row: &QueryResult) -> StoreResult<GateEffectRow> {
    let Taken { id, lane, payload, attempts } = Taken::read(row)?;
    Ok(GateEffectRow { id, lane, effect: serde_json::from_str(&payload).ok(), attempts: attempts.0 })
}

#[async_trait]
impl GateEffects for SqlGateEffects {
    async fn stores(&self, after: Option<StoreId>, limit: u32) -> PortResult<Vec<StoreId>> {
        self.read_stores(after, limit).await.into_port("reading gate effects")
    }

    async fn claim(&self, store: StoreId, limit: u32, now: Timestamp) -> PortResult<Vec<GateEffectRow>> {
        self.take(store, limit, now).await.into_port("taking gate effects")
    }

    async fn done(&self, ids: &[i64]) -> PortResult<()> {
        let done = self.for_each_chunk("DELETE FROM gate_effects", None, ids).await;
        done.into_port("forgetting gate effects")
    }

    async fn put_off(&self, ids: &[i64], until: Timestamp) -> PortResult<()> {
        let put_off = self.for_each_chunk("UPDATE gate_effects SET due_at = ?", Some(until.as_millis()), ids).await;
        put_off.into_port("putting gate effects off")
    }

    async fn failed(&self, id: i64, why: &str, until: Option<Timestamp>) -> PortResult<()> {
        self.note_failure(id, why, until).await.into_port("noting a gate effect's failure")
    }

    async fn forget_given_up(&self) -> PortResult<u64> {
        let forgotten = self.database.execute("DELETE FROM gate_effects WHERE given_up = TRUE", vec![]).await;
        forgotten.map(|done| done.rows_affected()).into_port("forgetting gate effects")
    }

    async fn given_up(&self) -> PortResult<u64> {
        self.count_given_up().await.into_port("counting gate effects")
    }
}
