//! Orders as the services read and change them.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sea_orm::{EntityTrait as _, IntoActiveModel as _, QueryResult, Value, sea_query::OnConflict};
use sluice_kernel::{OrderNo, Page, PageRequest, PortResult, ReservationId, StoreId, Timestamp, UserId};
use sluice_order::{
    Applied, IdempotencyKey, Order, OrderQuery, OrderRepository, OrderSearch, OrderStatus, Replay, Transition, Unpaid,
};

use super::{claims::bytes, read, scope::key_scope, search, transition};
use crate::{
    Database, StockMode,
    error::{IntoPort as _, StoreError, StoreResult},
    group::GroupWriter,
    held::{Settled, around_held},
    held_rows::HeldRow,
    multi_row::tuple,
    page::readable,
    statement::{MAX_COUNTED, MAX_ROWS, padded, placeholders},
    stored::{At, Stored, code},
    table::{Row as _, idempotency_keys, row},
    unit_of_work::UnitOfWork,
};

row! {
    struct TimedOrder of orders {
        order_no: Stored<OrderNo>,
        store_id: i64,
        expires_at: At,
        due_at: At,
    }
}

row! {
    struct StatusOf of orders {
        order_no: Stored<OrderNo>,
        status: Stored<OrderStatus>,
    }
}

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
const MAX_WAITING: usize = 4_096;
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
        let changes = Arc::new(GroupWriter::new("changing orders", lanes, MAX_WAITING, CHANGES_AT_ONCE, apply));
        Self { database, changes }
    }

    async fn read_due(&self, now: Timestamp, limit: u32) -> StoreResult<Vec<(OrderNo, StoreId, Timestamp)>> {
        let select = format!("{} WHERE status = ? AND due_at <= ? ORDER BY due_at LIMIT ?", TimedOrder::select());
        let values: Vec<Value> = vec![code(OrderStatus::Unpaid).into(), now.as_millis().into(), i64::from(limit).into()];
        let rows = self.database.rows(select, values).await?;
        let read = |row: &QueryResult| {
            let TimedOrder { order_no, store_id, expires_at, .. } = TimedOrder::read(row)?;
            Ok((order_no.0, StoreId(store_id), expires_at.0))
        };
        Ok(rows.iter().filter_map(|row| readable("orders", row, read)).collect())
    }

    async fn take_confirming(
        unit: &UnitOfWork,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> StoreResult<Vec<(OrderNo, StoreId)>> {
        let select = format!("{} WHERE status = ? AND due_at <= ? ORDER BY due_at LIMIT ?", TimedOrder::select());
        let status = code(OrderStatus::Confirming);
        let values: Vec<Value> = vec![status.into(), now.as_millis().into(), i64::from(limit).into()];
        let found = unit.rows(select, values).await?;
        let mut due: Vec<TimedOrder> = found.iter().filter_map(|row| readable("orders", row, TimedOrder::read)).collect();
        // In the order in which changes of orders lock them.
        due.sort_unstable_by_key(|due| due.order_no);
        let mut taken = Vec::with_capacity(due.len());
        for TimedOrder { order_no, store_id, due_at, .. } in due {
            let update = "UPDATE orders SET due_at = ? WHERE order_no = ? AND status = ? AND due_at = ?";
            if unit.execute(update, vec![Stored(until).into(), order_no.into(), status.into(), due_at.into()]).await? == 1 {
                taken.push((order_no.0, StoreId(store_id)));
            }
        }
        Ok(taken)
    }

    async fn read_replay(&self, key: &IdempotencyKey) -> StoreResult<Option<Replay>> {
        let select = "SELECT order_no, key_fingerprint FROM orders WHERE key_scope = ? \
                      UNION ALL SELECT order_no, fingerprint FROM idempotency_keys WHERE scope = ?";
        let scope = key_scope(key).to_vec();
        let Some(row) = self.database.row(select, vec![scope.clone().into(), scope.into()]).await? else { return Ok(None) };
        let (Stored(order_no), fingerprint): (Stored<OrderNo>, Vec<u8>) = tuple(&row)?;
        Ok(Some(Replay { order_no, same_body: bytes(fingerprint)? == key.fingerprint }))
    }

    async fn read_last_attempt(&self, order: OrderNo) -> StoreResult<u16> {
        // Names of one order are a short range of the key; the longer one has the greater number.
        let select = "SELECT reservation_id FROM reservation_outcomes WHERE reservation_id > ? AND reservation_id < ? \
                      ORDER BY LENGTH(reservation_id) DESC, reservation_id DESC LIMIT 1";
        let Some(row) = self.database.row(select, vec![format!("{order}-").into(), format!("{order}.").into()]).await? else {
            return Ok(0);
        };
        let name: String = tuple(&row)?;
        let reservation: ReservationId = name.parse().map_err(|_| StoreError::Corrupt("reservation_outcomes"))?;
        Ok(reservation.attempt)
    }

    async fn read_statuses(&self, orders: &[OrderNo]) -> StoreResult<Vec<(OrderNo, OrderStatus)>> {
        let numbers: Vec<i64> = orders.iter().map(|order| order.id()).collect();
        let mut statuses = Vec::with_capacity(orders.len());
        for numbers in numbers.chunks(MAX_FOLLOWED) {
            let select = format!("{} WHERE order_no IN ({})", StatusOf::select(), placeholders(numbers.len()));
            for row in self.database.rows(select, padded(numbers).map(Value::from).collect()).await? {
                let StatusOf { order_no, status } = StatusOf::read(&row)?;
                statuses.push((order_no.0, status.0));
            }
        }
        Ok(statuses)
    }

    async fn read_unpaid(&self, store: StoreId, user: &UserId) -> StoreResult<Unpaid> {
        let select = "SELECT COUNT(DISTINCT o.order_no), CAST(COALESCE(SUM(i.quantity), 0) AS SIGNED) \
            FROM orders o JOIN order_items i ON i.main_no = o.order_no WHERE o.store_id = ? AND o.user_id = ? AND o.status = ?";
        let values: Vec<Value> = vec![store.0.into(), user.as_str().into(), code(OrderStatus::Unpaid).into()];
        let Some(row) = self.database.row(select, values).await? else { return Ok(Unpaid::default()) };
        let (orders, units) = tuple(&row)?;
        Ok(Unpaid { orders, units })
    }

    async fn read_overdue(&self, now: Timestamp) -> StoreResult<(u64, Option<Timestamp>)> {
        // `due_at` follows the deadline closely: it keeps the index range short, the deadline itself decides. Those that
        // were looked at longest ago come first, so what nobody cancels is always among those that are counted.
        let select = "SELECT COUNT(*), MIN(expires_at) FROM \
                      (SELECT expires_at FROM orders WHERE status = ? AND due_at <= ? ORDER BY due_at LIMIT ?) AS looked_at \
                      WHERE expires_at <= ?";
        let (unpaid, soon) = (code(OrderStatus::Unpaid), now.plus(MAX_PUT_OFF).as_millis());
        let values: Vec<Value> = vec![unpaid.into(), soon.into(), MAX_COUNTED.into(), now.as_millis().into()];
        let Some(row) = self.database.row(select, values).await? else { return Ok((0, None)) };
        let (count, oldest): (i64, Option<At>) = tuple(&row)?;
        Ok((u64::try_from(count).unwrap_or(0), oldest.map(|at| at.0)))
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
                    database.transact(move |unit, _| Box::pin(transition::apply_all(unit, stock, transitions))).await
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
        read::find(&self.database, store, order).await.into_port("reading an order")
    }

    async fn search(&self, store: StoreId, search: &OrderSearch, page: PageRequest) -> PortResult<Page<Order>> {
        search::search(&self.database, store, search, page).await.into_port("searching orders")
    }

    async fn list(&self, query: &OrderQuery) -> PortResult<Vec<Order>> {
        read::list(&self.database, query).await.into_port("listing orders")
    }

    async fn last_attempt(&self, order: OrderNo) -> PortResult<u16> {
        self.read_last_attempt(order).await.into_port("reading the attempts of an order")
    }

    async fn statuses(&self, orders: &[OrderNo]) -> PortResult<Vec<(OrderNo, OrderStatus)>> {
        self.read_statuses(orders).await.into_port("reading statuses of orders")
    }

    async fn unpaid_of(&self, store: StoreId, user: &UserId) -> PortResult<Unpaid> {
        self.read_unpaid(store, user).await.into_port("counting a user's unpaid orders")
    }

    async fn find_replay(&self, key: &IdempotencyKey) -> PortResult<Option<Replay>> {
        self.read_replay(key).await.into_port("looking an idempotency key up")
    }

    async fn remember(&self, key: &IdempotencyKey, order: OrderNo, now: Timestamp) -> PortResult<()> {
        let row = idempotency_keys::Model {
            scope: key_scope(key).to_vec(),
            order_no: Stored(order),
            fingerprint: key.fingerprint.to_vec(),
            created_at: Stored(now),
        };
        let scope = idempotency_keys::Column::Scope;
        let keep = OnConflict::column(scope).do_nothing_on([scope]).to_owned();
        let written = idempotency_keys::Entity::insert(row.into_active_model()).on_conflict(keep);
        written.exec_without_returning(&self.database).await.map(|_| ()).into_port("remembering an idempotency key")
    }

    async fn apply(&self, transition: &Transition) -> PortResult<Applied> {
        // Which SKUs it moves stands in its order's lines: a held stock row is found by the group and noted with the order.
        let rows = |transition: &Transition| vec![HeldRow::Order(transition.order_no.id())];
        self.database.submit(&self.changes, transition.clone(), rows, Instant::now() + MAX_WAIT).await
    }

    async fn due(&self, now: Timestamp, limit: u32) -> PortResult<Vec<(OrderNo, StoreId, Timestamp)>> {
        self.read_due(now, limit).await.into_port("reading due orders")
    }

    async fn claim_confirming(&self, now: Timestamp, until: Timestamp, limit: u32) -> PortResult<Vec<(OrderNo, StoreId)>> {
        self.database
            .transact(move |unit, _| Self::take_confirming(unit, now, until, limit).boxed())
            .await
            .into_port("claiming confirming orders")
    }

    async fn announce_again_at(&self, orders: &[OrderNo], until: Timestamp) -> PortResult<()> {
        let mut numbers: Vec<i64> = orders.iter().map(|order| order.id()).collect();
        numbers.sort_unstable();
        for numbers in numbers.chunks(MAX_ROWS) {
            let update = format!("UPDATE orders SET due_at = ? WHERE status = ? AND order_no IN ({})", placeholders(numbers.len()));
            let mut values: Vec<Value> = vec![until.as_millis().into(), code(OrderStatus::Unpaid).into()];
            values.extend(padded(numbers).map(Value::from));
            let (update, values) = (update.as_str(), &values);
            self.database
                .transact(move |unit, _| unit.execute(update, values.clone()).boxed())
                .await
                .into_port("putting due orders off")?;
        }
        Ok(())
    }

    async fn overdue(&self, now: Timestamp) -> PortResult<(u64, Option<Timestamp>)> {
        self.read_overdue(now).await.into_port("counting overdue orders")
    }
}
