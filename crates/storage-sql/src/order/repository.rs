//! Orders as the services read and change them.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sea_orm::Value;
use sluice_kernel::{OrderNo, PortResult, StoreId, Timestamp, UserId};
use sluice_order::{Applied, IdempotencyKey, Order, OrderQuery, OrderRepository, OrderStatus, Replay, Transition, Unpaid};

use super::{
    claims::{bytes, key_scope},
    codes::{status_code, status_of},
    read, transition,
};
use crate::{
    Database, StockMode,
    error::StoreResult,
    group::GroupWriter,
    held::{HeldRow, Settled, around_held},
    multi_row::column,
    statement::{MAX_COUNTED, MOST_ROWS, padded, placeholders},
    unit_of_work::UnitOfWork,
};

/// No order past its deadline is put off for longer than this before it is looked at again.
const MAX_PUT_OFF: Duration = Duration::from_mins(1);

#[derive(Clone)]
pub struct SqlOrderRepository {
    database: Database,
    changes: Arc<GroupWriter<Transition, Settled<Transition, Applied>>>,
}

/// Groups of changes under way at once: while one is flushed the next locks its orders.
const LANES: usize = 2;
const CHANGES_AT_ONCE: usize = 64;
const MOST_WAITING: usize = 4_096;
/// How long a change waits for rows that others hold.
const MAX_WAIT: Duration = Duration::from_secs(4);
/// Orders whose status is asked for in one statement.
const MAX_FOLLOWED: usize = 1_024;

impl SqlOrderRepository {
    /// Starts the lanes of its changes on the present runtime.
    pub fn new(database: Database, stock: StockMode) -> Self {
        let lanes = if database.is_sqlite() { 1 } else { LANES };
        let of_changes = database.clone();
        let apply = move |group| apply_group(of_changes.clone(), stock, group);
        let changes = Arc::new(GroupWriter::new("changing orders", lanes, MOST_WAITING, CHANGES_AT_ONCE, apply));
        Self { database, changes }
    }

    async fn read_due(&self, now: Timestamp, limit: u32) -> StoreResult<Vec<(OrderNo, StoreId, Timestamp)>> {
        let select = "SELECT order_no, store_id, expires_at FROM orders WHERE status = ? AND due_at <= ? ORDER BY due_at LIMIT ?";
        let values: Vec<Value> = vec![status_code(OrderStatus::Unpaid).into(), now.as_millis().into(), i64::from(limit).into()];
        let rows = self.database.rows(select, values).await?;
        let read = |row| Ok((OrderNo::from_id(column(row, 0)?), StoreId(column(row, 1)?), Timestamp::from_millis(column(row, 2)?)));
        rows.iter().map(read).collect()
    }

