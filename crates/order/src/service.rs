//! What the order context offers to the API, to consumers and to sweepers.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use sluice_events::{Envelope, PaymentSettled, PaymentWindowClosed, Topic};
use sluice_kernel::{Clock, IdGenerator, OrderNo, Page, Points, PortError, RefundId, SkuId, StoreId, Timestamp, UserId};

use crate::{
    ActivityDesk, CancelReason, CartReader, Catalog, CodeVerifier, IdempotencyKey, Order, OrderError, OrderQuery, OrderRepository,
    OrderState, OrderStatus, OrderWriter, PaymentDesk, PlaceActivityOrder, PlaceCartOrder, Placed, PointsDesk, Prepared,
    RefundCommand, Settlements, StockReserver, UnpaidLimits,
    fresh_looks::FreshLooks,
    refunds::{check_refund, refund_id, restock_lines, restock_wishes},
    running::RunningKeys,
    unpaid::UnpaidShares,
};

/// An order and its newest payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderDetail {
    pub order: Order,
    pub payment: Option<Prepared>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestockChoice {
    Nothing,
    /// All units that were not returned to stock yet.
    Everything,
    Lines(Vec<(SkuId, i64)>),
}

/// What staff ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundAsk {
    pub store: StoreId,
    pub order_no: OrderNo,
    pub key: IdempotencyKey,
    /// `None`: all that is left. An order that was paid in points is refunded whole.
    pub amount: Option<i64>,
    pub reason: String,
    pub restock: RestockChoice,
    pub traceparent: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundAsked {
    pub id: RefundId,
    pub order_no: OrderNo,
    /// Zero where the order was paid in points.
    pub amount: i64,
    /// Where the order was paid in points.
    pub points: Option<Points>,
    /// False while the provider has not answered; the sweeper goes on.
    pub done: bool,
    pub replayed: bool,
}

#[async_trait]
pub trait OrderService: Send + Sync {
    /// Places a cart order, whole or not at all; repeats the first answer for a key that was used before.
    async fn place(&self, command: PlaceCartOrder) -> Result<Placed, OrderError>;
    /// Places an activity order, whole or not at all; repeats the first answer for a key that was used before.
    async fn place_activity(&self, command: PlaceActivityOrder) -> Result<Placed, OrderError>;
    /// A user's own order; another's is not found. `user: None` for staff.
    async fn find(&self, store: StoreId, user: Option<&UserId>, order: OrderNo) -> Result<OrderDetail, OrderError>;
    async fn list(&self, query: OrderQuery) -> Result<Page<OrderDetail>, OrderError>;
    /// The present status of each of these orders, for streams that were opened on them.
    async fn statuses(&self, orders: &[OrderNo]) -> Result<Vec<(OrderNo, OrderStatus)>, OrderError>;
    async fn cancel(
        &self,
        store: StoreId,
        user: Option<&UserId>,
        order: OrderNo,
        traceparent: Option<&str>,
    ) -> Result<OrderDetail, OrderError>;
    /// Prepares the payment again while the order is unpaid. The second value says that the key was used before.
    async fn prepare_payment(
        &self,
        store: StoreId,
        user: &UserId,
        order: OrderNo,
        key: IdempotencyKey,
    ) -> Result<(Prepared, bool), OrderError>;
    /// Staff: paid → fulfilled → completed.
    async fn fulfil(&self, store: StoreId, order: OrderNo) -> Result<OrderDetail, OrderError>;
    async fn complete(&self, store: StoreId, order: OrderNo) -> Result<OrderDetail, OrderError>;
    async fn refund(&self, ask: RefundAsk) -> Result<RefundAsked, OrderError>;

