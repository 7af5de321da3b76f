//! Payments, their notices and closures.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QueryOrder as _, Select,
    sea_query::{Expr, ExprTrait as _, OnConflict},
};
use sluice_events::{Fact, PaymentSettled, SettledStatus};
use sluice_kernel::{OrderNo, PaymentId, PortResult, StoreId, Timestamp};
use sluice_pay::{
    Channel, ExceptionQuery, InsertAnswer, Notice, NoticeAnswer, NoticeStatus, PayException, Payment, PaymentRepository,
    PaymentStatus, Resolution,
};

use super::{exceptions, insert, row};
use crate::{
    database::Database,
    error::{IntoPort as _, StoreResult},
    group::GroupWriter,
    messaging::outbox,
    settlements,
    statement::{MAX_ROWS, padded},
    stored::Stored,
    table::{
        payment_closures, payment_notices,
        payments::{ActiveModel, Column, Entity},
    },
    unit_of_work::UnitOfWork,
};

/// One lane makes the largest groups, and the fewest flushes, of payments that follow a group of orders.
const LANES: usize = 1;
/// Payments that wait at most; beyond it callers are told that we are overloaded.
const QUEUE: usize = 4_096;

pub struct SqlPaymentRepository {
    database: Database,
    inserts: GroupWriter<Payment, InsertAnswer>,
}

impl SqlPaymentRepository {
    /// Starts the group writer on the present runtime.
    pub fn new(database: Database) -> Self {
        let lanes = if database.is_sqlite() { 1 } else { LANES };
        let writer = database.clone();
        let inserts =
            GroupWriter::new("payments", lanes, QUEUE, MAX_ROWS, move |group| insert::insert_group(writer.clone(), group));
        Self { database, inserts }
    }

    /// The closure is committed first, then payments are looked for: see [`insert`].
    async fn close(&self, store: StoreId, order: OrderNo, now: Timestamp) -> StoreResult<Vec<Payment>> {
        let closure = payment_closures::Model { order_no: Stored(order), store_id: store.0, at: Stored(now) };
        let insert = payment_closures::Entity::insert(closure.into_active_model());
        let keep =
            OnConflict::column(payment_closures::Column::OrderNo).do_nothing_on([payment_closures::Column::OrderNo]).to_owned();
        insert.on_conflict(keep).exec_without_returning(&self.database).await?;
        let open = Column::Status.is_in([Stored(PaymentStatus::Pending), Stored(PaymentStatus::Paid)]);
        let found = Entity::find().filter(Column::StoreId.eq(store.0).and(Column::OrderNo.eq(Stored(order))).and(open));
        in_order(found, &self.database).await
    }

    async fn write_channel(&self, id: &PaymentId, channel: &Channel) -> StoreResult<bool> {
        // The earlier of our end and the provider's.
        let end = channel.expires_at.map_or(i64::MAX, Timestamp::as_millis);
        let earlier = Expr::case(Column::ExpiresAt.lt(end), Expr::col(Column::ExpiresAt)).finally(end);
        let written = Entity::update_many()
            .set(ActiveModel { url: Set(Some(channel.url.clone())), ..Default::default() })
            .col_expr(Column::ExpiresAt, earlier.into())
            .filter(Column::PaymentId.eq(id.as_str()).and(Column::Status.eq(Stored(PaymentStatus::Pending))));
        Ok(written.exec(&self.database).await?.rows_affected > 0)
    }
}

/// In the order in which they were made.
async fn in_order(found: Select<Entity>, database: &Database) -> StoreResult<Vec<Payment>> {
    let found = found.order_by_asc(Column::CreatedAt).order_by_asc(Column::PaymentId).all(database).await?;
    Ok(found.into_iter().map(row::payment).collect())
}

