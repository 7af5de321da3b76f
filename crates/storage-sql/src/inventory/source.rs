//! What a gate outside the database is rebuilt from (promise P7): the figures and the users' limits that follow from
//! orders and receipts alone.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use sluice_inventory::{Figures, GateEffect, GateSnapshot, GateSource, Listing, ReserveLine, TakenOfLimit, UserLimit};
use sluice_kernel::{Clock, OrderNo, PortResult, ReservationId, SkuId, StoreId, UserId};

use super::{
    gate_state::present_epoch,
    limits::{LimitKey, Taken},
};
use crate::{Database, error::StoreResult, multi_row::column, unit_of_work::UnitOfWork};

/// Items of orders that hold units (`hold` 1) or have bought them (2). An order that was paid after its close never
/// bought anything: its refund leaves it cancelled and in its first attempt.
const ITEMS_OF_ORDERS: &str = "\
    FROM orders o JOIN order_items i ON i.main_no = o.order_no \
    WHERE (o.status IN (1, 2, 3, 4, 5) OR (o.status = 9 AND (o.cancel_reason IS NULL OR o.attempt > 1)))";

/// The kind of an order of an activity.
const ACTIVITY: i16 = 2;

/// Figures of every SKU with a receipt or an order, counted from these alone.
pub(super) async fn counted(unit: &UnitOfWork) -> StoreResult<BTreeMap<(StoreId, SkuId), Figures>> {
    let mut counted: BTreeMap<(StoreId, SkuId), Figures> = BTreeMap::new();
    let received =
        "SELECT store_id, sku_id, CAST(SUM(delta) AS SIGNED) FROM stock_adjustments WHERE status = 1 GROUP BY store_id, sku_id";
    for row in unit.rows(received, vec![]).await? {
        let figures = counted.entry((StoreId(column(&row, 0)?), SkuId(column(&row, 1)?))).or_default();
        figures.received = column(&row, 2)?;
    }
    let units = format!(
        "SELECT i.store_id, i.sku_id, CASE WHEN o.status IN (1, 2) THEN 1 ELSE 2 END AS hold, \
         CAST(SUM(i.quantity) AS SIGNED), CAST(SUM(i.restocked) AS SIGNED) {ITEMS_OF_ORDERS} GROUP BY i.store_id, i.sku_id, hold"
    );
    for row in unit.rows(units, vec![]).await? {
        let figures = counted.entry((StoreId(column(&row, 0)?), SkuId(column(&row, 1)?))).or_default();
        let (hold, units, restocked): (i64, i64, i64) = (column(&row, 2)?, column(&row, 3)?, column(&row, 4)?);
        if hold == 1 {
            figures.locked = units;
        } else {
            figures.sold = units - restocked;
        }
    }
    for figures in counted.values_mut() {
        figures.usable = figures.received - figures.locked - figures.sold;
    }
    Ok(counted)
}

/// What every user has taken of the SKUs of activities, counted from orders alone. A refund gives none of it back.
pub(super) async fn taken(unit: &UnitOfWork) -> StoreResult<BTreeMap<LimitKey, (StoreId, Taken)>> {
    let select = format!(
        "SELECT i.store_id, i.sku_id, o.user_id, COUNT(*), CAST(SUM(i.quantity) AS SIGNED) {ITEMS_OF_ORDERS} AND o.kind = ? \
         GROUP BY i.store_id, i.sku_id, o.user_id"
    );
    let mut taken = BTreeMap::new();
    for row in unit.rows(select, vec![ACTIVITY.into()]).await? {
        let key = LimitKey { sku: SkuId(column(&row, 1)?), user: UserId(column(&row, 2)?) };
        let counted = Taken { orders: column(&row, 3)?, units: column(&row, 4)? };
        taken.insert(key, (StoreId(column(&row, 0)?), counted));
    }
    Ok(taken)
}

pub struct SqlGateSource {
    database: Database,
    clock: Arc<dyn Clock>,
}

impl SqlGateSource {
    pub fn new(database: Database, clock: Arc<dyn Clock>) -> Self {
        Self { database, clock }
    }

