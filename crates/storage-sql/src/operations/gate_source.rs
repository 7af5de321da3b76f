//! What a gate outside the database is rebuilt from (promise P7): the stock rows with what they do not have yet, and the
//! open orders. Beside it what follows from all orders and receipts alone, for comparing (`sluice reconcile`).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_trait::async_trait;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, EntityTrait as _, QueryFilter as _, UpdateMany,
    sea_query::{Expr, ExprTrait as _},
};
use sluice_events::{MovementKind, StockMoved};
use sluice_inventory::{
    AdjustmentState, Figures, GateEffect, GateSnapshot, GateSource, Listing, ReserveLine, TakenOfLimit, UserLimit,
};
use sluice_kernel::{Clock, OrderNo, PortResult, ReservationId, SkuId, StoreId, Timestamp, UserId};
use sluice_order::{OrderKind, OrderStatus};

use super::record_check;
use crate::{
    Database,
    error::{IntoPort as _, StoreResult},
    inventory::{
        gate_state::{THE_ROW, present_epoch},
        limits::{LimitKey, Taken},
    },
    multi_row::{InList, tuple},
    stored::{Stored, code, code_list},
    table::{
        Places, Row as _,
        gate_state::{self, ActiveModel as GateRow, Column},
        row,
    },
    unit_of_work::UnitOfWork,
};

/// Orders that hold units.
const HOLDING: [OrderStatus; 2] = [OrderStatus::Unpaid, OrderStatus::Confirming];
/// Orders that have bought theirs.
const BOUGHT: [OrderStatus; 3] = [OrderStatus::Paid, OrderStatus::Fulfilled, OrderStatus::Completed];

/// Items of orders that hold units or have bought them. An order that was paid after its close never bought anything: its
/// refund leaves it cancelled and in its first attempt.
fn items_of_orders() -> String {
    let (holding, bought, refunded) = (code_list(&HOLDING), code_list(&BOUGHT), code(OrderStatus::Refunded));
    format!(
        "FROM orders o JOIN order_items i ON i.main_no = o.order_no AND (o.status IN ({holding}, {bought}) \
         OR (o.status = {refunded} AND (o.cancel_reason IS NULL OR o.attempt > 1)))"
    )
}

/// What these users of a store have taken of the SKUs of activities, by SKU and user.
static TAKEN_BY_USERS: InList = InList::with(
    || format!("SELECT i.sku_id, o.user_id, COUNT(*), CAST(SUM(i.quantity) AS SIGNED) {}", items_of_orders()),
    "o.kind = ? AND o.store_id = ? AND o.user_id",
    " GROUP BY i.sku_id, o.user_id",
    |_| "",
);
static MOVED: InList = InList::new(MovedRow::select, "movement_id");

row! {
    struct MovedRow of stock_ledger {
        movement_id: String,
        sku_id: i64,
        kind: Stored<MovementKind>,
    }
}