    /// Consumer of `payment-settled`.
    async fn settle(&self, settled: &PaymentSettled, traceparent: Option<&str>) -> Result<(), OrderError>;
    /// Takes up to `limit` settlements that no event has brought to their orders; answers how many were due.
    async fn settle_waiting(&self, limit: u32) -> Result<usize, OrderError>;
    /// Begins deductions of up to `limit` orders that nobody deducts; answers how many were looked at.
    async fn deduct_waiting(&self, limit: u32) -> Result<usize, OrderError>;
    /// Consumer of `auto-cancel`.
    async fn expire(&self, closed: &PaymentWindowClosed, traceparent: Option<&str>) -> Result<(), OrderError>;
    /// The `auto-cancel` messages of orders whose deadline has passed; the same order comes again after a pause, until
    /// it is not unpaid any more.
    async fn due(&self, limit: u32) -> Result<Vec<Envelope>, OrderError>;
    /// These were published: look at them again later.
    async fn told(&self, orders: &[OrderNo]) -> Result<(), OrderError>;
    /// Unpaid orders past their deadline: how many, and the oldest deadline.
    async fn overdue(&self) -> Result<(u64, Option<Timestamp>), OrderError>;
}

#[derive(Debug, Clone, Copy)]
pub struct OrderTimings {
    /// How long an order may stay unpaid.
    pub payment_window: Duration,
    /// When `auto-cancel` is published again for an order that is still unpaid.
    pub timer_repeat: Duration,
}

/// The ports of the service, shared with the placements that run apart.
pub struct OrderPorts {
    pub catalog: Arc<dyn Catalog>,
    pub cart: Arc<dyn CartReader>,
    pub codes: Arc<dyn CodeVerifier>,
    pub stock: Arc<dyn StockReserver>,
    pub writer: Arc<dyn OrderWriter>,
    pub orders: Arc<dyn OrderRepository>,
    pub settlements: Arc<dyn Settlements>,
    pub payments: Arc<dyn PaymentDesk>,
    pub activities: Arc<dyn ActivityDesk>,
    pub points: Arc<dyn PointsDesk>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdGenerator>,
    pub timings: OrderTimings,
    /// Of one user.
    pub limits: UnpaidLimits,
}

/// The service over its ports.
pub struct Orders {
    inner: Arc<OrderPorts>,
    running: RunningKeys,
    fresh: Arc<FreshLooks>,
    unpaid: UnpaidShares,
}

impl Orders {
    pub fn new(inner: OrderPorts) -> Self {
        let unpaid = UnpaidShares::new(inner.limits);
        Self { inner: Arc::new(inner), running: RunningKeys::default(), fresh: Arc::default(), unpaid }
    }

    /// Runs a placement to its end whatever becomes of the caller, one a key at a time.
    async fn apart(
        &self,
        key: &IdempotencyKey,
        placement: impl Future<Output = Result<Placed, OrderError>> + Send + 'static,
    ) -> Result<Placed, OrderError> {
        let running = self.running.claim(key).ok_or(OrderError::InProgress)?;
        let span = tracing::Span::current();
        let placement = tokio::spawn(tracing::Instrument::instrument(
            async move {
                let placed = placement.await;
                drop(running);
                placed
            },
            span,
        ));
        placement.await.unwrap_or_else(|failure| Err(PortError::internal("a placement", failure).into()))
    }

    async fn detail(&self, order: Order) -> Result<OrderDetail, OrderError> {
        let mut latest = self.inner.payments.latest(order.store, &[order.order_no]).await?;
        let payment = latest.remove(&order.order_no);
        Ok(OrderDetail { order, payment })
    }

    async fn advance(
        &self,
        store: StoreId,
        order_no: OrderNo,
        step: fn(OrderState) -> Result<OrderState, crate::Refused>,
    ) -> Result<OrderDetail, OrderError> {
        let order = self.inner.orders.find(store, order_no).await?.ok_or(OrderError::NotFound)?;
        let to = step(order.state.clone()).map_err(|refused| OrderError::WrongState(refused.to_string()))?;
        let transition = self.inner.plain_transition(&order, to, None);
        match self.inner.orders.apply(&transition).await? {
            crate::Applied::Done => self.find(store, None, order_no).await,
            crate::Applied::Lost
            | crate::Applied::Repeated
            | crate::Applied::Short
            | crate::Applied::EpochMoved
            | crate::Applied::MoneyStored => Err(OrderError::WrongState("the order changed meanwhile".to_owned())),
        }
    }
}

