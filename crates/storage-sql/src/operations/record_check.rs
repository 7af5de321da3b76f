//! Movements of committed orders that the ledger behind a gate outside the database does not have (yet).
//!
//! Contract: an order that commits leaves a row in `reservation_outcomes` for its reservation. That row stays until the
//! order is closed and the ledger has all its movements; so whatever the ledger lacks belongs to a row that is there, and
//! finding it costs the same however many orders were ever placed. A reservation's movements follow from its order alone:
//! its lines, its status and its attempt.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sea_orm::{QueryResult, Value};
use sluice_events::{MovementKind, StockMoved};
use sluice_inventory::{Checked, RecordCheck};
use sluice_kernel::{OrderNo, PortResult, ReservationId, SkuId, StoreId, Timestamp};
use sluice_order::{CancelReason, OrderStatus};

use crate::{
    Database,
    error::{IntoPort as _, StoreResult},
    inventory::ledger,
    multi_row::{InList, tuple},
    stored::{At, Stored},
    table::{Places, Row as _, row},
    unit_of_work::UnitOfWork,
};

row! {
    struct OrderRow of orders {
        order_no: Stored<OrderNo>,
        store_id: i64,
        status: Stored<OrderStatus>,
        attempt: i16,
        cancel_reason: Option<Stored<CancelReason>>,
        created_at: At,
        paid_at: Option<At>,
    }
}

row! {
    struct LineRow of order_items {
        sku_id: i64,
        quantity: i64,
    }
}

row! {
    struct RecordedRow of stock_ledger {
        movement_id: String,
        sku_id: i64,
        kind: Stored<MovementKind>,
    }
}

static ORDERS: InList = InList::new(
    || {
        let (order, line) = (OrderRow::columns_of("o"), LineRow::columns_of("i"));
        format!("SELECT {order}, {line} FROM orders o JOIN order_items i ON i.main_no = o.order_no")
    },
    "o.order_no",
);
static RECORDED: InList = InList::new(RecordedRow::select, "movement_id");
static FORGET: InList = InList::new(|| "DELETE FROM reservation_outcomes".to_owned(), "released = FALSE AND reservation_id");
static LOOK_LATER: InList =
    InList::new(|| "UPDATE reservation_outcomes SET at = ?".to_owned(), "released = FALSE AND reservation_id");

/// Reservations that are read at once.
pub(super) const CHUNK: i64 = 512;

struct Order {
    store: StoreId,
    status: OrderStatus,
    attempt: i16,
    was_cancelled: bool,
    created_at: Timestamp,
    paid_at: Option<Timestamp>,
    lines: Vec<(SkuId, i64)>,
}

