//! The rows of payments.

use async_trait::async_trait;
use sluice_kernel::{OrderNo, PaymentId, PortResult, StoreId, Timestamp};

use crate::{Channel, ExceptionQuery, Notice, PayException, Payment, Resolution};

/// What inserting a payment found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InsertAnswer {
    /// It is the order's live payment now.
    Inserted,
    /// The order has a live payment already.
    Live(Payment),
    /// The order's channels were closed for good; nothing stays inserted.
    Closed,
}

/// What storing a verified notice did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoticeAnswer {
    /// Settled now: payment, notice and the outbox's `payment-settled` in one transaction.
    Settled,
    /// Nothing new: the notice, or its effect, was here before.
    Repeated,
}

#[async_trait]
pub trait PaymentRepository: Send + Sync {
    /// Inserts a live payment; many at once share a transaction. After its commit the order's closure is looked up,
    /// so that a closure and an insertion can never miss each other: the closure's row is committed before live
    /// payments are looked for (see [`PaymentRepository::close_order`]). An order whose money is stored is closed too.
    async fn insert(&self, payment: &Payment) -> PortResult<InsertAnswer>;
    /// Notes what the provider opened; `false` where the payment is not pending any more.
    async fn set_channel(&self, id: &PaymentId, channel: &Channel) -> PortResult<bool>;
    async fn find(&self, id: &PaymentId) -> PortResult<Option<Payment>>;
    /// All payments of these orders, oldest first.
    async fn of_orders(&self, store: StoreId, orders: &[OrderNo]) -> PortResult<Vec<Payment>>;
    /// Closes the order to new payments, then returns those still pending and those paid.
    async fn close_order(&self, store: StoreId, order: OrderNo, now: Timestamp) -> PortResult<Vec<Payment>>;
    /// pending → closed; `false` where it was not pending.
    async fn mark_closed(&self, id: &PaymentId) -> PortResult<bool>;
    /// Stores a matching notice and its effect. Money wins: paid is reached from every other status.
    async fn settle(&self, payment: &Payment, notice: &Notice, now: Timestamp) -> PortResult<NoticeAnswer>;
    /// Keeps what staff must look at; once per kind, payment (or notice) and detail, and a bounded number of them for a
    /// payment.
    async fn keep_exception(&self, exception: &PayException) -> PortResult<()>;
    /// Newest first, one more than the page holds.
    async fn exceptions(&self, query: &ExceptionQuery) -> PortResult<Vec<PayException>>;
    /// As it stands afterwards: the first resolution stays. `None` where the store has no such exception.
    async fn resolve_exception(&self, store: StoreId, id: i64, resolution: &Resolution) -> PortResult<Option<PayException>>;
}
