//! The points account as the order context sees it.

use async_trait::async_trait;
use sluice_events::{PaymentSettled, RestockLine};
use sluice_kernel::{OrderNo, Points, PortResult, RefundId, StoreId, UserId};

use crate::{Order, OrderError};

/// Points go back for a refund of an order that was paid in points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointsRefund {
    pub id: RefundId,
    pub store: StoreId,
    pub user: UserId,
    pub order_no: OrderNo,
    pub points: Points,
    pub reason: String,
    pub restock: Vec<RestockLine>,
    /// Where the account refused it, another try begins.
    pub again: bool,
}

/// The points account as the order context sees it. Deductions begin with `order-created` and end with `payment-settled`.
#[async_trait]
pub trait PointsAccount: Send + Sync {
    /// Begins the deduction of an order whose `order-created` may be lost, once for each order. Answers its end, where it has
    /// ended already.
    async fn deduct(&self, order: &Order) -> PortResult<Option<PaymentSettled>>;
    /// Begins a refund, idempotent by its id; its end is told as `payment-settled`. Answers the id it goes by, which is another
    /// one where the account refused it before, and whether it is done already; `None` where the points go back by another
    /// request.
    async fn refund(&self, refund: PointsRefund) -> Result<Option<(RefundId, bool)>, OrderError>;
}