    async fn take_confirming(
        unit: &UnitOfWork,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> StoreResult<Vec<(OrderNo, StoreId)>> {
        let select = "SELECT order_no, store_id, due_at FROM orders WHERE status = ? AND due_at <= ? ORDER BY due_at LIMIT ?";
        let status = status_code(OrderStatus::Confirming);
        let values: Vec<Value> = vec![status.into(), now.as_millis().into(), i64::from(limit).into()];
        let mut due = Vec::new();
        for row in unit.rows(select, values).await? {
            due.push((column::<i64>(&row, 0)?, column::<i64>(&row, 1)?, column::<i64>(&row, 2)?));
        }
        // In the order in which changes of orders lock them.
        due.sort_unstable();
        let mut taken = Vec::with_capacity(due.len());
        for (order, store, due_at) in due {
            let update = "UPDATE orders SET due_at = ? WHERE order_no = ? AND status = ? AND due_at = ?";
            if unit.execute(update, vec![until.as_millis().into(), order.into(), status.into(), due_at.into()]).await? == 1 {
                taken.push((OrderNo::from_id(order), StoreId(store)));
            }
        }
        Ok(taken)
    }

    async fn read_replay(&self, key: &IdempotencyKey) -> StoreResult<Option<Replay>> {
        let select = "SELECT order_no, key_fingerprint FROM orders WHERE key_scope = ? \
                      UNION ALL SELECT order_no, fingerprint FROM idempotency_keys WHERE scope = ?";
        let scope = key_scope(key).to_vec();
        let Some(row) = self.database.row(select, vec![scope.clone().into(), scope.into()]).await? else { return Ok(None) };
        let same_body = bytes::<32>(&row, 1)? == key.fingerprint;
        Ok(Some(Replay { order_no: OrderNo::from_id(column(&row, 0)?), same_body }))
    }

    async fn read_statuses(&self, orders: &[OrderNo]) -> StoreResult<Vec<(OrderNo, OrderStatus)>> {
        let numbers: Vec<i64> = orders.iter().map(|order| order.id()).collect();
        let mut statuses = Vec::with_capacity(orders.len());
        for numbers in numbers.chunks(MAX_FOLLOWED) {
            let select = format!("SELECT order_no, status FROM orders WHERE order_no IN ({})", placeholders(numbers.len()));
            for row in self.database.rows(select, padded(numbers).map(Value::from).collect()).await? {
                statuses.push((OrderNo::from_id(column(&row, 0)?), status_of(column(&row, 1)?)?));
            }
        }
        Ok(statuses)
    }

    async fn read_unpaid(&self, store: StoreId, user: &UserId) -> StoreResult<Unpaid> {
        let select = "SELECT COUNT(DISTINCT o.order_no), CAST(COALESCE(SUM(i.quantity), 0) AS SIGNED) \
            FROM orders o JOIN order_items i ON i.main_no = o.order_no WHERE o.store_id = ? AND o.user_id = ? AND o.status = ?";
        let values: Vec<Value> = vec![store.0.into(), user.as_str().into(), status_code(OrderStatus::Unpaid).into()];
        let Some(row) = self.database.row(select, values).await? else { return Ok(Unpaid::default()) };
        Ok(Unpaid { orders: column(&row, 0)?, units: column(&row, 1)? })
    }

    async fn read_overdue(&self, now: Timestamp) -> StoreResult<(u64, Option<Timestamp>)> {
        // `due_at` follows the deadline closely: it keeps the index range short, the deadline itself decides. Those that
        // were looked at longest ago come first, so what nobody cancels is always among those that are counted.
        let select = "SELECT COUNT(*), MIN(expires_at) FROM \
                      (SELECT expires_at FROM orders WHERE status = ? AND due_at <= ? ORDER BY due_at LIMIT ?) AS looked_at \
                      WHERE expires_at <= ?";
        let (unpaid, soon) = (status_code(OrderStatus::Unpaid), now.plus(MAX_PUT_OFF).as_millis());
        let values: Vec<Value> = vec![unpaid.into(), soon.into(), MAX_COUNTED.into(), now.as_millis().into()];
        let Some(row) = self.database.row(select, values).await? else { return Ok((0, None)) };
        let count: i64 = column(&row, 0)?;
        Ok((u64::try_from(count).unwrap_or(0), column::<Option<i64>>(&row, 1)?.map(Timestamp::from_millis)))
    }
}

/// After a wave of orders follows a wave of payments: changes that wait at the same moment share a transaction, or on a hot
/// SKU each would wait for the flush of the one before. A second change of an order is decided after the first has ended.
/// A change whose order or stock somebody else holds steps aside.
async fn apply_group(
    database: Database,
    stock: StockMode,
    group: Vec<Transition>,
) -> Vec<PortResult<Settled<Transition, Applied>>> {
    let mut answered = Vec::with_capacity(group.len());
    let mut waiting: Vec<(usize, Transition)> = group.into_iter().enumerate().collect();
    while !waiting.is_empty() {
        let mut orders = HashSet::with_capacity(waiting.len());
        let (round, rest): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|(_, transition): &(usize, Transition)| orders.insert(transition.order_no));
        let (places, transitions): (Vec<usize>, Vec<Transition>) = round.into_iter().unzip();
        let answers = around_held(
            &database,
            "changing an order",
            transitions,
            |transitions| {
                let database = database.clone();
                Box::pin(async move { transition::rows_to_lock(&database, stock, transitions).await })
            },
            |transitions| {
                let database = database.clone();
                Box::pin(async move {
                    database.try_transact(move |unit, _| Box::pin(transition::apply_all(unit, stock, transitions))).await
                })
            },
        )
        .await;
        answered.extend(places.into_iter().zip(answers));
        waiting = rest;
    }
    answered.sort_by_key(|(place, _)| *place);
    answered.into_iter().map(|(_, answer)| answer).collect()
}