    async fn raise(&self, expected: i64) -> StoreResult<Option<i64>> {
        // Waits for every commit that holds the row's share lock.
        let update = "UPDATE gate_state SET epoch = epoch + 1, open = FALSE, changed_at = ? WHERE id = 1 AND epoch = ?";
        let raised = self.database.execute(update, vec![self.clock.now().as_millis().into(), expected.into()]).await?;
        Ok((raised.rows_affected() == 1).then_some(expected + 1))
    }

    async fn set_open(&self, epoch: i64) -> StoreResult<bool> {
        let update = "UPDATE gate_state SET open = TRUE, changed_at = ? WHERE id = 1 AND epoch = ?";
        let opened = self.database.execute(update, vec![self.clock.now().as_millis().into(), epoch.into()]).await?;
        Ok(opened.rows_affected() == 1)
    }

    async fn read_snapshot(&self) -> StoreResult<GateSnapshot> {
        let unit = self.database.begin_snapshot().await?;
        let read = snapshot(&unit).await;
        unit.rollback().await;
        read
    }
}

async fn snapshot(unit: &UnitOfWork) -> StoreResult<GateSnapshot> {
    let counted = counted(unit).await?;
    let mut snapshot = GateSnapshot::default();
    let listings = "SELECT s.store_id, s.id, s.revision, s.listed = TRUE AND s.deleted = FALSE AND p.listed = TRUE AND p.deleted = FALSE \
                    FROM skus s JOIN products p ON p.id = s.product_id ORDER BY s.id";
    for row in unit.rows(listings, vec![]).await? {
        let (store, sku) = (StoreId(column(&row, 0)?), SkuId(column(&row, 1)?));
        let listing = Listing { buyable: column::<i64>(&row, 3)? == 1, revision: column(&row, 2)? };
        let figures = counted.get(&(store, sku)).copied().unwrap_or_default();
        snapshot.skus.push((store, sku, figures, listing));
    }
    let held = "SELECT o.store_id, o.order_no, o.attempt, i.sku_id, i.quantity, o.kind, o.user_id \
                FROM orders o JOIN order_items i ON i.main_no = o.order_no WHERE o.status IN (1, 2) ORDER BY o.order_no, i.sku_id";
    for row in unit.rows(held, vec![]).await? {
        let order = OrderNo::from_id(column(&row, 1)?);
        let attempt: i16 = column(&row, 2)?;
        let reservation = ReservationId { order, attempt: attempt.unsigned_abs() };
        let line = ReserveLine { sku: SkuId(column(&row, 3)?), quantity: column(&row, 4)?, revision: None };
        match snapshot.held.last_mut() {
            Some((_, last, lines, _)) if *last == reservation => lines.push(line),
            _ => {
                // An order of an activity has one item.
                let limit = (column::<i16>(&row, 5)? == ACTIVITY).then_some(UserLimit {
                    sku: line.sku,
                    user: UserId(column(&row, 6)?),
                    units: line.quantity,
                    most_orders: None,
                    most_units: None,
                });
                snapshot.held.push((StoreId(column(&row, 0)?), reservation, vec![line], limit));
            }
        }
    }
    for (LimitKey { sku, user }, (store, Taken { orders, units })) in taken(unit).await? {
        snapshot.taken.push(TakenOfLimit { store, sku, user, orders, units });
    }
    for row in unit.rows("SELECT payload FROM gate_effects ORDER BY id", vec![]).await? {
        let payload: String = column(&row, 0)?;
        if let GateEffect::Restock { store, refund, .. } = serde_json::from_str(&payload)? {
            snapshot.restocked.push((store, refund));
        }
    }
    Ok(snapshot)
}

#[async_trait]
impl GateSource for SqlGateSource {
    async fn epoch(&self) -> PortResult<(i64, bool)> {
        let present = present_epoch(&self.database).await.map_err(|error| error.into_port("the gate's epoch"))?;
        Ok((present.epoch, present.open))
    }

    async fn close(&self, expected: i64) -> PortResult<Option<i64>> {
        self.raise(expected).await.map_err(|error| error.into_port("closing the gate"))
    }

    async fn snapshot(&self) -> PortResult<GateSnapshot> {
        self.read_snapshot().await.map_err(|error| error.into_port("counting orders and receipts"))
    }

    async fn open(&self, epoch: i64) -> PortResult<bool> {
        self.set_open(epoch).await.map_err(|error| error.into_port("opening the gate"))
    }
}
