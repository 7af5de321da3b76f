//! Receipts and write-offs, from the moment they are asked until they stand.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sea_orm::Value;
use sluice_events::{Fact, MovementKind, StockMoved};
use sluice_inventory::{Adjustment, AdjustmentBegin, AdjustmentId, AdjustmentLog, AdjustmentState};
use sluice_kernel::{PortResult, SkuId, StoreId, Timestamp};

use super::{StockMode, gate_state::shared_epoch, ledger, stock::kind_code};
use crate::{
    Database,
    error::{StoreError, StoreResult},
    messaging::outbox,
    multi_row::column,
    unit_of_work::UnitOfWork,
};

const PENDING: i16 = 0;
const DONE: i16 = 1;
const REJECTED: i16 = 2;

/// No adjustment is put off for longer; a later time was written by a clock that was ahead, and counts as over.
const MAX_PAUSE: Duration = Duration::from_mins(1);

pub struct SqlAdjustmentLog {
    database: Database,
    stock: StockMode,
}

impl SqlAdjustmentLog {
    pub fn new(database: Database, stock: StockMode) -> Self {
        Self { database, stock }
    }

    async fn read_unfinished(&self, before: Timestamp, now: Timestamp, limit: u32) -> StoreResult<Vec<Adjustment>> {
        let select = "SELECT id, store_id, sku_id, delta, reason, at FROM stock_adjustments \
                      WHERE status = ? AND at < ? AND (due_at <= ? OR due_at > ?) ORDER BY at LIMIT ?";
        let (due, ahead) = (now.as_millis(), now.plus(MAX_PAUSE).as_millis());
        let values: Vec<Value> = vec![PENDING.into(), before.as_millis().into(), due.into(), ahead.into(), i64::from(limit).into()];
        let rows = self.database.rows(select, values).await?;
        let read = |row| {
            Ok(Adjustment {
                id: AdjustmentId(column(row, 0)?),
                store: StoreId(column(row, 1)?),
                sku: SkuId(column(row, 2)?),
                delta: column(row, 3)?,
                reason: column(row, 4)?,
                at: Timestamp::from_millis(column(row, 5)?),
            })
        };
        rows.iter().map(read).collect()
    }
}

async fn begin(unit: &UnitOfWork, adjustment: &Adjustment) -> StoreResult<AdjustmentBegin> {
    let insert = "INSERT INTO stock_adjustments (id, store_id, sku_id, delta, reason, status, at) VALUES (?, ?, ?, ?, ?, ?, ?)";
    let values: Vec<Value> = vec![
        adjustment.id.0.as_str().into(),
        adjustment.store.0.into(),
        adjustment.sku.0.into(),
        adjustment.delta.into(),
        adjustment.reason.as_str().into(),
        PENDING.into(),
        adjustment.at.as_millis().into(),
    ];
    match unit.execute(insert, values).await {
        Ok(_) => return Ok(AdjustmentBegin::Begun),
        // The statement alone was undone.
        Err(error) if error.is_unique_violation() => {}
        Err(error) => return Err(error),
    }
    let select = "SELECT store_id, sku_id, delta, reason, status FROM stock_adjustments WHERE id = ?";
    let row = unit.row(select, vec![adjustment.id.0.as_str().into()]).await?.ok_or(StoreError::Corrupt("stock_adjustments"))?;
    let status: i16 = column(&row, 4)?;
    let same = column::<i64>(&row, 0)? == adjustment.store.0
        && column::<i64>(&row, 1)? == adjustment.sku.0
        && column::<i64>(&row, 2)? == adjustment.delta
        && column::<String>(&row, 3)? == adjustment.reason;
    Ok(match (status, same) {
        (REJECTED, _) => AdjustmentBegin::Rejected,
        (_, false) => AdjustmentBegin::KeyReused,
        (PENDING, true) => AdjustmentBegin::Unfinished,
        (_, true) => AdjustmentBegin::Done,
    })
}

