//! What the order context needs from others; bridged or adapted outside.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use sluice_events::{Fact, PaymentSettled};
use sluice_kernel::{
    Money, OrderNo, PaymentId, Points, PortResult, ProductId, Quantity, RefundId, ReservationId, SkuId, StoreId, Timestamp, UserId,
};

use crate::{
    ActivityWindow, IdempotencyKey, NewOrder, Order, OrderError, OrderQuery, OrderState, OrderStatus, RefundRecord, Unpaid,
};

/// Form fields a product may require of a cart order (spec.md S2 rule 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequiredField {
    Recipients,
    Tel,
    VerifyCode,
    IdCard,
    ReceivingInfo,
}

/// A SKU as placing needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShelfCard {
    pub sku_id: SkuId,
    pub product_id: ProductId,
    pub title: Arc<str>,
    pub picture: Option<Arc<str>>,
    pub spec: Arc<str>,
    pub code: Arc<str>,
    pub price: Money,
    pub points: Points,
    pub allotable_profit: i64,
    pub supplier_price: i64,
    pub delivery_place: Arc<str>,
    pub required: Arc<[RequiredField]>,
    pub buyable: bool,
    pub revision: i64,
}

/// The catalog; SKUs that do not exist in the store are absent.
#[async_trait]
pub trait Catalog: Send + Sync {
    /// May answer from a cache: the gate compares revisions.
    async fn cards(&self, store: StoreId, skus: &[SkuId]) -> PortResult<HashMap<SkuId, Arc<ShelfCard>>>;
    /// Forgets what is cached of these, after the gate said that it is outdated.
    async fn forget(&self, store: StoreId, skus: &[SkuId]);
}

/// The selected lines of the user's cart, and its version.
#[async_trait]
pub trait CartReader: Send + Sync {
    async fn selected(&self, store: StoreId, user: &UserId) -> PortResult<(i64, Vec<(SkuId, Quantity)>)>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodeVerdict {
    /// Valid: the code sent to this phone at this instant. The commit uses it up.
    Valid {
        sent_at: Timestamp,
    },
    Invalid,
}

#[async_trait]
pub trait CodeVerifier: Send + Sync {
    /// `user` is who orders: wrong codes are counted for them.
    async fn check(&self, store: StoreId, user: &UserId, phone: &str, code: &str) -> PortResult<CodeVerdict>;
}

/// Why the stock says no; nothing was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StockRefusal {
    OffShelf(Vec<SkuId>),
    /// The revision the order was priced at is not the present one.
    Outdated(Vec<SkuId>),
    /// The gate decided outside the activity's window.
    OutsideWindow,
    /// The user's limit leaves no room.
    LimitReached,
    /// SKU and what is usable.
    Short(Vec<(SkuId, i64)>),
}

/// The terms of an activity that the gate checks with the stock, and the user whose limit it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReserveTerms {
    /// `None` for late money: the order was placed in time.
    pub window: Option<ActivityWindow>,
    pub sku: SkuId,
    pub user: UserId,
    pub units: i64,
    pub most_orders: Option<i64>,
    pub most_units: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReserveAnswer {
    Held {
        epoch: i64,
    },
    Refused(StockRefusal),
    /// The reservation was given back before this call arrived.
    Gone,
}

/// The stock gate as placing sees it.
#[async_trait]
pub trait StockReserver: Send + Sync {
    /// True where the commit itself decides (database gate): `reserve` is then never called.
    fn decides_in_commit(&self) -> bool;
    /// `lines`: SKU, units, revision priced at (`None` for late money).
    async fn reserve(
        &self,
        store: StoreId,
        id: ReservationId,
        lines: &[(SkuId, i64, Option<i64>)],
        terms: Option<&ReserveTerms>,
        now: Timestamp,
    ) -> PortResult<ReserveAnswer>;
    /// The epoch in which a gate outside the database stands now for this store. An order that is read after this is at most
    /// as old as what the gate of this epoch counts.
    async fn epoch(&self, store: StoreId) -> PortResult<i64>;
    /// As `reserve`, but only in this epoch; fails with `PortError::GateClosed` in any other one. For orders that may have
    /// held units before: a gate that was counted anew since the order was read may have counted them.
    async fn reserve_in(
        &self,
        epoch: i64,
        store: StoreId,
        id: ReservationId,
        lines: &[(SkuId, i64, Option<i64>)],
        terms: Option<&ReserveTerms>,
        now: Timestamp,
    ) -> PortResult<ReserveAnswer>;
    async fn release(&self, store: StoreId, id: ReservationId, now: Timestamp) -> PortResult<()>;
    /// This instant of the caller's clock by the gate's clock, which decides over windows; as far as it was measured.
    fn instant(&self, now: Timestamp) -> Timestamp {
        now
    }
    /// Committed changes wait in the effects queue: apply them soon. Never fails; the sweeper is the backstop.
    fn hint_effects(&self);
}

