//! Refunds that took effect on an order.

use sluice_kernel::{RefundId, SkuId};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundState {
    None,
    Partial,
    Full,
}

impl RefundState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Partial => "partial",
            Self::Full => "full",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::None, Self::Partial, Self::Full].into_iter().find(|state| state.as_str() == text)
    }
}

/// A refund that took effect on an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundRecord {
    pub id: RefundId,
    pub amount: i64,
    pub restock: Vec<(SkuId, i64)>,
}
