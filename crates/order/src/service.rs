//! What the order context offers to the API, to consumers and to sweepers.

use async_trait::async_trait;
use sluice_events::{Envelope, PaymentSettled, PaymentWindowClosed};
use sluice_kernel::{OrderNo, Page, PageRequest, PaymentHandle, StoreId, Timestamp, UserId};

use crate::{
    CartRequest, FollowTicket, IdempotencyKey, KeptTicket, OrderDetail, OrderError, OrderPreview, OrderQuery, OrderSearch,
    OrderStatus, PlaceActivityOrder, PlaceCartOrder, Placed, RefundOutcome, RefundRequest,
};

/// A placement ends where its future is dropped: whoever must not stop half way (the API, whose clients hang up) runs the call
/// in a task of its own.
#[async_trait]
pub trait OrderService: Send + Sync {
    /// Places a cart order, whole or not at all; repeats the first answer for a key that was used before.
    async fn place(&self, command: PlaceCartOrder) -> Result<Placed, OrderError>;
    /// What a cart order would come to now, and every refusal that it would meet. Takes nothing; a wrong verification code counts
    /// against the user. Refuses only what cannot be read as an order.
    async fn preview(&self, request: CartRequest) -> Result<OrderPreview, OrderError>;
    /// Places an activity order, whole or not at all; repeats the first answer for a key that was used before.
    async fn place_activity(&self, command: PlaceActivityOrder) -> Result<Placed, OrderError>;
    /// A user's own order; another's is not found. `user: None` for staff.
    async fn find(&self, store: StoreId, user: Option<&UserId>, order: OrderNo) -> Result<OrderDetail, OrderError>;
    async fn list(&self, query: OrderQuery) -> Result<Page<OrderDetail>, OrderError>;
    /// Staff: the orders of the store that are looked for, newest first. A page may end before it is full, and says where to go
    /// on.
    async fn search(&self, store: StoreId, search: &OrderSearch, page: PageRequest) -> Result<Page<OrderDetail>, OrderError>;
    /// The present status of each of these orders, for streams that were opened on them.
    async fn statuses(&self, orders: &[OrderNo]) -> Result<Vec<(OrderNo, OrderStatus)>, OrderError>;
    /// A ticket for the status stream of a user's own order, for a minute and one use; the stream ends at `stream_ends_at`.
    async fn ticket(
        &self,
        store: StoreId,
        user: &UserId,
        order: OrderNo,
        stream_ends_at: Timestamp,
    ) -> Result<FollowTicket, OrderError>;
    /// Uses a ticket up. `None` where it is unknown, used, run out, or of another order.
    async fn take_ticket(&self, order: OrderNo, ticket: &str) -> Result<Option<KeptTicket>, OrderError>;
    async fn cancel(&self, store: StoreId, user: Option<&UserId>, order: OrderNo) -> Result<OrderDetail, OrderError>;
    /// Prepares the payment again while the order is unpaid. The second value says that the key was used before.
    async fn prepare_payment(
        &self,
        store: StoreId,
        user: &UserId,
        order: OrderNo,
        key: IdempotencyKey,
    ) -> Result<(PaymentHandle, bool), OrderError>;
    /// Staff: paid → fulfilled → completed.
    async fn fulfil(&self, store: StoreId, order: OrderNo) -> Result<OrderDetail, OrderError>;
    async fn complete(&self, store: StoreId, order: OrderNo) -> Result<OrderDetail, OrderError>;
    async fn refund(&self, request: RefundRequest) -> Result<RefundOutcome, OrderError>;

    /// Consumer of `payment-settled`.
    async fn settle(&self, settled: &PaymentSettled) -> Result<(), OrderError>;
    /// Takes up to `limit` settlements that no event has brought to their orders; answers how many were due.
    async fn settle_waiting(&self, limit: u32) -> Result<usize, OrderError>;
    /// Begins deductions of up to `limit` orders that nobody deducts; answers how many were looked at.
    async fn deduct_waiting(&self, limit: u32) -> Result<usize, OrderError>;
    /// Consumer of `auto-cancel`.
    async fn expire(&self, closed: &PaymentWindowClosed) -> Result<(), OrderError>;
    /// The `auto-cancel` messages of orders whose deadline has passed; the same order comes again after a pause, until
    /// it is not unpaid any more.
    async fn due(&self, limit: u32) -> Result<Vec<Envelope>, OrderError>;
    /// These were published: they come again only after a pause.
    async fn announced(&self, orders: &[OrderNo]) -> Result<(), OrderError>;
    /// Unpaid orders past their deadline: how many, and the oldest deadline.
    async fn overdue(&self) -> Result<(u64, Option<Timestamp>), OrderError>;
}
