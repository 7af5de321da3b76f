//! The rows of refunds.

use async_trait::async_trait;
use sluice_kernel::{OrderNo, Page, PageRequest, PortResult, RefundId, SkuId, StoreId, Timestamp};

use crate::{PayRefund, RefundRequest, RefundStatus};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundBegin {
    /// The amount is taken from what is left of the payment; the refund is pending (or was begun before).
    Begun(PayRefund),
    TooLarge {
        left: i64,
    },
    /// Fewer units of this SKU are left to be returned to stock.
    RestockTooLarge {
        sku: SkuId,
        left: i64,
    },
    /// The refund was begun by another request under the same name.
    KeyReused,
    NotPaid,
}

#[async_trait]
pub trait RefundRepository: Send + Sync {
    /// Idempotent by refund id. Amount and units are taken from what is left where they are written, so that refunds
    /// at the same moment never exceed either. A refund that the provider refused begins anew.
    async fn begin(&self, request: &RefundRequest, now: Timestamp) -> PortResult<RefundBegin>;
    /// The provider has given the money back: refund and `payment-settled` in one transaction, once.
    async fn finish(&self, id: &RefundId, now: Timestamp) -> PortResult<()>;
    async fn find(&self, id: &RefundId) -> PortResult<Option<PayRefund>>;
    async fn of_order(&self, store: StoreId, order: OrderNo) -> PortResult<Vec<PayRefund>>;
    /// Refunds of the store, newest first by the time they were asked for, of one status or of all. Those of one millisecond stand on
    /// one page, which may so be longer than asked for.
    async fn list(&self, store: StoreId, status: Option<RefundStatus>, page: PageRequest) -> PortResult<Page<PayRefund>>;
    /// The provider refuses: the amount is left again. A refund that has ended stays as it is.
    async fn refuse(&self, id: &RefundId, reason: &str, now: Timestamp) -> PortResult<()>;
    /// Takes up to `limit` pending refunds that are due, the longest due first, and puts them off until `until`; counts an
    /// attempt. Of several callers each gets refunds of its own.
    async fn claim(&self, limit: u32, now: Timestamp, until: Timestamp) -> PortResult<Vec<PayRefund>>;
    /// Without an answer: due again at the given time.
    async fn put_off(&self, id: &RefundId, until: Timestamp) -> PortResult<()>;
}
