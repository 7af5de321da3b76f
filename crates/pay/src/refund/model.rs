//! Refunds.

use serde::{Deserialize, Serialize};
use sluice_events::RestockLine;
use sluice_kernel::{Money, OrderNo, PaymentId, RefundId, SkuId, StoreId, Timestamp};

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
