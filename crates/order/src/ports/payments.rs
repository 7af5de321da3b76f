//! The pay context as the order context sees it.

use std::collections::HashMap;

use async_trait::async_trait;
use sluice_kernel::{OrderNo, PaymentHandle, PaymentId, PortResult, RefundId, SkuId, StoreId};

use crate::{NewOrder, Order, OrderError};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentRefund {
    pub id: RefundId,
    pub store: StoreId,
    pub order_no: OrderNo,
    pub payment: PaymentId,
    /// `None`: all that is left.
    pub amount: Option<i64>,
    pub reason: String,
    pub restock: Vec<RestockRequest>,
    /// Of the request that names the refund by its key.
    pub fingerprint: Option<[u8; 32]>,
}

/// Units of one SKU that a refund returns to stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestockRequest {
    pub sku_id: SkuId,
    /// `None`: all that the order's refunds have left, if anything.
    pub wanted: Option<i64>,
    pub ordered: i64,
}

/// The pay context as the order context sees it.
#[async_trait]
pub trait Payments: Send + Sync {
    /// The first payment of an order that is about to be written, where no provider has to be asked for it: then it is
    /// written together with the order. `None` leaves it to [`Payments::prepare`], after the commit.
    fn instant(&self, order: &NewOrder) -> Option<PaymentHandle>;
    /// `Err(OrderError::PaymentClosed)` where the order takes no payment any more; port errors where the provider
    /// cannot be reached.
    async fn prepare(&self, order: &Order) -> Result<PaymentHandle, OrderError>;
    /// The first payment as it was answered.
    async fn first(&self, store: StoreId, order: OrderNo) -> PortResult<Option<PaymentHandle>>;
    /// The newest payment of each of these orders that has one.
    async fn latest(&self, store: StoreId, orders: &[OrderNo]) -> PortResult<HashMap<OrderNo, PaymentHandle>>;
    /// Asks and closes the channels; `true` where money had come, taken by the order or not (do not cancel).
    async fn close(&self, store: StoreId, order: OrderNo) -> PortResult<bool>;
    /// Begins a refund, idempotent by its id. Answers its amount and whether it is done already; refuses what exceeds
    /// what is left of money or units, and `Err(OrderError::RefundRefused)` where the provider says no.
    async fn refund(&self, refund: PaymentRefund) -> Result<(i64, bool), OrderError>;
    /// Whether a refund of this id was begun and the provider did not refuse it.
    async fn is_refunding(&self, store: StoreId, order: OrderNo, id: &RefundId) -> PortResult<bool>;
    /// Shows staff what needs an eye: `paid_after_close`, `paid_twice`, `settlement_refused`.
    async fn keep_exception(
        &self,
        kind: &'static str,
        store: StoreId,
        order: OrderNo,
        payment: &PaymentId,
        detail: String,
    ) -> PortResult<()>;
}
