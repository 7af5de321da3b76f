//! Refunds that took effect on an order.

use sluice_kernel::{RefundId, SkuId};

/// A refund that took effect on an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundRecord {
    pub id: RefundId,
    pub amount: i64,
    pub restock: Vec<(SkuId, i64)>,
}