impl Order {
    /// What became of one of its reservations.
    fn fate(&self, attempt: u16) -> Fate {
        if attempt < self.attempt.unsigned_abs() {
            return Fate::Released;
        }
        match self.status {
            OrderStatus::Unpaid | OrderStatus::Confirming => Fate::Held,
            OrderStatus::Paid | OrderStatus::Fulfilled | OrderStatus::Completed => Fate::Sold,
            // Refunded after it was sold; or its money came after the close, found nothing and went back.
            OrderStatus::Refunded if !self.was_cancelled || self.attempt > 1 => Fate::Sold,
            OrderStatus::Refunded | OrderStatus::Cancelled | OrderStatus::Failed | OrderStatus::PaidAfterClose => Fate::Released,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Held,
    Sold,
    Released,
}

/// What was found of some reservations.
#[derive(Default)]
pub(super) struct Found {
    /// Movements the ledger lacks.
    pub(super) missing: Vec<StockMoved>,
    /// Reservations of orders that are closed.
    closed: Vec<String>,
    /// Those of the others.
    open: Vec<String>,
}

/// Compares the orders of these reservations with the ledger.
pub(super) async fn compare(unit: &UnitOfWork, reservations: &[String], now: Timestamp) -> StoreResult<Found> {
    let mut found = Found::default();
    let mut known: Vec<(String, ReservationId)> = Vec::with_capacity(reservations.len());
    for text in reservations {
        match text.parse() {
            Ok(id) => known.push((text.clone(), id)),
            Err(_) => found.open.push(text.clone()),
        }
    }
    let mut numbers: Vec<i64> = known.iter().map(|(_, id)| id.order.id()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let mut orders: HashMap<OrderNo, Order> = HashMap::with_capacity(numbers.len());
    for row in ORDERS.rows(unit, &numbers).await? {
        let places = &mut Places::of(&row);
        let (order, line) = (OrderRow::read_from(places)?, LineRow::read_from(places)?);
        orders.entry(order.order_no.0).or_insert_with(|| read_order(&order)).lines.push((SkuId(line.sku_id), line.quantity));
    }
    let mut recorded: HashSet<(String, i64, MovementKind)> = HashSet::new();
    for row in RECORDED.rows(unit, reservations).await? {
        let RecordedRow { movement_id, sku_id, kind } = RecordedRow::read(&row)?;
        recorded.insert((movement_id, sku_id, kind.0));
    }
    for (text, id) in known {
        let Some(order) = orders.get(&id.order).filter(|order| id.attempt <= order.attempt.unsigned_abs()) else {
            found.open.push(text);
            continue;
        };
        let fate = order.fate(id.attempt);
        let settled = match fate {
            Fate::Held => None,
            Fate::Sold => Some((MovementKind::Sell, order.paid_at.unwrap_or(now))),
            Fate::Released => Some((MovementKind::Release, now)),
        };
        for (kind, at) in [Some((MovementKind::Reserve, order.created_at)), settled].into_iter().flatten() {
            for (sku, quantity) in &order.lines {
                if !recorded.contains(&(text.clone(), sku.0, kind)) {
                    found.missing.push(moved(&text, id.order, order.store, *sku, kind, *quantity, at));
                }
            }
        }
        if fate == Fate::Held {
            found.open.push(text);
        } else {
            found.closed.push(text);
        }
    }
    Ok(found)
}

fn read_order(row: &OrderRow) -> Order {
    Order {
        store: StoreId(row.store_id),
        status: row.status.0,
        attempt: row.attempt,
        was_cancelled: row.cancel_reason.is_some(),
        created_at: row.created_at.0,
        paid_at: row.paid_at.map(|at| at.0),
        lines: Vec::new(),
    }
}

fn moved(id: &str, order: OrderNo, store: StoreId, sku: SkuId, kind: MovementKind, quantity: i64, at: Timestamp) -> StockMoved {
    StockMoved { movement_id: id.to_owned(), store_id: store, sku_id: sku, kind, quantity, order_no: Some(order), reason: None, at }
}

/// Sums of all ledger rows that the stock rows do not have yet: those that wait for a predecessor.
pub(super) async fn waiting(unit: &UnitOfWork) -> StoreResult<Vec<(StoreId, SkuId, MovementKind, i64)>> {
    let select = "SELECT store_id, sku_id, kind, CAST(SUM(quantity) AS SIGNED) FROM stock_ledger WHERE applied = FALSE \
                  GROUP BY store_id, sku_id, kind";
    let read = |row: &QueryResult| -> StoreResult<_> {
        let (store, sku, Stored(kind), units): (_, _, Stored<MovementKind>, _) = tuple(row)?;
        Ok((StoreId(store), SkuId(sku), kind, units))
    };
    unit.rows(select, vec![]).await?.iter().map(read).collect()
}

/// The next reservations after `after` whose movements may be missing, by key.
pub(super) async fn next_chunk(unit: &UnitOfWork, after: &str) -> StoreResult<Vec<String>> {
    let select = "SELECT reservation_id FROM reservation_outcomes WHERE released = FALSE AND reservation_id > ? \
                  ORDER BY reservation_id LIMIT ?";
    unit.rows(select, vec![after.into(), CHUNK.into()]).await?.iter().map(tuple).collect()
}

pub struct SqlRecordCheck {
    database: Database,
}

impl SqlRecordCheck {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    async fn due(&self, before: Timestamp, limit: u32) -> StoreResult<Vec<String>> {
        let select = "SELECT reservation_id FROM reservation_outcomes WHERE released = FALSE AND at < ? ORDER BY at LIMIT ?";
        let values: Vec<Value> = vec![before.as_millis().into(), i64::from(limit).into()];
        self.database.rows(select, values).await?.iter().map(tuple).collect()
    }
}

async fn check(unit: &UnitOfWork, reservations: &[String], now: Timestamp) -> StoreResult<Vec<StockMoved>> {
    let Found { missing, closed, open } = compare(unit, reservations, now).await?;
    if !missing.is_empty() {
        ledger::record(unit, &missing).await?;
    }
    FORGET.execute(unit, &closed).await?;
    LOOK_LATER.execute_with(unit, &[now.as_millis()], &open).await?;
    Ok(missing)
}

#[async_trait]
impl RecordCheck for SqlRecordCheck {
    async fn check(&self, older_than: Duration, now: Timestamp, limit: u32) -> PortResult<Checked> {
        let due = self.due(now.minus(older_than), limit).await.into_port("reading reservations")?;
        if due.is_empty() {
            return Ok(Checked::default());
        }
        let looked = due.len();
        let due = &due;
        let recorded = self
            .database
            .transact(move |unit, _| check(unit, due, now).boxed())
            .await
            .into_port("recording movements that were not reported")?;
        Ok(Checked { looked, recorded })
    }
}
