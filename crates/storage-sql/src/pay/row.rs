//! Payments and refunds as they stand in their rows. The numbers of states are part of the schema.

use sea_orm::{QueryResult, Value};
use sluice_kernel::{Money, OrderNo, PaymentId, RefundId, StoreId, Timestamp, UserId};
use sluice_pay::{PayRefund, Payment, PaymentStatus, RefundStatus};

use crate::error::{StoreError, StoreResult};

pub(super) const PENDING: i64 = 1;
pub(super) const PAID: i64 = 2;
pub(super) const FAILED: i64 = 3;
pub(super) const CLOSED: i64 = 4;

pub(super) const REFUND_PENDING: i64 = 0;
pub(super) const REFUND_DONE: i64 = 1;
pub(super) const REFUND_REFUSED: i64 = 2;

/// Columns of a payment as [`payment`] reads and [`insert_values`] writes them.
pub(super) const PAYMENT_COLUMNS: [&str; 13] = [
    "payment_id",
    "provider",
    "store_id",
    "user_id",
    "order_no",
    "amount",
    "currency",
    "status",
    "live",
    "url",
    "expires_at",
    "created_at",
    "refunded",
];

/// A payment as it is first written: pending and live.
pub(super) fn insert_values(payment: &Payment) -> [Value; 13] {
    [
        payment.id.as_str().into(),
        payment.provider.as_str().into(),
        payment.store.0.into(),
        payment.user.as_str().into(),
        payment.order_no.id().into(),
        payment.amount.amount.into(),
        payment.amount.currency.as_str().into(),
        PENDING.into(),
        1_i64.into(),
        payment.url.clone().into(),
        payment.expires_at.as_millis().into(),
        payment.created_at.as_millis().into(),
        0_i64.into(),
    ]
}

pub(super) fn payment(row: &QueryResult) -> StoreResult<Payment> {
    let status = match row.try_get_by::<i64, _>("status")? {
        PENDING => PaymentStatus::Pending,
        PAID => PaymentStatus::Paid,
        FAILED => PaymentStatus::Failed,
        CLOSED => PaymentStatus::Closed,
        _ => return Err(StoreError::Corrupt("payments.status")),
    };
    Ok(Payment {
        id: PaymentId(row.try_get_by("payment_id")?),
        provider: row.try_get_by("provider")?,
        store: StoreId(row.try_get_by("store_id")?),
        user: UserId(row.try_get_by("user_id")?),
        order_no: OrderNo::from_id(row.try_get_by("order_no")?),
        amount: money(row)?,
        status,
        url: row.try_get_by("url")?,
        expires_at: Timestamp::from_millis(row.try_get_by("expires_at")?),
        created_at: Timestamp::from_millis(row.try_get_by("created_at")?),
        refunded: row.try_get_by("refunded")?,
    })
}

/// Columns of a refund as [`refund`] reads them.
pub(super) const REFUND_COLUMNS: [&str; 12] = [
    "refund_id",
    "payment_id",
    "order_no",
    "store_id",
    "amount",
    "currency",
    "status",
    "reason",
    "restock",
    "created_at",
    "attempts",
    "fingerprint",
];

/// What a refund begins with, again after a refusal too: `refund::WRITE` takes them.
pub(super) fn refund_values(refund: &PayRefund, fingerprint: Option<&[u8; 32]>, due: Timestamp) -> StoreResult<[Value; 12]> {
    Ok([
        refund.id.as_str().into(),
        refund.payment_id.as_str().into(),
        refund.order_no.id().into(),
        refund.store.0.into(),
        refund.amount.amount.into(),
        refund.amount.currency.as_str().into(),
        REFUND_PENDING.into(),
        refund.reason.as_str().into(),
        serde_json::to_string(&refund.restock)?.into(),
        refund.created_at.as_millis().into(),
        due.as_millis().into(),
        fingerprint.map(|fingerprint| fingerprint.to_vec()).into(),
    ])
}

pub(super) fn refund(row: &QueryResult) -> StoreResult<PayRefund> {
    let status = match row.try_get_by::<i64, _>("status")? {
        REFUND_PENDING => RefundStatus::Pending,
        REFUND_DONE => RefundStatus::Done,
        REFUND_REFUSED => RefundStatus::Refused,
        _ => return Err(StoreError::Corrupt("refunds.status")),
    };
    Ok(PayRefund {
        id: RefundId(row.try_get_by("refund_id")?),
        store: StoreId(row.try_get_by("store_id")?),
        order_no: OrderNo::from_id(row.try_get_by("order_no")?),
        payment_id: PaymentId(row.try_get_by("payment_id")?),
        amount: money(row)?,
        status,
        reason: row.try_get_by("reason")?,
        restock: serde_json::from_str(&row.try_get_by::<String, _>("restock")?)?,
        created_at: Timestamp::from_millis(row.try_get_by("created_at")?),
        attempts: u32::try_from(row.try_get_by::<i32, _>("attempts")?).unwrap_or(0),
    })
}

fn money(row: &QueryResult) -> StoreResult<Money> {
    let currency: String = row.try_get_by("currency")?;
    let currency = currency.parse().map_err(|_| StoreError::Corrupt("currency"))?;
    Ok(Money::new(row.try_get_by("amount")?, currency))
}
