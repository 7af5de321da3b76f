//! Refunds. The payment's row is held while an amount is taken from what is left of it.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sea_orm::Value;
use sluice_events::{Fact, PaymentSettled, SettledStatus};
use sluice_kernel::{Money, OrderNo, PortResult, RefundId, StoreId, Timestamp};
use sluice_pay::{PayRefund, PaymentStatus, RefundBegin, RefundRepository, RefundRequest, RefundStatus};

use super::row::{self, PAID, PAYMENT_COLUMNS, REFUND_COLUMNS, REFUND_DONE, REFUND_PENDING};
use crate::{
    database::Database,
    error::{StoreError, StoreResult},
    messaging::outbox,
    statement::insert_into,
    unit_of_work::UnitOfWork,
};

#[derive(Clone)]
pub struct SqlRefundRepository {
    database: Database,
}

impl SqlRefundRepository {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    async fn read(&self, filter: &str, values: Vec<Value>) -> StoreResult<Vec<PayRefund>> {
        let select = format!("SELECT {} FROM refunds WHERE {filter}", REFUND_COLUMNS.join(", "));
        self.database.rows(select, values).await?.iter().map(row::refund).collect()
    }
}

async fn begin(unit: &UnitOfWork, request: &RefundRequest, now: Timestamp) -> StoreResult<RefundBegin> {
    let select = format!(
        "SELECT {} FROM payments WHERE payment_id = ? AND store_id = ? AND order_no = ?{}",
        PAYMENT_COLUMNS.join(", "),
        unit.dialect().for_update()
    );
    let values = vec![request.payment_id.as_str().into(), request.store.0.into(), request.order_no.id().into()];
    let Some(found) = unit.row(select, values).await? else {
        return Ok(RefundBegin::NotPaid);
    };
    let payment = row::payment(&found)?;
    if let Some(begun) = find(unit, &request.id).await? {
        return Ok(RefundBegin::Begun(begun));
    }
    if payment.status != PaymentStatus::Paid {
        return Ok(RefundBegin::NotPaid);
    }

    let left = payment.amount.amount - payment.refunded;
    let amount = request.amount.unwrap_or(left);
    // Nothing can be given back of a payment that has nothing left; only an order that cost nothing is refunded by 0.
    let sound = (1..=left).contains(&amount) || (amount == 0 && payment.amount.amount == 0);
    if !sound {
        return Ok(RefundBegin::TooLarge { left });
    }
    let take = "UPDATE payments SET refunded = refunded + ? \
        WHERE payment_id = ? AND store_id = ? AND status = ? AND amount - refunded >= ?";
    let values = vec![amount.into(), payment.id.as_str().into(), payment.store.0.into(), PAID.into(), amount.into()];
    if unit.execute(take, values).await? == 0 {
        return Ok(RefundBegin::TooLarge { left });
    }
    let refund = PayRefund {
        id: request.id.clone(),
        store: request.store,
        order_no: request.order_no,
        payment_id: payment.id,
        amount: Money::new(amount, payment.amount.currency),
        status: RefundStatus::Pending,
        reason: request.reason.clone(),
        restock: request.restock.clone(),
        created_at: now,
    };
    unit.execute(insert_into("refunds", &REFUND_COLUMNS, 1), row::refund_values(&refund)?.into()).await?;
    Ok(RefundBegin::Begun(refund))
}

async fn find(unit: &UnitOfWork, id: &RefundId) -> StoreResult<Option<PayRefund>> {
    let select = format!("SELECT {} FROM refunds WHERE refund_id = ?", REFUND_COLUMNS.join(", "));
    unit.row(select, vec![id.as_str().into()]).await?.as_ref().map(row::refund).transpose()
}

async fn finish(unit: &UnitOfWork, id: &RefundId, traceparent: Option<&str>, now: Timestamp) -> StoreResult<()> {
    let update = "UPDATE refunds SET status = ?, finished_at = ? WHERE refund_id = ? AND status = ?";
    let values = vec![REFUND_DONE.into(), now.as_millis().into(), id.as_str().into(), REFUND_PENDING.into()];
    if unit.execute(update, values).await? == 0 {
        return Ok(());
    }
    let refund = find(unit, id).await?.ok_or(StoreError::Corrupt("refunds"))?;
    let select = "SELECT provider FROM payments WHERE payment_id = ? AND store_id = ?";
    let found = unit.row(select, vec![refund.payment_id.as_str().into(), refund.store.0.into()]).await?;
    let provider = found.ok_or(StoreError::Corrupt("refunds.payment_id"))?.try_get_by("provider")?;
    let fact = Fact::PaymentSettled {
        payment: PaymentSettled {
            order_no: refund.order_no,
            store_id: refund.store,
            payment_id: refund.payment_id,
            provider,
            status: SettledStatus::Refunded,
            amount: refund.amount,
            points: None,
            refund_id: Some(refund.id),
            restock: refund.restock,
            at: now,
        },
    };
    outbox::append(unit, &fact, traceparent, now).await
}

#[async_trait]
impl RefundRepository for SqlRefundRepository {
    async fn begin(&self, request: &RefundRequest, now: Timestamp) -> PortResult<RefundBegin> {
        self.database.transact("beginning a refund", move |unit, _| begin(unit, request, now).boxed()).await
    }

    async fn finish(&self, id: &RefundId, traceparent: Option<&str>, now: Timestamp) -> PortResult<()> {
        self.database.transact("finishing a refund", move |unit, _| finish(unit, id, traceparent, now).boxed()).await
    }

    async fn find(&self, id: &RefundId) -> PortResult<Option<PayRefund>> {
        let found = self.read("refund_id = ?", vec![id.as_str().into()]).await;
        found.map(|rows| rows.into_iter().next()).map_err(|error| error.into_port("reading a refund"))
    }

    async fn of_order(&self, store: StoreId, order: OrderNo) -> PortResult<Vec<PayRefund>> {
        let filter = "store_id = ? AND order_no = ? ORDER BY created_at, refund_id";
        let found = self.read(filter, vec![store.0.into(), order.id().into()]).await;
        found.map_err(|error| error.into_port("reading an order's refunds"))
    }

    async fn pending(&self, before: Timestamp, limit: u32) -> PortResult<Vec<PayRefund>> {
        let filter = "status = ? AND created_at < ? ORDER BY created_at LIMIT ?";
        let found = self.read(filter, vec![REFUND_PENDING.into(), before.as_millis().into(), i64::from(limit).into()]).await;
        found.map_err(|error| error.into_port("reading pending refunds"))
    }
}
