//! Receipts and write-offs, from the moment they are asked until they stand.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, sea_query::ExprTrait as _,
};
use sluice_events::{Fact, MovementKind, StockMoved};
use sluice_inventory::{Adjustment, AdjustmentBegin, AdjustmentId, AdjustmentLog, AdjustmentState};
use sluice_kernel::{PortResult, SkuId, StoreId, Timestamp};

use super::{StockMode, gate_state::shared_epoch, ledger};
use crate::{
    Database,
    error::{IntoPort as _, StoreError, StoreResult},
    messaging::outbox,
    stored::Stored,
    table::{
        stock_adjustments::{ActiveModel, Column, Entity, Model},
        stock_ledger,
    },
    unit_of_work::UnitOfWork,
};

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
        let due = Column::DueAt.lte(Stored(now)).or(Column::DueAt.gt(Stored(now.plus(MAX_PAUSE))));
        let wanted = Column::Status.eq(Stored(AdjustmentState::Pending)).and(Column::At.lt(Stored(before))).and(due);
        let found = Entity::find().filter(wanted).order_by_asc(Column::At).limit(u64::from(limit)).all(&self.database).await?;
        let read = |row: Model| Adjustment {
            id: AdjustmentId(row.id),
            store: StoreId(row.store_id),
            sku: SkuId(row.sku_id),
            delta: row.delta,
            reason: row.reason,
            at: row.at.0,
        };
        Ok(found.into_iter().map(read).collect())
    }
}

async fn begin(unit: &UnitOfWork, adjustment: &Adjustment) -> StoreResult<AdjustmentBegin> {
    let row = Model {
        id: adjustment.id.0.clone(),
        store_id: adjustment.store.0,
        sku_id: adjustment.sku.0,
        delta: adjustment.delta,
        reason: adjustment.reason.clone(),
        status: Stored(AdjustmentState::Pending),
        at: Stored(adjustment.at),
        due_at: Stored(Timestamp::from_millis(0)),
    };
    match Entity::insert(row.into_active_model()).exec(unit).await.map_err(StoreError::from) {
        Ok(_) => return Ok(AdjustmentBegin::Begun),
        // The statement alone was undone.
        Err(error) if error.is_unique_violation() => {}
        Err(error) => return Err(error),
    }
    let row = Entity::find_by_id(&adjustment.id.0).one(unit).await?.ok_or(StoreError::Corrupt("stock_adjustments"))?;
    let same = (row.store_id, row.sku_id, row.delta, row.reason.as_str())
        == (adjustment.store.0, adjustment.sku.0, adjustment.delta, adjustment.reason.as_str());
    Ok(match (row.status.0, same) {
        (AdjustmentState::Rejected, _) => AdjustmentBegin::Rejected,
        (_, false) => AdjustmentBegin::KeyReused,
        (AdjustmentState::Pending, true) => AdjustmentBegin::Unfinished,
        (AdjustmentState::Done, true) => AdjustmentBegin::Done,
    })
}

/// How far the adjustment is; it stays there until this transaction ends.
pub(super) async fn lock(unit: &UnitOfWork, id: &AdjustmentId) -> StoreResult<Option<AdjustmentState>> {
    Ok(Entity::find_by_id(&id.0).lock_exclusive().one(unit).await?.map(|row| row.status.0))
}

/// Ends a pending adjustment; `false` where it had ended before.
async fn end(unit: &UnitOfWork, id: &AdjustmentId, state: AdjustmentState) -> StoreResult<bool> {
    let ended = Entity::update_many()
        .set(ActiveModel { status: Set(Stored(state)), ..Default::default() })
        .filter(Column::Id.eq(&id.0).and(Column::Status.eq(Stored(AdjustmentState::Pending))));
    Ok(ended.exec(unit).await?.rows_affected > 0)
}

async fn complete(unit: &UnitOfWork, stock: StockMode, adjustment: &Adjustment, epoch: i64) -> StoreResult<bool> {
    // A rebuild counts completed adjustments: it waits for this one, or this one learns of it.
    if shared_epoch(unit).await?.epoch != epoch {
        return Ok(false);
    }
    if !end(unit, &adjustment.id, AdjustmentState::Done).await? {
        // Completed before, or refused.
        return Ok(lock(unit, &adjustment.id).await? == Some(AdjustmentState::Done));
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
            stock_ledger::Entity::update_many()
                .set(stock_ledger::ActiveModel { reason: Set(Some(adjustment.reason.clone())), ..Default::default() })
                .filter(stock_ledger::Column::MovementId.eq(&adjustment.id.0).and(stock_ledger::Column::SkuId.eq(adjustment.sku.0)))
                .filter(stock_ledger::Column::Kind.eq(Stored(MovementKind::Adjust)))
                .exec(unit)
                .await?;
        }
        StockMode::Reserved => ledger::record(unit, std::slice::from_ref(&movement)).await?,
    }
    outbox::append(unit, &Fact::StockAdjusted { movement }, adjustment.at).await?;
    Ok(true)
}

async fn reject(unit: &UnitOfWork, id: &AdjustmentId, epoch: i64) -> StoreResult<bool> {
    // Another process may ask the gate that a rebuild made, and be told yes.
    if shared_epoch(unit).await?.epoch != epoch {
        return Ok(false);
    }
    // Nor is it refused where another process asked after units had come: then its movement stands.
    lock(unit, id).await?;
    if ledger::is_noted(unit, &id.0, MovementKind::Adjust).await? {
        return Ok(false);
    }
    end(unit, id, AdjustmentState::Rejected).await?;
    Ok(true)
}

#[async_trait]
impl AdjustmentLog for SqlAdjustmentLog {
    async fn begin(&self, adjustment: &Adjustment) -> PortResult<AdjustmentBegin> {
        self.database.transact(move |unit, _| begin(unit, adjustment).boxed()).await.into_port("noting an adjustment")
    }

    async fn complete(&self, adjustment: &Adjustment, epoch: i64) -> PortResult<bool> {
        let stock = self.stock;
        self.database
            .transact(move |unit, _| complete(unit, stock, adjustment, epoch).boxed())
            .await
            .into_port("completing an adjustment")
    }

    async fn reject(&self, adjustment: &Adjustment, epoch: i64) -> PortResult<bool> {
        self.database
            .transact(move |unit, _| reject(unit, &adjustment.id, epoch).boxed())
            .await
            .into_port("rejecting an adjustment")
    }

    async fn state(&self, id: &AdjustmentId) -> PortResult<Option<AdjustmentState>> {
        let found = Entity::find_by_id(&id.0).one(&self.database).await.into_port("reading an adjustment")?;
        Ok(found.map(|row| row.status.0))
    }

    async fn unfinished(&self, before: Timestamp, now: Timestamp, limit: u32) -> PortResult<Vec<Adjustment>> {
        self.read_unfinished(before, now, limit).await.into_port("reading adjustments")
    }

    async fn put_off(&self, id: &AdjustmentId, until: Timestamp) -> PortResult<()> {
        let later = ActiveModel { due_at: Set(Stored(until)), ..Default::default() };
        let written = Entity::update_many().set(later).filter(Column::Id.eq(&id.0)).exec(&self.database).await;
        written.map(|_| ()).into_port("putting an adjustment off")
    }
}
