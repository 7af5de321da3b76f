//! Orders as they are kept, and how they change.

use async_trait::async_trait;
use sluice_events::Fact;
use sluice_kernel::{OrderNo, Page, PageRequest, PortResult, ReservationId, StoreId, Timestamp, UserId};

use crate::{IdempotencyKey, Order, OrderQuery, OrderSearch, OrderState, OrderStatus, RefundRecord, Replay, ReserveTerms, Unpaid};

/// Orders that a page of a search looks at, unless one index names all that it shows.
pub const MAX_LOOKED_AT: u32 = 2_000;

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

#[async_trait]
pub trait OrderRepository: Send + Sync {
    async fn find(&self, store: StoreId, order: OrderNo) -> PortResult<Option<Order>>;
    /// Up to `limit + 1` orders, newest first.
    async fn list(&self, query: &OrderQuery) -> PortResult<Vec<Order>>;
    /// Orders of the store that staff look for, newest first. Number, phone, user or status alone is answered by its index; any
    /// other search looks at [`MAX_LOOKED_AT`] orders for a page, which may end before it is full.
    async fn search(&self, store: StoreId, search: &OrderSearch, page: PageRequest) -> PortResult<Page<Order>>;
    /// The highest attempt of the order's reservations of which an outcome is known; 0 where there is none.
    async fn last_attempt(&self, order: OrderNo) -> PortResult<u16>;
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
    /// These are due again at `until`, so that a message that is on its way is not sent twice at once.
    async fn announce_again_at(&self, orders: &[OrderNo], until: Timestamp) -> PortResult<()>;
    /// How many unpaid orders are past their deadline, and since when the oldest one is.
    async fn overdue(&self, now: Timestamp) -> PortResult<(u64, Option<Timestamp>)>;
}
