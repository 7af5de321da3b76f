//! Payments, refunds and provider notices.

use serde::{Deserialize, Serialize};
use sluice_events::RestockLine;
use sluice_kernel::{Attribution, Money, OrderNo, PaymentId, Quantity, RefundId, SkuId, StoreId, Timestamp, UserId};

/// A product line as the provider is told (spec.md S2 rule 7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayLine {
    pub sku_id: SkuId,
    pub title: String,
    pub unit_price: Money,
    pub count: Quantity,
    pub supplier_price: i64,
    pub allotable_profit: i64,
}

/// Everything a payment is prepared with (spec.md S2 rule 7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentRequest {
    pub store: StoreId,
    pub user: UserId,
    pub order_no: OrderNo,
    pub total: Money,
    pub allotable_profit: i64,
    pub phone: Option<String>,
    pub store_code: Option<String>,
    pub attribution: Attribution,
    /// "2" for cart orders.
    pub redirect_type: String,
    pub expires_at: Timestamp,
    pub lines: Vec<PayLine>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    Pending,
    Paid,
    Failed,
    /// We gave it up before money came; money may still come late.
    Closed,
}

impl PaymentStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Paid => "paid",
            Self::Failed => "failed",
            Self::Closed => "closed",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Paid, Self::Failed, Self::Closed].into_iter().find(|status| status.as_str() == text)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    pub id: PaymentId,
    pub provider: String,
    pub store: StoreId,
    pub user: UserId,
    pub order_no: OrderNo,
    pub amount: Money,
    pub status: PaymentStatus,
    /// Where the buyer pays; `None` until the provider has answered.
    pub url: Option<String>,
    pub expires_at: Timestamp,
    pub created_at: Timestamp,
    /// Minor units given back or on their way back.
    pub refunded: i64,
}

/// What a provider opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    pub url: String,
    /// The provider's own end, where it has one.
    pub expires_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeStatus {
    Paid,
    Failed,
}

/// A provider's verified word on a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The provider's id of this notification (`webhook-id`).
    pub event_id: String,
    pub payment_id: PaymentId,
    pub order_no: String,
    pub status: NoticeStatus,
    pub amount: i64,
    pub currency: String,
    /// The store's id as the provider knows it.
    pub payee: String,
}

/// Header lookup of a callback, lower-case names.
#[derive(Debug, Clone, Default)]
pub struct WebhookHeaders(pub Vec<(String, String)>);

impl WebhookHeaders {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// What became of an order's channels when it was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseAnswer {
    /// No channel takes money any more, or the provider stayed silent within bounds.
    Closed,
    /// Money had come and is stored: its order is not cancelled, whether or not it has taken the money yet.
    Paid,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundRequest {
    pub id: RefundId,
    pub store: StoreId,
    pub order_no: OrderNo,
    pub payment_id: PaymentId,
    /// `None` returns all that is left.
    pub amount: Option<i64>,
    pub reason: String,
    pub restock: Vec<RestockAsk>,
    /// SHA-256 over the request that names this refund by its key; `None` where no request asked.
    pub fingerprint: Option<[u8; 32]>,
}

/// Units of one SKU that a refund returns to stock, from what the order's refunds have left of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestockAsk {
    pub sku_id: SkuId,
    /// `None` returns all that is left, if anything.
    pub wanted: Option<i64>,
    /// What of this SKU the order holds.
    pub ordered: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundStatus {
    /// Asked for; the provider is tried until it answers.
    Pending,
    Done,
    /// The provider said no: the money stayed, and may be asked back anew.
    Refused,
}

impl RefundStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayRefund {
    pub id: RefundId,
    pub store: StoreId,
    pub order_no: OrderNo,
    pub payment_id: PaymentId,
    pub amount: Money,
    pub status: RefundStatus,
    pub reason: String,
    pub restock: Vec<RestockLine>,
    pub created_at: Timestamp,
    /// How often the provider was asked by the sweeper.
    pub attempts: u32,
}

/// Money or a notice that needs a person's eye: a mismatch, money after the close, a refund that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PayException {
    pub id: i64,
    /// `payment_mismatch`, `paid_after_close`, `paid_twice`, `refund_refused`, `refund_unanswered`, `settlement_refused`.
    pub kind: String,
    pub store_id: Option<StoreId>,
    pub order_no: Option<String>,
    pub payment_id: Option<String>,
    pub detail: String,
    pub at: Timestamp,
}

/// What the buyer chose at the embedded cashier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SandboxOutcome {
    Paid,
    Failed,
}
