//! The owner of the context: its ports, and what this process knows beside them.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use sluice_events::{Envelope, PaymentSettled, PaymentWindowClosed};
use sluice_kernel::{Clock, IdGenerator, OrderNo, Page, PageRequest, PaymentHandle, StoreId, Timestamp, UserId};

use crate::{
    Activities, CancelReason, CartReader, CartRequest, Catalog, CodeVerifier, FollowTicket, FollowTickets, IdempotencyKey,
    KeptTicket, Order, OrderDetail, OrderError, OrderPreview, OrderQuery, OrderRepository, OrderSearch, OrderService, OrderState,
    OrderStatus, OrderWriter, Payments, PlaceActivityOrder, PlaceCartOrder, Placed, PointsAccount, RefundOutcome, RefundRequest,
    Settlements, StockReserver, UnpaidLimits,
    lifecycle::check_refund_request,
    placement::{InFlightKey, InFlightKeys, UnpaidShares, check_activity_order, check_cart_order},
};

#[derive(Debug, Clone, Copy)]
pub struct OrderTimings {
    /// How long an order may stay unpaid.
    pub payment_window: Duration,
    /// When `auto-cancel` is published again for an order that is still unpaid.
    pub timer_repeat: Duration,
}

/// What the service is made of.
pub struct OrderPorts {
    pub catalog: Arc<dyn Catalog>,
    pub cart: Arc<dyn CartReader>,
    pub codes: Arc<dyn CodeVerifier>,
    pub stock: Arc<dyn StockReserver>,
    pub writer: Arc<dyn OrderWriter>,
    pub orders: Arc<dyn OrderRepository>,
    pub settlements: Arc<dyn Settlements>,
    pub tickets: Arc<dyn FollowTickets>,
    pub payments: Arc<dyn Payments>,
    pub activities: Arc<dyn Activities>,
    pub points: Arc<dyn PointsAccount>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdGenerator>,
    pub timings: OrderTimings,
    /// Of one user.
    pub limits: UnpaidLimits,
}

/// The service over its ports. How orders are placed is written in `placement`, what happens to them afterwards in `lifecycle`.
pub struct Orders {
    pub(crate) ports: OrderPorts,
    in_flight: InFlightKeys,
    pub(crate) unpaid: UnpaidShares,
}

impl Orders {
    pub fn new(ports: OrderPorts) -> Self {
        let unpaid = UnpaidShares::new(ports.limits);
        Self { ports, in_flight: InFlightKeys::default(), unpaid }
    }

    /// Only one request a key is worked on at a time.
    pub(crate) fn claim(&self, key: &IdempotencyKey) -> Result<InFlightKey, OrderError> {
        self.in_flight.claim(key).ok_or(OrderError::InProgress)
    }

    pub(crate) async fn order(&self, store: StoreId, order: OrderNo) -> Result<Order, OrderError> {
        self.ports.orders.find(store, order).await?.ok_or(OrderError::NotFound)
    }

    /// Another user's order is not found; `user: None` for staff.
    pub(crate) async fn order_of(&self, store: StoreId, user: Option<&UserId>, order: OrderNo) -> Result<Order, OrderError> {
        let order = self.order(store, order).await?;
        if user.is_none_or(|user| order.user == *user) { Ok(order) } else { Err(OrderError::NotFound) }
    }

    async fn details(&self, store: StoreId, page: Page<Order>) -> Result<Page<OrderDetail>, OrderError> {
        let orders: Vec<OrderNo> = page.data.iter().map(|order| order.order_no).collect();
        let mut latest = self.ports.payments.latest(store, &orders).await?;
        Ok(page.map(|order| OrderDetail { payment: latest.remove(&order.order_no), order }))
    }

    pub(crate) async fn detail(&self, order: Order) -> Result<OrderDetail, OrderError> {
        let mut latest = self.ports.payments.latest(order.store, &[order.order_no]).await?;
        let payment = latest.remove(&order.order_no);
        Ok(OrderDetail { order, payment })
    }
}

#[async_trait]
impl OrderService for Orders {
    async fn place(&self, command: PlaceCartOrder) -> Result<Placed, OrderError> {
        check_cart_order(&command.request)?;
        let _in_flight = self.claim(&command.key)?;
        self.place_cart_order(&command).await
    }