async fn complete(unit: &UnitOfWork, stock: StockMode, adjustment: &Adjustment, epoch: i64) -> StoreResult<bool> {
    // A rebuild counts completed adjustments: it waits for this one, or this one learns of it.
    if shared_epoch(unit).await?.epoch != epoch {
        return Ok(false);
    }
    let update = "UPDATE stock_adjustments SET status = ? WHERE id = ? AND status = ?";
    if unit.execute(update, vec![DONE.into(), adjustment.id.0.as_str().into(), PENDING.into()]).await? == 0 {
        // Completed before.
        return Ok(true);
    }
    let movement = StockMoved {
        movement_id: adjustment.id.0.clone(),
        store_id: adjustment.store,
        sku_id: adjustment.sku,
        kind: MovementKind::Adjust,
        quantity: adjustment.delta,
        order_no: None,
        reason: Some(adjustment.reason.clone()),
        at: adjustment.at,
    };
    match stock {
        StockMode::InCommit => {
            let why = "UPDATE stock_ledger SET reason = ? WHERE movement_id = ? AND sku_id = ? AND kind = ?";
            let values: Vec<Value> = vec![
                adjustment.reason.as_str().into(),
                adjustment.id.0.as_str().into(),
                adjustment.sku.0.into(),
                kind_code(MovementKind::Adjust).into(),
            ];
            unit.execute(why, values).await?;
        }
        StockMode::Reserved => ledger::record(unit, std::slice::from_ref(&movement)).await?,
    }
    outbox::append(unit, &Fact::StockAdjusted { movement }, None, adjustment.at).await?;
    Ok(true)
}

async fn reject(unit: &UnitOfWork, id: &AdjustmentId, epoch: i64) -> StoreResult<bool> {
    // Another process may ask the gate that a rebuild made, and be told yes.
    if shared_epoch(unit).await?.epoch != epoch {
        return Ok(false);
    }
    let update = "UPDATE stock_adjustments SET status = ? WHERE id = ? AND status = ?";
    unit.execute(update, vec![REJECTED.into(), id.0.as_str().into(), PENDING.into()]).await?;
    Ok(true)
}

fn state_of(status: i16) -> AdjustmentState {
    match status {
        DONE => AdjustmentState::Done,
        REJECTED => AdjustmentState::Rejected,
        _ => AdjustmentState::Pending,
    }
}

#[async_trait]
impl AdjustmentLog for SqlAdjustmentLog {
    async fn begin(&self, adjustment: &Adjustment) -> PortResult<AdjustmentBegin> {
        self.database.transact("noting an adjustment", move |unit, _| begin(unit, adjustment).boxed()).await
    }

    async fn complete(&self, adjustment: &Adjustment, epoch: i64) -> PortResult<bool> {
        let (stock, adjustment) = (self.stock, Arc::new(adjustment.clone()));
        self.database
            .in_transaction("completing an adjustment", move |unit| {
                let adjustment = Arc::clone(&adjustment);
                Box::pin(async move { complete(unit, stock, &adjustment, epoch).await })
            })
            .await
    }

    async fn reject(&self, adjustment: &Adjustment, epoch: i64) -> PortResult<bool> {
        let id = Arc::new(adjustment.id.clone());
        self.database
            .in_transaction("rejecting an adjustment", move |unit| {
                let id = Arc::clone(&id);
                Box::pin(async move { reject(unit, &id, epoch).await })
            })
            .await
    }

    async fn state(&self, id: &AdjustmentId) -> PortResult<Option<AdjustmentState>> {
        let select = "SELECT status FROM stock_adjustments WHERE id = ?";
        let read = async {
            let row = self.database.row(select, vec![id.0.as_str().into()]).await?;
            row.map(|row| StoreResult::Ok(state_of(column(&row, 0)?))).transpose()
        };
        read.await.map_err(|error| error.into_port("reading an adjustment"))
    }

    async fn unfinished(&self, before: Timestamp, now: Timestamp, limit: u32) -> PortResult<Vec<Adjustment>> {
        self.read_unfinished(before, now, limit).await.map_err(|error| error.into_port("reading adjustments"))
    }

    async fn put_off(&self, id: &AdjustmentId, until: Timestamp) -> PortResult<()> {
        let update = "UPDATE stock_adjustments SET due_at = ? WHERE id = ?";
        let written = self.database.execute(update, vec![until.as_millis().into(), id.0.as_str().into()]).await;
        written.map(|_| ()).map_err(|error| error.into_port("putting an adjustment off"))
    }
}
