//! Payments, their notices and closures, and what staff must look at.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sha2::{Digest as _, Sha256};
use sluice_events::{Fact, PaymentSettled, SettledStatus};
use sluice_kernel::{OrderNo, PageRequest, PaymentId, PortResult, StoreId, Timestamp};
use sluice_pay::{Channel, InsertAnswer, Notice, NoticeAnswer, NoticeStatus, PayException, Payment, PaymentRepository};

use super::{
    insert,
    row::{self, FAILED, PAID, PAYMENT_COLUMNS, PENDING},
};
use crate::{
    database::Database,
    error::StoreResult,
    group::GroupWriter,
    messaging::outbox,
    multi_row::column,
    page::read_page,
    settlements,
    statement::{MOST_ROWS, padded, placeholders},
    unit_of_work::UnitOfWork,
};

/// One lane makes the largest groups, and the fewest flushes, of payments that follow a group of orders.
const LANES: usize = 1;
/// Payments that wait at most; beyond it callers are told that we are overloaded.
const QUEUE: usize = 4_096;
/// Exceptions of one kind that are kept of a payment.
const MAX_OF_PAYMENT: i64 = 20;

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
            GroupWriter::new("payments", lanes, QUEUE, MOST_ROWS, move |group| insert::insert_group(writer.clone(), group));
        Self { database, inserts }
    }

    async fn read(&self, filter: &str, values: Vec<sea_orm::Value>) -> StoreResult<Vec<Payment>> {
        let select = format!("SELECT {} FROM payments WHERE {filter}", PAYMENT_COLUMNS.join(", "));
        self.database.rows(select, values).await?.iter().map(row::payment).collect()
    }

    /// The closure is committed first, then payments are looked for: see [`insert`].
    async fn close(&self, store: StoreId, order: OrderNo, now: Timestamp) -> StoreResult<Vec<Payment>> {
        let keep = self.database.dialect().keep_existing("order_no");
        let insert = format!("INSERT INTO payment_closures (order_no, store_id, at) VALUES (?, ?, ?){keep}");
        self.database.execute(insert, vec![order.id().into(), store.0.into(), now.as_millis().into()]).await?;
        let filter = "store_id = ? AND order_no = ? AND status IN (?, ?) ORDER BY created_at, payment_id";
        self.read(filter, vec![store.0.into(), order.id().into(), PENDING.into(), PAID.into()]).await
    }

    async fn write_channel(&self, id: &PaymentId, channel: &Channel) -> StoreResult<bool> {
        // The earlier of our end and the provider's.
        let update = "UPDATE payments SET url = ?, expires_at = CASE WHEN expires_at < ? THEN expires_at ELSE ? END \
            WHERE payment_id = ? AND status = ?";
        let end = channel.expires_at.map_or(i64::MAX, Timestamp::as_millis);
        let values = vec![channel.url.as_str().into(), end.into(), end.into(), id.as_str().into(), PENDING.into()];
        let changed = self.database.execute(update, values).await?;
        Ok(changed.rows_affected() > 0)
    }

    async fn write_exception(&self, exception: &PayException) -> StoreResult<()> {
        // A notice that matches nothing may name anything; what does not fit its column is cut.
        let cut = |text: &Option<String>, most: usize| text.as_deref().unwrap_or_default().chars().take(most).collect::<String>();
        let (order_no, payment_id) = (cut(&exception.order_no, 32), cut(&exception.payment_id, 64));
        let of_payment = "SELECT COUNT(*) FROM payment_exceptions WHERE kind = ? AND payment_id = ?";
        let values = vec![exception.kind.as_str().into(), payment_id.as_str().into()];
        let kept = self.database.row(of_payment, values).await?;
        if kept.map_or(Ok(0), |row| column::<i64>(&row, 0))? >= MAX_OF_PAYMENT && !payment_id.is_empty() {
            tracing::warn!(payment.id = %payment_id, exception.kind = %exception.kind, exception.detail = %exception.detail,
                "A payment has as many exceptions as are kept; this one is only logged.");
            return Ok(());
        }
        let keep = self.database.dialect().keep_existing("kind, payment_id, order_no, digest");
        let insert = format!(
            "INSERT INTO payment_exceptions (kind, store_id, order_no, payment_id, detail, at, digest) VALUES (?, ?, ?, ?, ?, ?, ?){keep}"
        );
        let values = vec![
            exception.kind.as_str().into(),
            exception.store_id.map(|store| store.0).into(),
            order_no.into(),
            payment_id.into(),
            exception.detail.chars().take(4_000).collect::<String>().into(),
            exception.at.as_millis().into(),
            digest(&exception.detail).into(),
        ];
        self.database.execute(insert, values).await?;
        Ok(())
    }

    async fn read_exceptions(&self, store: StoreId, page: PageRequest) -> StoreResult<Vec<PayException>> {
        let select = "SELECT id, kind, store_id, order_no, payment_id, detail, at FROM payment_exceptions \
            WHERE store_id = ? AND id < ? ORDER BY id DESC LIMIT ?";
        let statement = |after: i64, limit: i64| (select.to_owned(), vec![store.0.into(), after.into(), limit.into()]);
        let known = |text: String| (!text.is_empty()).then_some(text);
        let read = |found: &sea_orm::QueryResult| {
            Ok(PayException {
                id: found.try_get_by("id")?,
                kind: found.try_get_by("kind")?,
                store_id: found.try_get_by::<Option<i64>, _>("store_id")?.map(StoreId),
                order_no: known(found.try_get_by("order_no")?),
                payment_id: known(found.try_get_by("payment_id")?),
                detail: found.try_get_by("detail")?,
                at: Timestamp::from_millis(found.try_get_by("at")?),
            })
        };
        read_page(&self.database, "payment_exceptions", "id", page, statement, read).await
    }
}

