//! Payments and refunds as they stand in their rows.

use sluice_kernel::{Currency, Money, OrderNo, PaymentId, RefundId, StoreId, Timestamp, UserId};
use sluice_pay::{PayException, PayRefund, Payment, PaymentStatus, RefundStatus, Resolution};

use crate::{
    error::StoreResult,
    stored::{At, Stored},
    table::{payment_exceptions, payments, refunds, row},
};

/// A payment as it is first written: pending and live.
pub(super) fn new_payment(payment: &Payment) -> payments::Model {
    payments::Model {
        payment_id: payment.id.as_str().to_owned(),
        provider: payment.provider.clone(),
        store_id: payment.store.0,
        user_id: payment.user.0.clone(),
        order_no: Stored(payment.order_no),
        amount: payment.amount.amount,
        currency: Stored(payment.amount.currency),
        status: Stored(PaymentStatus::Pending),
        live: Some(1),
        url: payment.url.clone(),
        expires_at: Stored(payment.expires_at),
        created_at: Stored(payment.created_at),
        settled_at: None,
        refunded: 0,
    }
}

pub(super) fn payment(row: payments::Model) -> Payment {
    Payment {
        id: PaymentId(row.payment_id),
        provider: row.provider,
        store: StoreId(row.store_id),
        user: UserId(row.user_id),
        order_no: row.order_no.0,
        amount: Money::new(row.amount, row.currency.0),
        status: row.status.0,
        url: row.url,
        expires_at: row.expires_at.0,
        created_at: row.created_at.0,
        refunded: row.refunded,
    }
}

row! {
    /// What a refund begins with, again after a refusal too.
    pub(super) struct BegunRefund of refunds {
        refund_id: String,
        payment_id: String,
        order_no: Stored<OrderNo>,
        store_id: i64,
        amount: i64,
        currency: Stored<Currency>,
        status: Stored<RefundStatus>,
        reason: String,
        restock: String,
        created_at: At,
        next_try_at: At,
        fingerprint: Option<Vec<u8>>,
    }
}

pub(super) fn begun_refund(refund: &PayRefund, fingerprint: Option<&[u8; 32]>, due: Timestamp) -> StoreResult<BegunRefund> {
    Ok(BegunRefund {
        refund_id: refund.id.as_str().to_owned(),
        payment_id: refund.payment_id.as_str().to_owned(),
        order_no: Stored(refund.order_no),
        store_id: refund.store.0,
        amount: refund.amount.amount,
        currency: Stored(refund.amount.currency),
        status: Stored(RefundStatus::Pending),
        reason: refund.reason.clone(),
        restock: serde_json::to_string(&refund.restock)?,
        created_at: Stored(refund.created_at),
        next_try_at: Stored(due),
        fingerprint: fingerprint.map(|fingerprint| fingerprint.to_vec()),
    })
}

pub(super) fn refund(row: refunds::Model) -> StoreResult<PayRefund> {
    Ok(PayRefund {
        id: RefundId(row.refund_id),
        store: StoreId(row.store_id),
        order_no: row.order_no.0,
        payment_id: PaymentId(row.payment_id),
        amount: Money::new(row.amount, row.currency.0),
        status: row.status.0,
        reason: row.reason,
        restock: serde_json::from_str(&row.restock)?,
        created_at: row.created_at.0,
        attempts: row.attempts.0,
    })
}

pub(super) fn exception(row: payment_exceptions::Model) -> PayException {
    let known = |text: String| (!text.is_empty()).then_some(text);
    let resolved_by = row.resolved_by.unwrap_or_default();
    let note = row.note.unwrap_or_default();
    PayException {
        id: row.id,
        kind: row.kind,
        store_id: row.store_id.map(StoreId),
        order_no: known(row.order_no),
        payment_id: known(row.payment_id),
        detail: row.detail,
        at: row.at.0,
        resolution: row.resolved_at.map(|at| Resolution { at: at.0, by: UserId(resolved_by), note }),
    }
}