/// What stands under an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replay {
    pub order_no: OrderNo,
    /// The first request had the same body.
    pub same_body: bool,
}

/// What became of a new order in the group commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitAnswer {
    Committed,
    /// The key belongs to an earlier order; this one was not written.
    Replayed(Replay),
    /// Only where the commit decides over the stock.
    Refused(StockRefusal),
    /// The verification code was used up by another order meanwhile.
    CodeSpent,
    /// The cart's version was claimed by another order.
    CartClaimed,
    /// The gate was rebuilt since the reservation: reserve again (under a new attempt id the old one is void).
    EpochMoved,
}

/// The group commit. Orders that wait at the same moment share a transaction; one that is refused fails alone.
#[async_trait]
pub trait OrderWriter: Send + Sync {
    /// Returns when the order is on disk, or was refused. Fails with `Overloaded` at once where the queue is full. The
    /// writer keeps no share of the order once it has answered.
    async fn commit(&self, order: Arc<NewOrder>) -> PortResult<CommitAnswer>;
}

/// What a transition does to the stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StockStep {
    None,
    Sell(ReservationId),
    Release(ReservationId),
    /// Late money: reserve and sell in one step. `epoch` is set where an outside gate holds the units already. The
    /// `terms` of an activity order take the user's limit anew, without a window.
    LateSell {
        reservation: ReservationId,
        epoch: Option<i64>,
        terms: Option<ReserveTerms>,
    },
    Restock(RefundRecord),
}

/// A change of state: all of it or nothing, compare-and-set on the version it was decided from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    pub store: StoreId,
    pub order_no: OrderNo,
    pub version: i64,
    pub from: OrderStatus,
    pub to: OrderState,
    /// Set when the order is (or stays) paid from now on.
    pub paid_at: Option<Timestamp>,
    pub stock: StockStep,
    /// A refund that this step records: its amount counts once.
    pub refund: Option<RefundRecord>,
    /// The settlement that the order takes by this change: it waits no longer.
    pub settles: Option<String>,
    /// What is told; `None` where nothing is.
    pub fact: Option<Fact>,
    pub traceparent: Option<String>,
    pub now: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    Done,
    /// Another change came first: read again and decide anew.
    Lost,
    /// This refund was recorded before; nothing was changed.
    Repeated,
    /// `LateSell` found too little, or the user's limit taken; nothing was changed.
    Short,
    /// The gate was rebuilt since the reservation; nothing was changed.
    EpochMoved,
    /// Only of a cancellation: verified money for the order is stored; nothing was changed.
    MoneyStored,
}

/// A settlement that its order has not taken so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingSettlement {
    /// [`PaymentSettled::id`].
    pub id: String,
    pub settled: PaymentSettled,
    /// How often it was claimed.
    pub attempts: u32,
}

/// What pay and points have settled, from the transaction that settled it until the order's change has taken it
/// ([`Transition::settles`]). Lost messages lose nothing that stands here.
#[async_trait]
pub trait Settlements: Send + Sync {
    /// Takes up to `limit` that are due, the longest due first, and puts them off until `until`; counts an attempt. Of several
    /// callers each gets settlements of its own.
    async fn claim(&self, limit: u32, now: Timestamp, until: Timestamp) -> PortResult<Vec<WaitingSettlement>>;
    /// Keeps one that cannot be taken now; one that stands already is left as it is.
    async fn keep(&self, settled: &PaymentSettled, due: Timestamp) -> PortResult<()>;
    /// Due again at `until`; `None` where it is given up.
    async fn put_off(&self, id: &str, until: Option<Timestamp>, attempts: u32) -> PortResult<()>;
    /// It needs nothing more; none may stand.
    async fn taken(&self, id: &str) -> PortResult<()>;
}

