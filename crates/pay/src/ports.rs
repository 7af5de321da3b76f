//! What pay needs: its rows, and providers.

use async_trait::async_trait;
use sluice_kernel::{OrderNo, PageRequest, PaymentId, PortResult, RefundId, SkuId, StoreId, Timestamp};

use crate::{Channel, Notice, PayException, PayRefund, Payment, PaymentRequest, RefundRequest, SandboxOutcome, WebhookHeaders};

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
    async fn settle(
        &self,
        payment: &Payment,
        notice: &Notice,
        traceparent: Option<&str>,
        now: Timestamp,
    ) -> PortResult<NoticeAnswer>;
    /// Keeps what needs a person's eye; once per kind, payment (or notice) and detail, and a bounded number of them for a
    /// payment.
    async fn keep_exception(&self, exception: &PayException) -> PortResult<()>;
    async fn exceptions(&self, store: StoreId, page: PageRequest) -> PortResult<Vec<PayException>>;
}

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
    async fn finish(&self, id: &RefundId, traceparent: Option<&str>, now: Timestamp) -> PortResult<()>;
    async fn find(&self, id: &RefundId) -> PortResult<Option<PayRefund>>;
    async fn of_order(&self, store: StoreId, order: OrderNo) -> PortResult<Vec<PayRefund>>;
    /// The provider refuses: the amount is left again. A refund that has ended stays as it is.
    async fn refuse(&self, id: &RefundId, reason: &str, now: Timestamp) -> PortResult<()>;
    /// Takes up to `limit` pending refunds that are due, the longest due first, and puts them off until `until`; counts an
    /// attempt. Of several callers each gets refunds of its own.
    async fn claim(&self, limit: u32, now: Timestamp, until: Timestamp) -> PortResult<Vec<PayRefund>>;
    /// Without an answer: due again at the given time.
    async fn put_off(&self, id: &RefundId, until: Timestamp) -> PortResult<()>;
}

#[derive(Debug, thiserror::Error)]
#[error("the signature is not valid")]
pub struct SignatureError;

/// How a provider fails.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// No answer, or one that says nothing: ask again with the same key.
    #[error("the provider gave no usable answer")]
    Unknown(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A final no: asking again changes nothing.
    #[error("the provider refused: {0}")]
    Refused(String),
    #[error("the notification is not readable: {0}")]
    Malformed(String),
}

/// What a provider says of a channel when it is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelState {
    Closed,
    /// Paid before it could be closed.
    Paid(Notice),
}

/// A payment provider. Payment and refund ids are its idempotency keys.
#[async_trait]
pub trait PaymentGateway: Send + Sync {
    /// The name in routes, rows and events, for instance `sandbox`.
    fn provider(&self) -> &'static str;
    /// A channel that needs no call to the provider; saves a write for each order.
    fn instant(&self, payment: &Payment) -> Option<Channel>;
    async fn open(&self, payment: &Payment, request: &PaymentRequest, account: Option<&str>) -> Result<Channel, GatewayError>;
    /// Asks for the state and closes what is open.
    async fn close(&self, payment: &Payment) -> Result<ChannelState, GatewayError>;
    async fn refund(&self, refund: &PayRefund) -> Result<(), GatewayError>;
    /// Checks signature and time before reading the body.
    fn verify(&self, headers: &WebhookHeaders, body: &[u8], now: Timestamp)
    -> Result<Result<Notice, GatewayError>, SignatureError>;
}

/// The embedded provider's own books: what was chosen at the cashier, and the callback it still owes.
#[async_trait]
pub trait SandboxChannels: Send + Sync {
    /// Notes the choice if the channel is open; `None` where it is closed or was chosen before.
    async fn choose(
        &self,
        payment: &Payment,
        outcome: SandboxOutcome,
        notice_id: &str,
        now: Timestamp,
    ) -> PortResult<Option<SandboxNotice>>;
    /// Closes the channel unless a choice was made; returns the choice.
    async fn close(&self, id: &PaymentId, now: Timestamp) -> PortResult<Option<SandboxNotice>>;
    async fn find(&self, id: &PaymentId) -> PortResult<Option<SandboxNotice>>;
    async fn delivered(&self, id: &PaymentId, now: Timestamp) -> PortResult<()>;
    /// Choices made before `before` whose callback was not accepted yet.
    async fn undelivered(&self, before: Timestamp, limit: u32) -> PortResult<Vec<SandboxNotice>>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxNotice {
    pub payment_id: PaymentId,
    pub notice_id: String,
    pub outcome: SandboxOutcome,
}