/// Figures of every SKU with a receipt or an order, counted from these alone.
pub(super) async fn counted(unit: &UnitOfWork) -> StoreResult<BTreeMap<(StoreId, SkuId), Figures>> {
    let mut counted: BTreeMap<(StoreId, SkuId), Figures> = BTreeMap::new();
    let received = format!(
        "SELECT store_id, sku_id, CAST(SUM(delta) AS SIGNED) FROM stock_adjustments WHERE status = {} GROUP BY store_id, sku_id",
        code(AdjustmentState::Done)
    );
    for row in unit.rows(received, vec![]).await? {
        let (store, sku, received) = tuple(&row)?;
        counted.entry((StoreId(store), SkuId(sku))).or_default().received = received;
    }
    let units = format!(
        "SELECT i.store_id, i.sku_id, CASE WHEN o.status IN ({}) THEN 1 ELSE 2 END AS hold, \
         CAST(SUM(i.quantity) AS SIGNED), CAST(SUM(i.restocked) AS SIGNED) {} GROUP BY i.store_id, i.sku_id, hold",
        code_list(&HOLDING),
        items_of_orders()
    );
    for row in unit.rows(units, vec![]).await? {
        let (store, sku, hold, units, restocked): (_, _, i64, i64, i64) = tuple(&row)?;
        let figures = counted.entry((StoreId(store), SkuId(sku))).or_default();
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
        "SELECT i.store_id, i.sku_id, o.user_id, COUNT(*), CAST(SUM(i.quantity) AS SIGNED) {} WHERE o.kind = ? \
         GROUP BY i.store_id, i.sku_id, o.user_id",
        items_of_orders()
    );
    let mut taken = BTreeMap::new();
    for row in unit.rows(select, vec![code(OrderKind::Activity).into()]).await? {
        let (store, sku, user, orders, units) = tuple(&row)?;
        taken.insert(LimitKey { sku: SkuId(sku), user: UserId(user) }, (StoreId(store), Taken { orders, units }));
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
        let raised = self.change(GateRow { open: Set(false), ..Default::default() }, expected);
        let raised = raised.col_expr(Column::Epoch, Expr::col(Column::Epoch).add(1)).exec(&self.database).await?;
        Ok((raised.rows_affected == 1).then_some(expected + 1))
    }

    async fn set_open(&self, epoch: i64) -> StoreResult<bool> {
        let opened = self.change(GateRow { open: Set(true), ..Default::default() }, epoch).exec(&self.database).await?;
        Ok(opened.rows_affected == 1)
    }

    /// A change of the gate's row that is in this epoch.
    fn change(&self, change: GateRow, epoch: i64) -> UpdateMany<gate_state::Entity> {
        let change = GateRow { changed_at: Set(Stored(self.clock.now())), ..change };
        gate_state::Entity::update_many().set(change).filter(Column::Id.eq(THE_ROW).and(Column::Epoch.eq(epoch)))
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
    for (store, sku, kind, units) in record_check::waiting(unit).await? {
        change(store, sku, kind, units);
    }
    let mut after = String::new();
    loop {
        let reservations = record_check::next_chunk(unit, &after).await?;
        let Some(last) = reservations.last() else { break };
        after.clone_from(last);
        for missing in record_check::compare(unit, &reservations, now).await?.missing {
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
                WHERE l.applied = TRUE AND l.sku_id = s.id AND l.kind <> ?) THEN 1 ELSE 0 END \
                FROM skus s JOIN products p ON p.id = s.product_id LEFT JOIN stock k ON k.sku_id = s.id ORDER BY s.id";
    for row in unit.rows(skus, vec![code(MovementKind::Adjust).into()]).await? {
        let (store, sku, revision, buyable, usable, locked, sold, received, untouched): (_, _, _, i64, _, _, _, _, i64) =
            tuple(&row)?;
        let (store, sku, listing) = (StoreId(store), SkuId(sku), Listing { buyable: buyable == 1, revision });
        let mut figures = Figures { usable, locked, sold, received };
        let changed = changes.get(&(store, sku));
        if let Some(Figures { usable, locked, sold, received }) = changed {
            figures.usable += usable;
            figures.locked += locked;
            figures.sold += sold;
            figures.received += received;
        }
        if changed.is_none() && untouched == 1 {
            snapshot.untouched.push((store, sku));
        }
        snapshot.skus.push((store, sku, figures, listing));
    }
    Ok(snapshot)
}

row! {
    struct HeldOrder of orders {
        store_id: i64,
        order_no: Stored<OrderNo>,
        attempt: i16,
        kind: Stored<OrderKind>,
        user_id: String,
    }
}

row! {
    struct HeldLine of order_items {
        sku_id: i64,
        quantity: i64,
    }
}

/// Reservations of open orders, and what their users have taken of limits.
async fn read_held(unit: &UnitOfWork, snapshot: &mut GateSnapshot) -> StoreResult<()> {
    let held = format!(
        "SELECT {}, {} FROM orders o JOIN order_items i ON i.main_no = o.order_no WHERE o.status IN ({}) ORDER BY o.order_no, i.sku_id",
        HeldOrder::columns_of("o"),
        HeldLine::columns_of("i"),
        code_list(&HOLDING)
    );
    let mut users: BTreeMap<StoreId, BTreeSet<String>> = BTreeMap::new();
    for row in unit.rows(held, vec![]).await? {
        let places = &mut Places::of(&row);
        let (order, line) = (HeldOrder::read_from(places)?, HeldLine::read_from(places)?);
        let reservation = ReservationId { order: order.order_no.0, attempt: order.attempt.unsigned_abs() };
        let line = ReserveLine { sku: SkuId(line.sku_id), quantity: line.quantity, revision: None };
        match snapshot.held.last_mut() {
            Some((_, last, lines, _)) if *last == reservation => lines.push(line),
            _ => {
                let (store, user) = (StoreId(order.store_id), UserId(order.user_id));
                let is_of_activity = order.kind.0 == OrderKind::Activity;
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
        for row in TAKEN_BY_USERS.rows_with(unit, &[code(OrderKind::Activity).into(), store.0.into()], &users).await? {
            let (sku, user, orders, units) = tuple(&row)?;
            snapshot.taken.push(TakenOfLimit { store, sku: SkuId(sku), user: UserId(user), orders, units });
        }
    }
    Ok(())
}

async fn taken_by(database: &Database, store: StoreId, sku: SkuId, user: &UserId) -> StoreResult<(i64, i64)> {
    let select = format!(
        "SELECT COUNT(*), CAST(COALESCE(SUM(i.quantity), 0) AS SIGNED) {} WHERE o.kind = ? AND o.store_id = ? \
         AND o.user_id = ? AND i.sku_id = ?",
        items_of_orders()
    );
    let values = vec![code(OrderKind::Activity).into(), store.0.into(), user.as_str().into(), sku.0.into()];
    let row = database.row(select, values).await?;
    row.map_or(Ok((0, 0)), |row| tuple(&row))
}

async fn snapshot(unit: &UnitOfWork, now: Timestamp) -> StoreResult<GateSnapshot> {
    let (mut restocks, mut restocked, mut settled) = (Vec::new(), Vec::new(), Vec::new());
    for row in unit.rows("SELECT payload FROM gate_effects ORDER BY id", vec![]).await? {
        let payload: String = tuple(&row)?;
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
    for row in MOVED.rows(unit, &refunds).await? {
        let MovedRow { movement_id, sku_id, kind } = MovedRow::read(&row)?;
        if kind.0 == MovementKind::Restock {
            recorded.insert((movement_id, sku_id));
        }
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
        let present = present_epoch(&self.database).await.into_port("the gate's epoch")?;
        Ok((present.epoch, present.open))
    }

    async fn close(&self, expected: i64) -> PortResult<Option<i64>> {
        self.raise(expected).await.into_port("closing the gate")
    }

    async fn snapshot(&self) -> PortResult<GateSnapshot> {
        self.read_snapshot().await.into_port("counting the stock")
    }

    async fn taken_by(&self, store: StoreId, sku: SkuId, user: &UserId) -> PortResult<(i64, i64)> {
        taken_by(&self.database, store, sku, user).await.into_port("counting what a user has taken")
    }

    async fn open(&self, epoch: i64) -> PortResult<bool> {
        self.set_open(epoch).await.into_port("opening the gate")
    }
}
