//! The real services, of which a test can make the next placement fail or wait, and watch what reaches them.

use std::{
    mem,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use sluice_app::{HealthProbe, PartHealth, Shop};
use sluice_events::{Envelope, PaymentSettled, PaymentWindowClosed};
use sluice_kernel::{OrderNo, Page, PageRequest, PaymentHandle, PortError, StoreId, Timestamp, TraceContext, UserId};
use sluice_order::{
    CartRequest, FollowTicket, IdempotencyKey, KeptTicket, OrderDetail, OrderError, OrderPreview, OrderQuery, OrderSearch,
    OrderService, OrderStatus, PlaceActivityOrder, PlaceCartOrder, Placed, RefundOutcome, RefundRequest,
};
use tokio::sync::Semaphore;

/// What happens to the next placement.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Trouble {
    #[default]
    None,
    /// The database is away.
    Unavailable,
    /// The program is wrong.
    Panics,
    /// It begins only when the test lets it go.
    Waits,
}

pub struct Failing {
    orders: Arc<dyn OrderService>,
    health: Arc<dyn HealthProbe>,
    next: Mutex<Trouble>,
    waiting: Semaphore,
    let_go: Semaphore,
    parts: Mutex<Option<Vec<PartHealth>>>,
    /// Placements of cart orders that arrived, each with the trace that it came in.
    pub commands: Mutex<Vec<(PlaceCartOrder, Option<String>)>>,
    lookups: AtomicU32,
}

impl Failing {
    /// Stands between the shop's callers and its orders and health.
    pub fn between(shop: &mut Shop) -> Arc<Self> {
        let failing = Arc::new(Self {
            orders: shop.orders.clone(),
            health: shop.health.clone(),
            next: Mutex::default(),
            waiting: Semaphore::new(0),
            let_go: Semaphore::new(0),
            parts: Mutex::default(),
            commands: Mutex::default(),
            lookups: AtomicU32::new(0),
        });
        (shop.orders, shop.health) = (failing.clone(), failing.clone());
        failing
    }

    pub fn next_placement(&self, trouble: Trouble) {
        *self.next.lock().unwrap() = trouble;
    }

    /// Waits for a placement that waits.
    pub async fn under_way(&self) {
        tokio::time::timeout(Duration::from_secs(5), self.waiting.acquire()).await.unwrap().unwrap().forget();
    }

    pub fn let_go(&self) {
        self.let_go.add_permits(1);
    }

    /// The parts are in these states from now on.
    pub fn set_parts(&self, parts: Vec<PartHealth>) {
        *self.parts.lock().unwrap() = Some(parts);
    }

    /// How often statuses were asked for.
    pub fn lookups(&self) -> u32 {
        self.lookups.load(Ordering::Relaxed)
    }

    async fn trouble(&self) -> Result<(), OrderError> {
        let trouble = mem::take(&mut *self.next.lock().unwrap());
        match trouble {
            Trouble::None => Ok(()),
            Trouble::Unavailable => Err(PortError::unavailable("the database", "connection refused at 10.0.0.1").into()),
            Trouble::Panics => panic!("the test asked for it"),
            Trouble::Waits => {
                self.waiting.add_permits(1);
                self.let_go.acquire().await.unwrap().forget();
                Ok(())
            }
        }
    }
}

#[async_trait]
impl HealthProbe for Failing {
    async fn check(&self) -> Vec<PartHealth> {
        let said = self.parts.lock().unwrap().clone();
        match said {
            Some(parts) => parts,
            None => self.health.check().await,
        }
    }
}

#[async_trait]
impl OrderService for Failing {
    async fn place(&self, command: PlaceCartOrder) -> Result<Placed, OrderError> {
        let trace = TraceContext::current_header();
        self.commands.lock().unwrap().push((command.clone(), trace));
        self.trouble().await?;
        self.orders.place(command).await
    }
    async fn place_activity(&self, command: PlaceActivityOrder) -> Result<Placed, OrderError> {
        self.trouble().await?;
        self.orders.place_activity(command).await
    }
    async fn statuses(&self, orders: &[OrderNo]) -> Result<Vec<(OrderNo, OrderStatus)>, OrderError> {
        self.lookups.fetch_add(1, Ordering::Relaxed);
        self.orders.statuses(orders).await
    }

    async fn preview(&self, request: CartRequest) -> Result<OrderPreview, OrderError> {
        self.orders.preview(request).await
    }
    async fn search(&self, store: StoreId, search: &OrderSearch, page: PageRequest) -> Result<Page<OrderDetail>, OrderError> {
        self.orders.search(store, search, page).await
    }
    async fn find(&self, store: StoreId, user: Option<&UserId>, order: OrderNo) -> Result<OrderDetail, OrderError> {
        self.orders.find(store, user, order).await
    }
    async fn ticket(
        &self,
        store: StoreId,
        user: &UserId,
        order: OrderNo,
        stream_ends_at: Timestamp,
    ) -> Result<FollowTicket, OrderError> {
        self.orders.ticket(store, user, order, stream_ends_at).await
    }
    async fn take_ticket(&self, order: OrderNo, ticket: &str) -> Result<Option<KeptTicket>, OrderError> {
        self.orders.take_ticket(order, ticket).await
    }
    async fn list(&self, query: OrderQuery) -> Result<Page<OrderDetail>, OrderError> {
        self.orders.list(query).await
    }
    async fn cancel(&self, store: StoreId, user: Option<&UserId>, order: OrderNo) -> Result<OrderDetail, OrderError> {
        self.orders.cancel(store, user, order).await
    }
    async fn prepare_payment(
        &self,
        store: StoreId,
        user: &UserId,
        order: OrderNo,
        key: IdempotencyKey,
    ) -> Result<(PaymentHandle, bool), OrderError> {
        self.orders.prepare_payment(store, user, order, key).await
    }
    async fn fulfil(&self, store: StoreId, order: OrderNo) -> Result<OrderDetail, OrderError> {
        self.orders.fulfil(store, order).await
    }
    async fn complete(&self, store: StoreId, order: OrderNo) -> Result<OrderDetail, OrderError> {
        self.orders.complete(store, order).await
    }
    async fn refund(&self, request: RefundRequest) -> Result<RefundOutcome, OrderError> {
        self.orders.refund(request).await
    }
    async fn settle(&self, settled: &PaymentSettled) -> Result<(), OrderError> {
        self.orders.settle(settled).await
    }
    async fn settle_waiting(&self, limit: u32) -> Result<usize, OrderError> {
        self.orders.settle_waiting(limit).await
    }
    async fn deduct_waiting(&self, limit: u32) -> Result<usize, OrderError> {
        self.orders.deduct_waiting(limit).await
    }
    async fn expire(&self, closed: &PaymentWindowClosed) -> Result<(), OrderError> {
        self.orders.expire(closed).await
    }
    async fn due(&self, limit: u32) -> Result<Vec<Envelope>, OrderError> {
        self.orders.due(limit).await
    }
    async fn announced(&self, orders: &[OrderNo]) -> Result<(), OrderError> {
        self.orders.announced(orders).await
    }
    async fn overdue(&self) -> Result<(u64, Option<Timestamp>), OrderError> {
        self.orders.overdue().await
    }
}
