//! Payments, refunds and the books of the embedded provider.

use sluice_kernel::{Currency, OrderNo};
use sluice_pay::{PaymentStatus, RefundStatus, SandboxOutcome};

use super::table;
use crate::stored::{At, Stored, codes};

codes!(PaymentStatus { Pending = 1, Paid = 2, Failed = 3, Closed = 4 });
codes!(RefundStatus { Pending = 0, Done = 1, Refused = 2 });
codes!(SandboxOutcome { Paid = 1, Failed = 2 });

table! {
    /// A payment; `live` is 1 for the one that its order may still be paid by, NULL for all others.
    payments = "payments", key(payment_id: String) {
        provider: String,
        store_id: i64,
        user_id: String,
        order_no: Stored<OrderNo>,
        amount: i64,
        currency: Stored<Currency>,
        status: Stored<PaymentStatus>,
        live: Option<i16>,
        url: Option<String>,
        expires_at: At,
        created_at: At,
        settled_at: Option<At>,
        refunded: i64,
    }
}

table! {
    /// An order that takes no payment any more.
    payment_closures = "payment_closures", key(order_no: Stored<OrderNo>) {
        store_id: i64,
        at: At,
    }
}

table! {
    /// What staff must look at.
    payment_exceptions = "payment_exceptions", generated(id: i64) {
        kind: String,
        store_id: Option<i64>,
        order_no: String,
        payment_id: String,
        detail: String,
        at: At,
        digest: String,
        resolved: bool,
        resolved_at: Option<At>,
        resolved_by: Option<String>,
        note: Option<String>,
    }
}

table! {
    /// What a provider said of a payment.
    payment_notices = "payment_notices", key(provider: String, event_id: String) {
        payment_id: String,
        status: Stored<PaymentStatus>,
        amount: i64,
        currency: String,
        at: At,
    }
}

table! {
    /// A refund of a payment; `restock` is a JSON list.
    refunds = "refunds", key(refund_id: String) {
        payment_id: String,
        order_no: Stored<OrderNo>,
        store_id: i64,
        amount: i64,
        currency: Stored<Currency>,
        status: Stored<RefundStatus>,
        reason: String,
        restock: String,
        created_at: At,
        finished_at: Option<At>,
        next_try_at: At,
        attempts: Stored<u32>,
        refusal: Option<String>,
        fingerprint: Option<Vec<u8>>,
    }
}

table! {
    /// A channel of the embedded provider: the buyer's choice, or none.
    sandbox_channels = "sandbox_channels", key(payment_id: String) {
        outcome: Option<Stored<SandboxOutcome>>,
        notice_id: String,
        at: At,
        delivered_at: Option<At>,
    }
}