/// 128 bits of SHA-256: what says the same is kept once.
fn digest(detail: &str) -> String {
    let hash = Sha256::digest(detail);
    hash.iter().take(16).fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Notice, payment and what is told of it in one transaction.
async fn settle(
    unit: &UnitOfWork,
    payment: &Payment,
    notice: &Notice,
    traceparent: Option<&str>,
    now: Timestamp,
) -> StoreResult<NoticeAnswer> {
    let (status, settled) = match notice.status {
        NoticeStatus::Paid => (PAID, SettledStatus::Paid),
        NoticeStatus::Failed => (FAILED, SettledStatus::Failed),
    };
    let keep = unit.dialect().keep_existing("provider, event_id");
    let insert = format!(
        "INSERT INTO payment_notices (provider, event_id, payment_id, status, amount, currency, at) VALUES (?, ?, ?, ?, ?, ?, ?){keep}"
    );
    let values = vec![
        payment.provider.as_str().into(),
        notice.event_id.as_str().into(),
        payment.id.as_str().into(),
        status.into(),
        notice.amount.into(),
        notice.currency.as_str().into(),
        now.as_millis().into(),
    ];
    unit.execute(insert, values).await?;

    // Money wins: paid is reached from every other status; failed from pending alone.
    let guard = match notice.status {
        NoticeStatus::Paid => "status <> 2",
        NoticeStatus::Failed => "status = 1",
    };
    let update =
        format!("UPDATE payments SET status = ?, live = NULL, settled_at = ? WHERE payment_id = ? AND store_id = ? AND {guard}");
    let values = vec![status.into(), now.as_millis().into(), payment.id.as_str().into(), payment.store.0.into()];
    if unit.execute(update, values).await? == 0 {
        return Ok(NoticeAnswer::Repeated);
    }
    let told = PaymentSettled {
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
        NoticeStatus::Paid => settlements::tell(unit, vec![(told, traceparent)], now).await?,
        // A failed payment changes nothing for its order, which may be paid again.
        NoticeStatus::Failed => outbox::append(unit, &Fact::PaymentSettled { payment: told }, traceparent, now).await?,
    }
    Ok(NoticeAnswer::Settled)
}

#[async_trait]
impl PaymentRepository for SqlPaymentRepository {
    async fn insert(&self, payment: &Payment) -> PortResult<InsertAnswer> {
        self.inserts.submit(payment.clone()).await
    }

    async fn set_channel(&self, id: &PaymentId, channel: &Channel) -> PortResult<bool> {
        self.write_channel(id, channel).await.map_err(|error| error.into_port("noting a payment's channel"))
    }

    async fn find(&self, id: &PaymentId) -> PortResult<Option<Payment>> {
        let found = self.read("payment_id = ?", vec![id.as_str().into()]).await;
        found.map(|rows| rows.into_iter().next()).map_err(|error| error.into_port("reading a payment"))
    }

    async fn of_orders(&self, store: StoreId, orders: &[OrderNo]) -> PortResult<Vec<Payment>> {
        if orders.is_empty() {
            return Ok(Vec::new());
        }
        let filter = format!("store_id = ? AND order_no IN ({}) ORDER BY created_at, payment_id", placeholders(orders.len()));
        let numbers: Vec<i64> = orders.iter().map(|order| order.id()).collect();
        let values = std::iter::once(store.0.into()).chain(padded(&numbers).map(Into::into)).collect();
        let found = self.read(&filter, values).await;
        found.map_err(|error| error.into_port("reading the payments of orders"))
    }

    async fn close_order(&self, store: StoreId, order: OrderNo, now: Timestamp) -> PortResult<Vec<Payment>> {
        self.close(store, order, now).await.map_err(|error| error.into_port("closing an order's payments"))
    }

    async fn mark_closed(&self, id: &PaymentId) -> PortResult<bool> {
        insert::mark_closed(&self.database, id).await.map_err(|error| error.into_port("closing a payment"))
    }

    async fn settle(
        &self,
        payment: &Payment,
        notice: &Notice,
        traceparent: Option<&str>,
        now: Timestamp,
    ) -> PortResult<NoticeAnswer> {
        self.database
            .transact("storing a payment notice", move |unit, _| settle(unit, payment, notice, traceparent, now).boxed())
            .await
    }

    async fn keep_exception(&self, exception: &PayException) -> PortResult<()> {
        self.write_exception(exception).await.map_err(|error| error.into_port("keeping a payment exception"))
    }

    async fn exceptions(&self, store: StoreId, page: PageRequest) -> PortResult<Vec<PayException>> {
        self.read_exceptions(store, page).await.map_err(|error| error.into_port("reading payment exceptions"))
    }
}
