//! Movements of committed orders that the ledger behind a gate outside the database does not have (yet).
//!
//! Contract: an order that commits leaves a row in `reservation_outcomes` for its reservation. That row stays until the
//! order is closed and the ledger has all its movements; so whatever the ledger lacks belongs to a row that is there, and
//! finding it costs the same however many orders were ever placed. A reservation's movements follow from its order alone:
//! its lines, its status and its attempt.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use sea_orm::{QueryResult, Value};
use sluice_events::{MovementKind, StockMoved};
use sluice_inventory::{Checked, RecordCheck};
use sluice_kernel::{OrderNo, PortResult, ReservationId, SkuId, StoreId, Timestamp};

use super::{
    ledger,
    stock::{kind_code, kind_of},
};
use crate::{
    Database,
    error::StoreResult,
    multi_row::{InList, column},
    unit_of_work::UnitOfWork,
};

static ORDERS: InList = InList::new(
    "SELECT o.order_no, o.store_id, o.status, o.attempt, o.cancel_reason, o.created_at, o.paid_at, i.sku_id, i.quantity \
     FROM orders o JOIN order_items i ON i.main_no = o.order_no WHERE o.order_no IN",
    |_| "",
);
static RECORDED: InList =
    InList::new("SELECT movement_id, sku_id, kind FROM stock_ledger WHERE movement_id IN", |_| " AND kind IN (1, 2, 3)");
static FORGET: InList = InList::new("DELETE FROM reservation_outcomes WHERE released = FALSE AND reservation_id IN", |_| "");
static LOOK_LATER: InList =
    InList::new("UPDATE reservation_outcomes SET at = ? WHERE released = FALSE AND reservation_id IN", |_| "");

/// Reservations that are read at once.
pub(super) const CHUNK: i64 = 512;

struct Order {
    store: StoreId,
    status: i16,
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
            1 | 2 => Fate::Held,
            3..=5 => Fate::Sold,
            // Refunded after it was sold; or its money came after the close, found nothing and went back.
            9 if !self.was_cancelled || self.attempt > 1 => Fate::Sold,
            _ => Fate::Released,
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
    let mut orders: HashMap<i64, Order> = HashMap::with_capacity(numbers.len());
    for row in ORDERS.rows(unit, &numbers).await? {
        let line = (SkuId(column(&row, 7)?), column(&row, 8)?);
        orders.entry(column(&row, 0)?).or_insert(read_order(&row)?).lines.push(line);
    }
    let mut recorded: HashSet<(String, i64, i16)> = HashSet::new();
    for row in RECORDED.rows(unit, reservations).await? {
        recorded.insert((column(&row, 0)?, column(&row, 1)?, column(&row, 2)?));
    }
    for (text, id) in known {
        let Some(order) = orders.get(&id.order.id()).filter(|order| id.attempt <= order.attempt.unsigned_abs()) else {
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
                if !recorded.contains(&(text.clone(), sku.0, kind_code(kind))) {
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

fn read_order(row: &QueryResult) -> StoreResult<Order> {
    Ok(Order {
        store: StoreId(column(row, 1)?),
        status: column(row, 2)?,
        attempt: column(row, 3)?,
        was_cancelled: column::<Option<i16>>(row, 4)?.is_some(),
        created_at: Timestamp::from_millis(column(row, 5)?),
        paid_at: column::<Option<i64>>(row, 6)?.map(Timestamp::from_millis),
        lines: Vec::new(),
    })
}

fn moved(id: &str, order: OrderNo, store: StoreId, sku: SkuId, kind: MovementKind, quantity: i64, at: Timestamp) -> StockMoved {
    StockMoved { movement_id: id.to_owned(), store_id: store, sku_id: sku, kind, quantity, order_no: Some(order), reason: None, at }
}

/// Which of these reservations belong to an order that committed with them, or went on to a later attempt.
pub(super) async fn of_orders(unit: &UnitOfWork, reservations: &[ReservationId]) -> StoreResult<HashSet<ReservationId>> {
    static ATTEMPTS: InList = InList::new("SELECT order_no, attempt FROM orders WHERE order_no IN", |_| "");
    let numbers: Vec<i64> = reservations.iter().map(|id| id.order.id()).collect();
    let mut attempts: HashMap<i64, u16> = HashMap::new();
    for row in ATTEMPTS.rows(unit, &numbers).await? {
        attempts.insert(column(&row, 0)?, column::<i16>(&row, 1)?.unsigned_abs());
    }
    let committed = |id: &&ReservationId| attempts.get(&id.order.id()).is_some_and(|attempt| id.attempt <= *attempt);
    Ok(reservations.iter().filter(committed).copied().collect())
}

/// Sums of all ledger rows that the stock rows do not have yet: those that wait for a predecessor.
pub(super) async fn waiting(unit: &UnitOfWork) -> StoreResult<Vec<(StoreId, SkuId, MovementKind, i64)>> {
    let select = "SELECT store_id, sku_id, kind, CAST(SUM(quantity) AS SIGNED) FROM stock_ledger WHERE applied = FALSE \
                  GROUP BY store_id, sku_id, kind";
    let read = |row: &QueryResult| -> StoreResult<_> {
        Ok((StoreId(column(row, 0)?), SkuId(column(row, 1)?), kind_of(column(row, 2)?)?, column(row, 3)?))
    };
    unit.rows(select, vec![]).await?.iter().map(read).collect()
}

/// The next reservations after `after` whose movements may be missing, by key.
pub(super) async fn next_chunk(unit: &UnitOfWork, after: &str) -> StoreResult<Vec<String>> {
    let select = "SELECT reservation_id FROM reservation_outcomes WHERE released = FALSE AND reservation_id > ? \
                  ORDER BY reservation_id LIMIT ?";
    unit.rows(select, vec![after.into(), CHUNK.into()]).await?.iter().map(|row| column(row, 0)).collect()
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
        self.database.rows(select, values).await?.iter().map(|row| column(row, 0)).collect()
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
        let due = self.due(now.minus(older_than), limit).await.map_err(|error| error.into_port("reading reservations"))?;
        if due.is_empty() {
            return Ok(Checked::default());
        }
        let looked = due.len();
        let due = Arc::new(due);
        let recorded = self
            .database
            .in_transaction("recording movements that nobody told", move |unit| {
                let due = Arc::clone(&due);
                Box::pin(async move { check(unit, &due, now).await })
            })
            .await?;
        Ok(Checked { looked, recorded })
    }
}
