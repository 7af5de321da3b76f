//! Receipts and write-offs, from the moment they are asked until they stand.

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::Value;
use sluice_events::{Fact, MovementKind, StockMoved};
use sluice_inventory::{Adjustment, AdjustmentId, AdjustmentLog};
use sluice_kernel::{PortResult, SkuId, StoreId, Timestamp};

use super::{StockMode, gate_state::shared_epoch, ledger, stock::kind_code};
use crate::{Database, error::StoreResult, messaging::outbox, multi_row::column, unit_of_work::UnitOfWork};

const PENDING: i16 = 0;
const DONE: i16 = 1;
const REJECTED: i16 = 2;

pub struct SqlAdjustmentLog {
    database: Database,
    stock: StockMode,
}

impl SqlAdjustmentLog {
    pub fn new(database: Database, stock: StockMode) -> Self {
        Self { database, stock }
    }

    async fn read_unfinished(&self, before: Timestamp, limit: u32) -> StoreResult<Vec<Adjustment>> {
        let select =
            "SELECT id, store_id, sku_id, delta, reason, at FROM stock_adjustments WHERE status = ? AND at < ? ORDER BY at LIMIT ?";
        let values: Vec<Value> = vec![PENDING.into(), before.as_millis().into(), i64::from(limit).into()];
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

#[async_trait]
impl AdjustmentLog for SqlAdjustmentLog {
    async fn begin(&self, adjustment: &Adjustment) -> PortResult<bool> {
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
        match self.database.execute(insert, values).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_unique_violation() => Ok(false),
            Err(error) => Err(error.into_port("noting an adjustment")),
        }
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

    async fn reject(&self, id: &AdjustmentId) -> PortResult<()> {
        let update = "UPDATE stock_adjustments SET status = ? WHERE id = ? AND status = ?";
        let written = self.database.execute(update, vec![REJECTED.into(), id.0.as_str().into(), PENDING.into()]).await;
        written.map(|_| ()).map_err(|error| error.into_port("rejecting an adjustment"))
    }

    async fn unfinished(&self, before: Timestamp, limit: u32) -> PortResult<Vec<Adjustment>> {
        self.read_unfinished(before, limit).await.map_err(|error| error.into_port("reading adjustments"))
    }
}