#[async_trait]
pub trait OrderRepository: Send + Sync {
    async fn find(&self, store: StoreId, order: OrderNo) -> PortResult<Option<Order>>;
    /// Up to `limit + 1` orders, newest first.
    async fn list(&self, query: &OrderQuery) -> PortResult<Vec<Order>>;
    /// The present status of each of these orders that exists, in one statement for a thousand of them.
    async fn statuses(&self, orders: &[OrderNo]) -> PortResult<Vec<(OrderNo, OrderStatus)>>;
    /// What the user's unpaid orders come to now.
    async fn unpaid_of(&self, store: StoreId, user: &UserId) -> PortResult<Unpaid>;
    async fn find_replay(&self, key: &IdempotencyKey) -> PortResult<Option<Replay>>;
    /// Remembers a key of a payment or refund, after it took effect; a key that stands already is left as it is.
    async fn remember(&self, key: &IdempotencyKey, order: OrderNo, now: Timestamp) -> PortResult<()>;
    async fn apply(&self, transition: &Transition) -> PortResult<Applied>;
    /// Unpaid orders whose next look is due, oldest first: order, store, expires_at.
    async fn due(&self, now: Timestamp, limit: u32) -> PortResult<Vec<(OrderNo, StoreId, Timestamp)>>;
    /// Orders that still wait for the points account and are due for a look, oldest first, and puts them off until
    /// `until`; of several callers each gets orders of its own.
    async fn claim_confirming(&self, now: Timestamp, until: Timestamp, limit: u32) -> PortResult<Vec<(OrderNo, StoreId)>>;
    /// Looks at these again at `until`, so that a message that is on its way is not sent twice at once.
    async fn look_again(&self, orders: &[OrderNo], until: Timestamp) -> PortResult<()>;
    /// How many unpaid orders are past their deadline, and since when the oldest one is.
    async fn overdue(&self, now: Timestamp) -> PortResult<(u64, Option<Timestamp>)>;
}

/// A payment as the order's answer shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    pub payment_id: PaymentId,
    pub provider: String,
    pub url: String,
    pub expires_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundCommand {
    pub id: RefundId,
    pub store: StoreId,
    pub order_no: OrderNo,
    pub payment: PaymentId,
    /// `None`: all that is left.
    pub amount: Option<i64>,
    pub reason: String,
    pub restock: Vec<RestockWish>,
    /// Of the request that names the refund by its key.
    pub fingerprint: Option<[u8; 32]>,
}

/// Units of one SKU that a refund returns to stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestockWish {
    pub sku_id: SkuId,
    /// `None`: all that the order's refunds have left, if anything.
    pub wanted: Option<i64>,
    pub ordered: i64,
}

/// The pay context as the order context sees it.
#[async_trait]
pub trait PaymentDesk: Send + Sync {
    /// The first payment of an order that is about to be written, where no provider has to be asked for it: then it is
    /// written together with the order. `None` leaves it to [`PaymentDesk::prepare`], after the commit.
    fn instant(&self, order: &NewOrder) -> Option<Prepared>;
    /// `Err(OrderError::PaymentClosed)` where the order takes no payment any more; port errors where the provider
    /// cannot be reached.
    async fn prepare(&self, order: &Order) -> Result<Prepared, OrderError>;
    /// The first payment as it was answered.
    async fn first(&self, store: StoreId, order: OrderNo) -> PortResult<Option<Prepared>>;
    /// The newest payment of each of these orders that has one.
    async fn latest(&self, store: StoreId, orders: &[OrderNo]) -> PortResult<HashMap<OrderNo, Prepared>>;
    /// Asks and closes the channels; `true` where money had come, taken by the order or not (do not cancel).
    async fn close(&self, store: StoreId, order: OrderNo) -> PortResult<bool>;
    /// Begins a refund, idempotent by its id. Answers its amount and whether it is done already; refuses what exceeds
    /// what is left of money or units, and `Err(OrderError::RefundRefused)` where the provider says no.
    async fn refund(&self, command: RefundCommand, traceparent: Option<&str>) -> Result<(i64, bool), OrderError>;
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