#[async_trait]
impl OrderRepository for SqlOrderRepository {
    async fn find(&self, store: StoreId, order: OrderNo) -> PortResult<Option<Order>> {
        read::find(&self.database, store, order).await.map_err(|error| error.into_port("reading an order"))
    }

    async fn list(&self, query: &OrderQuery) -> PortResult<Vec<Order>> {
        read::list(&self.database, query).await.map_err(|error| error.into_port("listing orders"))
    }

    async fn statuses(&self, orders: &[OrderNo]) -> PortResult<Vec<(OrderNo, OrderStatus)>> {
        self.read_statuses(orders).await.map_err(|error| error.into_port("reading statuses of orders"))
    }

    async fn unpaid_of(&self, store: StoreId, user: &UserId) -> PortResult<Unpaid> {
        self.read_unpaid(store, user).await.map_err(|error| error.into_port("counting a user's unpaid orders"))
    }

    async fn find_replay(&self, key: &IdempotencyKey) -> PortResult<Option<Replay>> {
        self.read_replay(key).await.map_err(|error| error.into_port("looking an idempotency key up"))
    }

    async fn remember(&self, key: &IdempotencyKey, order: OrderNo, now: Timestamp) -> PortResult<()> {
        let insert = format!(
            "INSERT INTO idempotency_keys (scope, order_no, fingerprint, created_at) VALUES (?, ?, ?, ?){}",
            self.database.dialect().keep_existing("scope")
        );
        let values: Vec<Value> =
            vec![key_scope(key).to_vec().into(), order.id().into(), key.fingerprint.to_vec().into(), now.as_millis().into()];
        let written = self.database.execute(insert, values).await;
        written.map(|_| ()).map_err(|error| error.into_port("remembering an idempotency key"))
    }

    async fn apply(&self, transition: &Transition) -> PortResult<Applied> {
        // Which SKUs it moves stands in its order's lines: a held stock row is found by the group and noted with the order.
        let rows = |transition: &Transition| vec![HeldRow::Order(transition.order_no.id())];
        self.database.submit(&self.changes, transition.clone(), rows, Instant::now() + MAX_WAIT).await
    }

    async fn due(&self, now: Timestamp, limit: u32) -> PortResult<Vec<(OrderNo, StoreId, Timestamp)>> {
        self.read_due(now, limit).await.map_err(|error| error.into_port("reading due orders"))
    }

    async fn claim_confirming(&self, now: Timestamp, until: Timestamp, limit: u32) -> PortResult<Vec<(OrderNo, StoreId)>> {
        self.database
            .transact("claiming confirming orders", move |unit, _| Self::take_confirming(unit, now, until, limit).boxed())
            .await
    }

    async fn announce_again_at(&self, orders: &[OrderNo], until: Timestamp) -> PortResult<()> {
        let mut numbers: Vec<i64> = orders.iter().map(|order| order.id()).collect();
        numbers.sort_unstable();
        for numbers in numbers.chunks(MOST_ROWS) {
            let update = format!("UPDATE orders SET due_at = ? WHERE status = ? AND order_no IN ({})", placeholders(numbers.len()));
            let mut values: Vec<Value> = vec![until.as_millis().into(), status_code(OrderStatus::Unpaid).into()];
            values.extend(padded(numbers).map(Value::from));
            self.database
                .in_transaction("putting due orders off", move |unit| {
                    let (update, values) = (update.clone(), values.clone());
                    Box::pin(unit.execute(update, values))
                })
                .await?;
        }
        Ok(())
    }

    async fn overdue(&self, now: Timestamp) -> PortResult<(u64, Option<Timestamp>)> {
        self.read_overdue(now).await.map_err(|error| error.into_port("counting overdue orders"))
    }
}