/// Notice, payment and what is announced of it in one transaction.
async fn settle(unit: &UnitOfWork, payment: &Payment, notice: &Notice, now: Timestamp) -> StoreResult<NoticeAnswer> {
    let (status, settled) = match notice.status {
        NoticeStatus::Paid => (PaymentStatus::Paid, SettledStatus::Paid),
        NoticeStatus::Failed => (PaymentStatus::Failed, SettledStatus::Failed),
    };
    let row = payment_notices::Model {
        provider: payment.provider.clone(),
        event_id: notice.event_id.clone(),
        payment_id: payment.id.as_str().to_owned(),
        status: Stored(status),
        amount: notice.amount,
        currency: notice.currency.clone(),
        at: Stored(now),
    };
    let key = [payment_notices::Column::Provider, payment_notices::Column::EventId];
    let keep = OnConflict::columns(key).do_nothing_on([payment_notices::Column::Provider]).to_owned();
    payment_notices::Entity::insert(row.into_active_model()).on_conflict(keep).exec_without_returning(unit).await?;

    // Money wins: paid is reached from every other status; failed from pending alone.
    let guard = match notice.status {
        NoticeStatus::Paid => Column::Status.ne(Stored(PaymentStatus::Paid)),
        NoticeStatus::Failed => Column::Status.eq(Stored(PaymentStatus::Pending)),
    };
    let changed = Entity::update_many()
        .set(ActiveModel { status: Set(Stored(status)), live: Set(None), settled_at: Set(Some(Stored(now))), ..Default::default() })
        .filter(Column::PaymentId.eq(payment.id.as_str()).and(Column::StoreId.eq(payment.store.0)).and(guard));
    if changed.exec(unit).await?.rows_affected == 0 {
        return Ok(NoticeAnswer::Repeated);
    }
    let settled = PaymentSettled {
        order_no: payment.order_no,
        store_id: payment.store,
        payment_id: payment.id.clone(),
        provider: payment.provider.clone(),
        status: settled,
        amount: payment.amount,
        points: None,
        refund_id: None,
        restock: Vec::new(),
        at: now,
    };
    match notice.status {
        NoticeStatus::Paid => settlements::announce_one(unit, settled, now).await?,
        // A failed payment changes nothing for its order, which may be paid again.
        NoticeStatus::Failed => outbox::append(unit, &Fact::PaymentSettled { payment: settled }, now).await?,
    }
    Ok(NoticeAnswer::Settled)
}

#[async_trait]
impl PaymentRepository for SqlPaymentRepository {
    async fn insert(&self, payment: &Payment) -> PortResult<InsertAnswer> {
        self.inserts.submit(payment.clone()).await
    }

    async fn set_channel(&self, id: &PaymentId, channel: &Channel) -> PortResult<bool> {
        self.write_channel(id, channel).await.into_port("noting a payment's channel")
    }

    async fn find(&self, id: &PaymentId) -> PortResult<Option<Payment>> {
        let found = Entity::find_by_id(id.as_str()).one(&self.database).await;
        found.map(|found| found.map(row::payment)).into_port("reading a payment")
    }

    async fn of_orders(&self, store: StoreId, orders: &[OrderNo]) -> PortResult<Vec<Payment>> {
        if orders.is_empty() {
            return Ok(Vec::new());
        }
        let of_orders = Column::OrderNo.is_in(padded(orders).map(Stored));
        let found = Entity::find().filter(Column::StoreId.eq(store.0).and(of_orders));
        in_order(found, &self.database).await.into_port("reading the payments of orders")
    }

    async fn close_order(&self, store: StoreId, order: OrderNo, now: Timestamp) -> PortResult<Vec<Payment>> {
        self.close(store, order, now).await.into_port("closing an order's payments")
    }

    async fn mark_closed(&self, id: &PaymentId) -> PortResult<bool> {
        insert::mark_closed(&self.database, id).await.into_port("closing a payment")
    }

    async fn settle(&self, payment: &Payment, notice: &Notice, now: Timestamp) -> PortResult<NoticeAnswer> {
        self.database
            .transact(move |unit, _| settle(unit, payment, notice, now).boxed())
            .await
            .into_port("storing a payment notice")
    }

    async fn keep_exception(&self, exception: &PayException) -> PortResult<()> {
        exceptions::write(&self.database, exception).await.into_port("keeping a payment exception")
    }

    async fn exceptions(&self, query: &ExceptionQuery) -> PortResult<Vec<PayException>> {
        exceptions::read(&self.database, query).await.into_port("reading payment exceptions")
    }

    async fn resolve_exception(&self, store: StoreId, id: i64, resolution: &Resolution) -> PortResult<Option<PayException>> {
        exceptions::resolve(&self.database, store, id, resolution).await.into_port("resolving a payment exception")
    }
}
