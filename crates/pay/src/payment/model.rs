//! Payments, and what staff must look at.

use serde::{Deserialize, Serialize};
use sluice_kernel::{Attribution, Money, OrderNo, PageRequest, PaymentId, Quantity, SkuId, StoreId, Timestamp, UserId};

/// A product line as the provider is told (docs/domain.md S2 rule 7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayLine {
    pub sku_id: SkuId,
    pub title: String,
    pub unit_price: Money,
    pub count: Quantity,
    pub supplier_price: i64,
    pub allotable_profit: i64,
}

/// Everything a payment is prepared with (docs/domain.md S2 rule 7).
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

/// What became of an order's channels when it was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseAnswer {
    /// No channel takes money any more, or the provider stayed silent within bounds.
    Closed,
    /// Money had come and is stored: its order is not cancelled, whether or not it has taken the money yet.
    Paid,
}

/// Money or a notice that staff must look at: a mismatch, money after the close, a refund that was refused.
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
    /// `None` while it is open.
    pub resolution: Option<Resolution>,
}

/// What staff did about an exception.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Resolution {
    pub at: Timestamp,
    pub by: UserId,
    pub note: String,
}

impl PayException {
    pub const KINDS: [&str; 6] =
        ["payment_mismatch", "paid_after_close", "paid_twice", "refund_refused", "refund_unanswered", "settlement_refused"];
}

/// Which exceptions of a store to list; what is `None` is not asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExceptionQuery {
    pub store: StoreId,
    pub resolved: Option<bool>,
    /// One of [`PayException::KINDS`].
    pub kind: Option<&'static str>,
    pub order_no: Option<OrderNo>,
    pub page: PageRequest,
}