fn owned_by(order: &Order, user: Option<&UserId>) -> bool {
    user.is_none_or(|user| order.user == *user)
}

#[async_trait]
impl OrderService for Orders {
    async fn place(&self, command: PlaceCartOrder) -> Result<Placed, OrderError> {
        let (inner, unpaid) = (self.inner.clone(), self.unpaid.clone());
        self.apart(&command.key.clone(), async move { inner.place(&command, &unpaid).await }).await
    }

    async fn place_activity(&self, command: PlaceActivityOrder) -> Result<Placed, OrderError> {
        let (inner, fresh, unpaid) = (self.inner.clone(), self.fresh.clone(), self.unpaid.clone());
        self.apart(&command.key.clone(), async move { inner.place_activity(&command, &fresh, &unpaid).await }).await
    }

    async fn find(&self, store: StoreId, user: Option<&UserId>, order: OrderNo) -> Result<OrderDetail, OrderError> {
        let order = self.inner.orders.find(store, order).await?.filter(|order| owned_by(order, user));
        self.detail(order.ok_or(OrderError::NotFound)?).await
    }

    async fn list(&self, query: OrderQuery) -> Result<Page<OrderDetail>, OrderError> {
        let rows = self.inner.orders.list(&query).await?;
        let page = Page::from_overfull(rows, query.page.limit, |order| order.order_no.id());
        let orders: Vec<OrderNo> = page.data.iter().map(|order| order.order_no).collect();
        let mut latest = self.inner.payments.latest(query.store, &orders).await?;
        Ok(page.map(|order| OrderDetail { payment: latest.remove(&order.order_no), order }))
    }

    async fn statuses(&self, orders: &[OrderNo]) -> Result<Vec<(OrderNo, OrderStatus)>, OrderError> {
        Ok(self.inner.orders.statuses(orders).await?)
    }

    async fn cancel(
        &self,
        store: StoreId,
        user: Option<&UserId>,
        order: OrderNo,
        traceparent: Option<&str>,
    ) -> Result<OrderDetail, OrderError> {
        let known = self.inner.orders.find(store, order).await?.filter(|order| owned_by(order, user));
        known.ok_or(OrderError::NotFound)?;
        let reason = if user.is_some() { CancelReason::User } else { CancelReason::Staff };
        let cancelled = self.inner.cancel(store, order, reason, traceparent).await?;
        self.detail(cancelled).await
    }

    async fn prepare_payment(
        &self,
        store: StoreId,
        user: &UserId,
        order: OrderNo,
        key: IdempotencyKey,
    ) -> Result<(Prepared, bool), OrderError> {
        let _running = self.running.claim(&key).ok_or(OrderError::InProgress)?;
        let order = self.inner.orders.find(store, order).await?.filter(|order| owned_by(order, Some(user)));
        let order = order.ok_or(OrderError::NotFound)?;
        let replay = self.inner.orders.find_replay(&key).await?;
        if replay.is_some_and(|replay| !replay.same_body) {
            return Err(OrderError::KeyReused);
        }
        if order.state != OrderState::Unpaid || self.inner.clock.now() >= order.expires_at {
            return Err(OrderError::PaymentClosed);
        }
        let prepared = self.inner.payments.prepare(&order).await?;
        if replay.is_none() {
            self.inner.orders.remember(&key, order.order_no, self.inner.clock.now()).await?;
        }
        Ok((prepared, replay.is_some()))
    }

    async fn fulfil(&self, store: StoreId, order: OrderNo) -> Result<OrderDetail, OrderError> {
        self.advance(store, order, OrderState::fulfil).await
    }

