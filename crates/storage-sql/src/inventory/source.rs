//! What a gate outside the database is rebuilt from (promise P7): the stock rows with what they do not have yet, and the
//! open orders. Beside it what follows from all orders and receipts alone, for comparing (`sluice reconcile`).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_trait::async_trait;
use sluice_events::{MovementKind, StockMoved};
use sluice_inventory::{Figures, GateEffect, GateSnapshot, GateSource, Listing, ReserveLine, TakenOfLimit, UserLimit};
use sluice_kernel::{Clock, OrderNo, PortResult, ReservationId, SkuId, StoreId, Timestamp, UserId};

use super::{
    gate_state::present_epoch,
    limits::{LimitKey, Taken},
    unrecorded,
};
use crate::{
    Database,
    error::StoreResult,
    multi_row::{InList, column},
    unit_of_work::UnitOfWork,
};

/// Items of orders that hold units (`hold` 1) or have bought them (2). An order that was paid after its close never
/// bought anything: its refund leaves it cancelled and in its first attempt.
const ITEMS_OF_ORDERS: &str = "\
    FROM orders o JOIN order_items i ON i.main_no = o.order_no \
    WHERE (o.status IN (1, 2, 3, 4, 5) OR (o.status = 9 AND (o.cancel_reason IS NULL OR o.attempt > 1)))";

/// The kind of an order of an activity.
const ACTIVITY: i16 = 2;

/// What these users of a store have taken of the SKUs of activities, by SKU and user.
static TAKEN_BY_USERS: InList = InList::new(
    "SELECT i.sku_id, o.user_id, COUNT(*), CAST(SUM(i.quantity) AS SIGNED) FROM orders o JOIN order_items i ON i.main_no = o.order_no \
     WHERE (o.status IN (1, 2, 3, 4, 5) OR (o.status = 9 AND (o.cancel_reason IS NULL OR o.attempt > 1))) \
     AND o.kind = ? AND o.store_id = ? AND o.user_id IN",
    |_| " GROUP BY i.sku_id, o.user_id",
);
static RESTOCKED: InList = InList::new("SELECT movement_id, sku_id FROM stock_ledger WHERE movement_id IN", |_| " AND kind = 4");

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
        let read = snapshot(&unit, self.clock.now()).await;
        unit.rollback().await;
        read
    }
}

/// The figures of every SKU with its listing: its stock row, and what that does not have yet.
async fn read_figures(unit: &UnitOfWork, restocks: &[StockMoved], now: Timestamp) -> StoreResult<GateSnapshot> {
    let mut changes: BTreeMap<(StoreId, SkuId), Figures> = BTreeMap::new();
    let mut change = |store: StoreId, sku: SkuId, kind: MovementKind, units: i64| {
        let figures = changes.entry((store, sku)).or_default();
        *figures = figures.after(kind, units);
    };
    for (store, sku, kind, units) in unrecorded::waiting(unit).await? {
        change(store, sku, kind, units);
    }
    let mut after = String::new();
    loop {
        let reservations = unrecorded::next_chunk(unit, &after).await?;
        let Some(last) = reservations.last() else { break };
        after.clone_from(last);
        for missing in unrecorded::compare(unit, &reservations, now).await?.missing {
            change(missing.store_id, missing.sku_id, missing.kind, missing.quantity);
        }
    }
    for missing in restocks {
        change(missing.store_id, missing.sku_id, missing.kind, missing.quantity);
    }

    let mut snapshot = GateSnapshot::default();
    let skus = "SELECT s.store_id, s.id, s.revision, s.listed = TRUE AND s.deleted = FALSE AND p.listed = TRUE AND p.deleted = FALSE, \
                COALESCE(k.usable, 0), COALESCE(k.locked, 0), COALESCE(k.sold, 0), COALESCE(k.received, 0), \
                CASE WHEN k.locked = 0 AND k.sold = 0 AND NOT EXISTS (SELECT 1 FROM stock_ledger l \
                WHERE l.applied = TRUE AND l.sku_id = s.id AND l.kind <> 5) THEN 1 ELSE 0 END \
                FROM skus s JOIN products p ON p.id = s.product_id LEFT JOIN stock k ON k.sku_id = s.id ORDER BY s.id";
    for row in unit.rows(skus, vec![]).await? {
        let (store, sku) = (StoreId(column(&row, 0)?), SkuId(column(&row, 1)?));
        let listing = Listing { buyable: column::<i64>(&row, 3)? == 1, revision: column(&row, 2)? };
        let mut figures =
            Figures { usable: column(&row, 4)?, locked: column(&row, 5)?, sold: column(&row, 6)?, received: column(&row, 7)? };
        let changed = changes.get(&(store, sku));
        if let Some(Figures { usable, locked, sold, received }) = changed {
            figures.usable += usable;
            figures.locked += locked;
            figures.sold += sold;
            figures.received += received;
        }
        if changed.is_none() && column::<i64>(&row, 8)? == 1 {
            snapshot.untouched.push((store, sku));
        }
        snapshot.skus.push((store, sku, figures, listing));
    }
    Ok(snapshot)
}