    async fn preview(&self, request: CartRequest) -> Result<OrderPreview, OrderError> {
        check_cart_order(&request)?;
        self.preview_cart_order(&request).await
    }

    async fn place_activity(&self, command: PlaceActivityOrder) -> Result<Placed, OrderError> {
        check_activity_order(&command)?;
        let _in_flight = self.claim(&command.key)?;
        self.place_activity_order(&command).await
    }

    async fn find(&self, store: StoreId, user: Option<&UserId>, order: OrderNo) -> Result<OrderDetail, OrderError> {
        let order = self.order_of(store, user, order).await?;
        self.detail(order).await
    }

    async fn list(&self, query: OrderQuery) -> Result<Page<OrderDetail>, OrderError> {
        let rows = self.ports.orders.list(&query).await?;
        self.details(query.store, Page::from_overfull(rows, query.page.limit, |order| order.order_no.id())).await
    }

    async fn search(&self, store: StoreId, search: &OrderSearch, page: PageRequest) -> Result<Page<OrderDetail>, OrderError> {
        search.check()?;
        let found = self.ports.orders.search(store, search, page).await?;
        self.details(store, found).await
    }

    async fn statuses(&self, orders: &[OrderNo]) -> Result<Vec<(OrderNo, OrderStatus)>, OrderError> {
        Ok(self.ports.orders.statuses(orders).await?)
    }

    async fn ticket(
        &self,
        store: StoreId,
        user: &UserId,
        order: OrderNo,
        stream_ends_at: Timestamp,
    ) -> Result<FollowTicket, OrderError> {
        self.issue_ticket(store, user, order, stream_ends_at).await
    }

    async fn take_ticket(&self, order: OrderNo, ticket: &str) -> Result<Option<KeptTicket>, OrderError> {
        self.use_ticket(order, ticket).await
    }

    async fn cancel(&self, store: StoreId, user: Option<&UserId>, order: OrderNo) -> Result<OrderDetail, OrderError> {
        self.order_of(store, user, order).await?;
        let reason = if user.is_some() { CancelReason::User } else { CancelReason::Staff };
        let cancelled = self.cancel_unpaid(store, order, reason).await?;
        self.detail(cancelled).await
    }

    async fn prepare_payment(
        &self,
        store: StoreId,
        user: &UserId,
        order: OrderNo,
        key: IdempotencyKey,
    ) -> Result<(PaymentHandle, bool), OrderError> {
        let _in_flight = self.claim(&key)?;
        self.prepare_payment_again(store, user, order, &key).await
    }

    async fn fulfil(&self, store: StoreId, order: OrderNo) -> Result<OrderDetail, OrderError> {
        self.advance(store, order, OrderState::fulfil).await
    }

    async fn complete(&self, store: StoreId, order: OrderNo) -> Result<OrderDetail, OrderError> {
        self.advance(store, order, OrderState::complete).await
    }

    async fn refund(&self, request: RefundRequest) -> Result<RefundOutcome, OrderError> {
        check_refund_request(&request)?;
        let _in_flight = self.claim(&request.key)?;
        self.begin_refund(&request).await
    }

    async fn settle(&self, settled: &PaymentSettled) -> Result<(), OrderError> {
        self.receive_settlement(settled).await
    }

    async fn settle_waiting(&self, limit: u32) -> Result<usize, OrderError> {
        self.settle_due(limit).await
    }

    async fn deduct_waiting(&self, limit: u32) -> Result<usize, OrderError> {
        self.deduct_due(limit).await
    }

    async fn expire(&self, closed: &PaymentWindowClosed) -> Result<(), OrderError> {
        self.cancel_overdue(closed.store_id, closed.order_no).await
    }

    async fn due(&self, limit: u32) -> Result<Vec<Envelope>, OrderError> {
        self.window_closed_messages(limit).await
    }

    async fn announced(&self, orders: &[OrderNo]) -> Result<(), OrderError> {
        let until = self.ports.clock.now().plus(self.ports.timings.timer_repeat);
        Ok(self.ports.orders.announce_again_at(orders, until).await?)
    }

    async fn overdue(&self) -> Result<(u64, Option<Timestamp>), OrderError> {
        Ok(self.ports.orders.overdue(self.ports.clock.now()).await?)
    }
}