    async fn complete(&self, store: StoreId, order: OrderNo) -> Result<OrderDetail, OrderError> {
        self.advance(store, order, OrderState::complete).await
    }

    async fn refund(&self, ask: RefundAsk) -> Result<RefundAsked, OrderError> {
        let _running = self.running.claim(&ask.key).ok_or(OrderError::InProgress)?;
        let order = self.inner.orders.find(ask.store, ask.order_no).await?.ok_or(OrderError::NotFound)?;
        let replay = self.inner.orders.find_replay(&ask.key).await?;
        if replay.is_some_and(|replay| !replay.same_body) {
            return Err(OrderError::KeyReused);
        }
        let payment = order.state.payment().cloned();
        let payment = payment.ok_or_else(|| OrderError::NotRefundable(format!("it is {}", order.status().as_str())))?;
        if replay.is_none() {
            check_refund(&order, &ask)?;
        }
        if order.is_paid_in_points() {
            let asked = self.inner.refund_points(&order, &ask, restock_lines(&order, &ask.restock), replay.is_some()).await?;
            if replay.is_none() {
                self.inner.orders.remember(&ask.key, ask.order_no, self.inner.clock.now()).await?;
            }
            return Ok(asked);
        }
        let id = refund_id(&ask.key);
        let command = RefundCommand {
            id: id.clone(),
            store: ask.store,
            order_no: ask.order_no,
            payment,
            amount: ask.amount,
            reason: ask.reason.clone(),
            restock: restock_wishes(&order, &ask.restock),
            fingerprint: Some(ask.key.fingerprint),
        };
        let (amount, done) = self.inner.payments.refund(command, ask.traceparent.as_deref()).await?;
        if replay.is_none() {
            self.inner.orders.remember(&ask.key, ask.order_no, self.inner.clock.now()).await?;
        }
        Ok(RefundAsked { id, order_no: ask.order_no, amount, points: None, done, replayed: replay.is_some() })
    }

    async fn settle(&self, settled: &PaymentSettled, traceparent: Option<&str>) -> Result<(), OrderError> {
        self.inner.receive_settlement(settled, traceparent).await
    }

    async fn settle_waiting(&self, limit: u32) -> Result<usize, OrderError> {
        self.inner.settle_waiting(limit).await
    }

    async fn deduct_waiting(&self, limit: u32) -> Result<usize, OrderError> {
        self.inner.deduct_waiting(limit).await
    }

    async fn expire(&self, closed: &PaymentWindowClosed, traceparent: Option<&str>) -> Result<(), OrderError> {
        self.inner.expire(closed.store_id, closed.order_no, traceparent).await
    }

    async fn due(&self, limit: u32) -> Result<Vec<Envelope>, OrderError> {
        let now = self.inner.clock.now();
        let due = self.inner.orders.due(now, limit).await?;
        let mut messages = Vec::with_capacity(due.len());
        for (order_no, store_id, expires_at) in due {
            let data = serde_json::to_string(&PaymentWindowClosed { order_no, store_id, expires_at })
                .map_err(|error| PortError::internal("writing an event", error))?;
            messages.push(Envelope {
                topic: Topic::AutoCancel,
                key: order_no.to_string(),
                id: format!("{order_no}/window-closed"),
                kind: "sluice.order.payment-window-closed.v1".into(),
                time: expires_at,
                traceparent: None,
                data,
            });
        }
        Ok(messages)
    }

    async fn told(&self, orders: &[OrderNo]) -> Result<(), OrderError> {
        let until = self.inner.clock.now().plus(self.inner.timings.timer_repeat);
        Ok(self.inner.orders.look_again(orders, until).await?)
    }

    async fn overdue(&self) -> Result<(u64, Option<Timestamp>), OrderError> {
        Ok(self.inner.orders.overdue(self.inner.clock.now()).await?)
    }
}