/// Reservations of open orders, and what their users have taken of limits.
async fn read_held(unit: &UnitOfWork, snapshot: &mut GateSnapshot) -> StoreResult<()> {
    let held = "SELECT o.store_id, o.order_no, o.attempt, i.sku_id, i.quantity, o.kind, o.user_id \
                FROM orders o JOIN order_items i ON i.main_no = o.order_no WHERE o.status IN (1, 2) ORDER BY o.order_no, i.sku_id";
    let mut users: BTreeMap<StoreId, BTreeSet<String>> = BTreeMap::new();
    for row in unit.rows(held, vec![]).await? {
        let order = OrderNo::from_id(column(&row, 1)?);
        let attempt: i16 = column(&row, 2)?;
        let reservation = ReservationId { order, attempt: attempt.unsigned_abs() };
        let line = ReserveLine { sku: SkuId(column(&row, 3)?), quantity: column(&row, 4)?, revision: None };
        match snapshot.held.last_mut() {
            Some((_, last, lines, _)) if *last == reservation => lines.push(line),
            _ => {
                let (store, user) = (StoreId(column(&row, 0)?), UserId(column(&row, 6)?));
                let is_of_activity = column::<i16>(&row, 5)? == ACTIVITY;
                if is_of_activity {
                    users.entry(store).or_default().insert(user.as_str().to_owned());
                }
                // An order of an activity has one item.
                let limit = is_of_activity.then_some(UserLimit {
                    sku: line.sku,
                    user,
                    units: line.quantity,
                    most_orders: None,
                    most_units: None,
                });
                snapshot.held.push((store, reservation, vec![line], limit));
            }
        }
    }
    for (store, users) in users {
        let users: Vec<String> = users.into_iter().collect();
        for row in TAKEN_BY_USERS.rows_with(unit, &[ACTIVITY.into(), store.0.into()], &users).await? {
            snapshot.taken.push(TakenOfLimit {
                store,
                sku: SkuId(column(&row, 0)?),
                user: UserId(column(&row, 1)?),
                orders: column(&row, 2)?,
                units: column(&row, 3)?,
            });
        }
    }
    Ok(())
}

async fn taken_by(database: &Database, store: StoreId, sku: SkuId, user: &UserId) -> StoreResult<(i64, i64)> {
    let select = format!(
        "SELECT COUNT(*), CAST(COALESCE(SUM(i.quantity), 0) AS SIGNED) {ITEMS_OF_ORDERS} AND o.kind = ? AND o.store_id = ? \
         AND o.user_id = ? AND i.sku_id = ?"
    );
    let values = vec![ACTIVITY.into(), store.0.into(), user.as_str().into(), sku.0.into()];
    let row = database.row(select, values).await?;
    row.map_or(Ok((0, 0)), |row| Ok((column(&row, 0)?, column(&row, 1)?)))
}

async fn snapshot(unit: &UnitOfWork, now: Timestamp) -> StoreResult<GateSnapshot> {
    let (mut restocks, mut restocked, mut settled) = (Vec::new(), Vec::new(), Vec::new());
    for row in unit.rows("SELECT payload FROM gate_effects ORDER BY id", vec![]).await? {
        let payload: String = column(&row, 0)?;
        // One that can't be read holds up no rebuild: what it tells of is counted from the orders.
        match serde_json::from_str(&payload) {
            Ok(GateEffect::Restock { store, refund, lines }) => {
                restocks.extend(lines.iter().map(|line| restock(store, &refund, line.sku_id, line.quantity, now)));
                restocked.push((store, refund));
            }
            Ok(GateEffect::Sell { store, reservation }) => settled.push((store, reservation, true)),
            Ok(GateEffect::Release { store, reservation }) => settled.push((store, reservation, false)),
            Ok(GateEffect::Listing { .. }) | Err(_) => {}
        }
    }
    let refunds: Vec<String> = restocked.iter().map(|(_, refund)| refund.clone()).collect();
    let mut recorded: BTreeSet<(String, i64)> = BTreeSet::new();
    for row in RESTOCKED.rows(unit, &refunds).await? {
        recorded.insert((column(&row, 0)?, column(&row, 1)?));
    }
    restocks.retain(|restock| !recorded.contains(&(restock.movement_id.clone(), restock.sku_id.0)));
    let mut snapshot = read_figures(unit, &restocks, now).await?;
    (snapshot.restocked, snapshot.settled) = (restocked, settled);
    read_held(unit, &mut snapshot).await?;
    Ok(snapshot)
}

fn restock(store_id: StoreId, refund: &str, sku_id: SkuId, quantity: i64, at: Timestamp) -> StockMoved {
    let movement_id = refund.to_owned();
    StockMoved { movement_id, store_id, sku_id, kind: MovementKind::Restock, quantity, order_no: None, reason: None, at }
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
        self.read_snapshot().await.map_err(|error| error.into_port("counting the stock"))
    }

    async fn taken_by(&self, store: StoreId, sku: SkuId, user: &UserId) -> PortResult<(i64, i64)> {
        taken_by(&self.database, store, sku, user).await.map_err(|error| error.into_port("counting what a user has taken"))
    }

    async fn open(&self, epoch: i64) -> PortResult<bool> {
        self.set_open(epoch).await.map_err(|error| error.into_port("opening the gate"))
    }
}
