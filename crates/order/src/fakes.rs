//! Every port of the context in memory, for tests of what the service does between them.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use rust_decimal::Decimal;
use sluice_events::PaymentSettled;
use sluice_kernel::{
    ActivityId, CampaignId, Currency, ManualClock, Money, OrderNo, PaymentId, Points, PortError, PortResult, ProductId, Quantity,
    ReservationId, SequenceIds, SkuId, StoreId, Timestamp, UserId,
};

use crate::{
    ActivityDesk, ActivityLook, ActivityWindow, Applied, Attribution, CartReader, Catalog, CodeVerdict, CodeVerifier, CommitAnswer,
    IdempotencyKey, NewOrder, OfferCard, Order, OrderError, OrderPorts, OrderQuery, OrderRepository, OrderStatus, OrderTimings,
    OrderWriter, Orders, PayType, PaymentDesk, PlaceActivityOrder, PointsDesk, PointsRefund, Prepared, Recipient, RefundCommand,
    Replay, ReserveAnswer, ReserveTerms, Settlements, ShelfCard, StockReserver, StockStep, StoreRules, Transition, Unpaid,
    UnpaidLimits, WaitingSettlement,
};

pub const STORE: StoreId = StoreId(1);
pub const SKU: SkuId = SkuId(1001);

pub fn now() -> Timestamp {
    Timestamp::from_millis(1_795_305_600_000)
}

pub fn starts_at() -> Timestamp {
    now().minus(Duration::from_hours(1))
}

pub fn ends_at() -> Timestamp {
    now().plus(Duration::from_hours(1))
}

pub fn offer(mode: PayType) -> OfferCard {
    let shelf = ShelfCard {
        sku_id: SKU,
        product_id: ProductId(1001),
        title: "Tea".into(),
        picture: None,
        spec: "standard".into(),
        code: "SKU-1001".into(),
        price: Money::new(1990, Currency::CNY),
        points: Points(500),
        allotable_profit: 150,
        supplier_price: 990,
        delivery_place: "1".into(),
        required: [].into(),
        buyable: true,
        revision: 3,
    };
    let discount = Decimal::new(8, 1);
    OfferCard {
        shelf,
        mode,
        discount,
        receiving_way: 0,
        form: [].into(),
        customer_product_id: Some("C-1".into()),
        most_units: None,
    }
}

pub fn rules_of_store(change: impl FnOnce(&mut StoreRules)) -> Arc<StoreRules> {
    let over = ActivityWindow { starts_at: starts_at().minus(Duration::from_hours(1)), ends_at: starts_at() };
    let runs = ActivityWindow { starts_at: starts_at(), ends_at: ends_at() };
    let mut store = StoreRules {
        currency: Currency::CNY,
        special: false,
        points_to_cash_ratio: Some([1, 100]),
        h5_redirect_type: None,
        campaigns: vec![(CampaignId(1), over), (CampaignId(2), runs), (CampaignId(3), runs)],
    };
    change(&mut store);
    Arc::new(store)
}

pub fn look(offer: OfferCard) -> ActivityLook {
    let window = ActivityWindow { starts_at: starts_at(), ends_at: ends_at() };
    ActivityLook { window: Some(window), offer: Some(Arc::new(offer)), store: rules_of_store(|_| {}) }
}

pub fn command(pay_type: PayType) -> PlaceActivityOrder {
    let user = UserId::from("42");
    PlaceActivityOrder {
        store: STORE,
        user: user.clone(),
        key: IdempotencyKey { route: "activity", store: STORE, user, key: "k1".to_owned(), fingerprint: [1; 32] },
        activity: "1".to_owned(),
        product: "1001".to_owned(),
        quantity: Quantity::new(2).unwrap(),
        pay_type,
        recipient: Recipient { name: Some("Ada".to_owned()), ..Recipient::default() },
        own_form: None,
        attribution: Attribution::default(),
        referrer: None,
        traceparent: None,
    }
}

/// What the fakes answer and what they were asked. Answers that are not lined up are the friendly ones.
pub struct World {
    /// What a look finds until it is forgotten, and afterwards.
    pub looks: Mutex<(ActivityLook, ActivityLook)>,
    pub forgotten: Mutex<u32>,
    pub outside_gate: bool,
    pub gate_is_closed: Mutex<bool>,
    pub gate: Mutex<VecDeque<ReserveAnswer>>,
    pub terms: Mutex<Vec<Option<ReserveTerms>>>,
    pub released: Mutex<Vec<ReservationId>>,
    pub commits: Mutex<VecDeque<CommitAnswer>>,
    pub written: Mutex<Vec<NewOrder>>,
    pub replay: Mutex<Option<Replay>>,
    pub order: Mutex<Option<Order>>,
    pub changes: Mutex<VecDeque<Applied>>,
    pub transitions: Mutex<Vec<Transition>>,
    pub prepared: Mutex<u32>,
    pub money_back: Mutex<Vec<RefundCommand>>,
    pub points_back: Mutex<Vec<PointsRefund>>,
    /// What the user's unpaid orders come to, and how often that was asked.
    pub unpaid: Mutex<Unpaid>,
    pub counts: Mutex<u32>,
    pub deducted: Mutex<Vec<OrderNo>>,
    /// Fails the look-up of keys.
    pub look_up_is_away: Mutex<bool>,
    /// Settlements that wait, with the time each is due; `None` where it was given up.
    pub waiting: Mutex<Vec<(WaitingSettlement, Option<Timestamp>)>>,
    pub exceptions: Mutex<Vec<&'static str>>,
    pub reserved: Mutex<Vec<ReservationId>>,
    /// Money is stored that the order has not taken.
    pub money_is_stored: Mutex<bool>,
    pub clock: Arc<ManualClock>,
}

/// The fakes' side of the ports, over one world.
#[derive(Clone)]
struct Fakes(Arc<World>);

impl World {
    pub fn new(mode: PayType) -> Self {
        Self {
            looks: Mutex::new((look(offer(mode)), look(offer(mode)))),
            forgotten: Mutex::default(),
            outside_gate: false,
            gate_is_closed: Mutex::default(),
            gate: Mutex::default(),
            terms: Mutex::default(),
            released: Mutex::default(),
            commits: Mutex::default(),
            written: Mutex::default(),
            replay: Mutex::default(),
            order: Mutex::default(),
            changes: Mutex::default(),
            transitions: Mutex::default(),
            prepared: Mutex::default(),
            money_back: Mutex::default(),
            points_back: Mutex::default(),
            unpaid: Mutex::default(),
            counts: Mutex::default(),
            deducted: Mutex::default(),
            look_up_is_away: Mutex::default(),
            waiting: Mutex::default(),
            exceptions: Mutex::default(),
            reserved: Mutex::default(),
            money_is_stored: Mutex::default(),
            clock: Arc::new(ManualClock::at(now())),
        }
    }

    pub fn service(self: &Arc<Self>) -> Orders {
        let fakes = Arc::new(Fakes(self.clone()));
        Orders::new(OrderPorts {
            catalog: fakes.clone(),
            cart: fakes.clone(),
            codes: fakes.clone(),
            stock: fakes.clone(),
            writer: fakes.clone(),
            orders: fakes.clone(),
            settlements: fakes.clone(),
            payments: fakes.clone(),
            activities: fakes.clone(),
            points: fakes,
            clock: self.clock.clone(),
            ids: Arc::new(SequenceIds::starting_at(1)),
            timings: OrderTimings { payment_window: Duration::from_mins(15), timer_repeat: Duration::from_secs(1) },
            limits: UnpaidLimits { orders: 20, units: 20_000 },
        })
    }
}

#[async_trait]
impl ActivityDesk for Fakes {
    async fn look(&self, _: StoreId, activity: ActivityId, product: ProductId) -> PortResult<ActivityLook> {
        let mut look = self.0.looks.lock().unwrap().0.clone();
        look.window = look.window.filter(|_| activity == ActivityId(1));
        look.offer = look.offer.filter(|offer| offer.shelf.product_id == product);
        Ok(look)
    }

    async fn forget(&self, _: StoreId, _: ActivityId, _: ProductId) {
        *self.0.forgotten.lock().unwrap() += 1;
        let mut looks = self.0.looks.lock().unwrap();
        looks.0 = looks.1.clone();
    }

    fn open_referrer(&self, store: StoreId, sealed: &str) -> Option<String> {
        sealed.strip_prefix(&format!("store {store}: ")).map(str::to_owned)
    }
}

#[async_trait]
impl PointsDesk for Fakes {
    async fn deduct(&self, order: &Order) -> PortResult<Option<PaymentSettled>> {
        self.0.deducted.lock().unwrap().push(order.order_no);
        Ok(None)
    }

    async fn refund(&self, refund: PointsRefund, _: Option<&str>) -> PortResult<Option<bool>> {
        self.0.points_back.lock().unwrap().push(refund);
        Ok(Some(false))
    }
}

#[async_trait]
impl StockReserver for Fakes {
    fn decides_in_commit(&self) -> bool {
        !self.0.outside_gate
    }

    async fn reserve(
        &self,
        _: StoreId,
        id: ReservationId,
        _: &[(SkuId, i64, Option<i64>)],
        terms: Option<&ReserveTerms>,
        _: Timestamp,
    ) -> PortResult<ReserveAnswer> {
        self.0.terms.lock().unwrap().push(terms.cloned());
        if *self.0.gate_is_closed.lock().unwrap() {
            return Err(PortError::GateClosed);
        }
        self.0.reserved.lock().unwrap().push(id);
        Ok(self.0.gate.lock().unwrap().pop_front().unwrap_or(ReserveAnswer::Held { epoch: 7 }))
    }

    async fn epoch(&self, _: StoreId) -> PortResult<i64> {
        Ok(7)
    }

    async fn reserve_in(
        &self,
        _: i64,
        store: StoreId,
        id: ReservationId,
        lines: &[(SkuId, i64, Option<i64>)],
        terms: Option<&ReserveTerms>,
        now: Timestamp,
    ) -> PortResult<ReserveAnswer> {
        self.reserve(store, id, lines, terms, now).await
    }

    async fn release(&self, _: StoreId, id: ReservationId, _: Timestamp) -> PortResult<()> {
        self.0.released.lock().unwrap().push(id);
        Ok(())
    }

    fn hint_effects(&self) {}
}

#[async_trait]
impl OrderWriter for Fakes {
    async fn commit(&self, order: Arc<NewOrder>) -> PortResult<CommitAnswer> {
        self.0.written.lock().unwrap().push(Arc::unwrap_or_clone(order));
        Ok(self.0.commits.lock().unwrap().pop_front().unwrap_or(CommitAnswer::Committed))
    }
}

#[async_trait]
impl OrderRepository for Fakes {
    async fn find(&self, _: StoreId, _: OrderNo) -> PortResult<Option<Order>> {
        Ok(self.0.order.lock().unwrap().clone())
    }

    async fn list(&self, _: &OrderQuery) -> PortResult<Vec<Order>> {
        Ok(Vec::new())
    }

    async fn statuses(&self, _: &[OrderNo]) -> PortResult<Vec<(OrderNo, OrderStatus)>> {
        Ok(self.0.order.lock().unwrap().iter().map(|order| (order.order_no, order.status())).collect())
    }

    /// What was lined up, and what was written for this user.
    async fn unpaid_of(&self, _: StoreId, user: &UserId) -> PortResult<Unpaid> {
        *self.0.counts.lock().unwrap() += 1;
        let mut unpaid = *self.0.unpaid.lock().unwrap();
        for order in self.0.written.lock().unwrap().iter().filter(|order| order.user == *user) {
            unpaid.orders += 1;
            unpaid.units += order.items.iter().map(|item| item.quantity.get()).sum::<i64>();
        }
        Ok(unpaid)
    }

    async fn find_replay(&self, _: &IdempotencyKey) -> PortResult<Option<Replay>> {
        if *self.0.look_up_is_away.lock().unwrap() {
            return Err(PortError::internal("looking an idempotency key up", "scripted"));
        }
        Ok(*self.0.replay.lock().unwrap())
    }

    async fn remember(&self, _: &IdempotencyKey, _: OrderNo, _: Timestamp) -> PortResult<()> {
        Ok(())
    }

    /// The state moves as the adapters move it.
    async fn apply(&self, transition: &Transition) -> PortResult<Applied> {
        self.0.transitions.lock().unwrap().push(transition.clone());
        let applied = self.0.changes.lock().unwrap().pop_front().unwrap_or(Applied::Done);
        if let (Applied::Done, Some(order)) = (&applied, self.0.order.lock().unwrap().as_mut()) {
            order.state = transition.to.clone();
            order.version += 1;
            self.0.waiting.lock().unwrap().retain(|(waiting, _)| Some(&waiting.id) != transition.settles.as_ref());
            if let StockStep::LateSell { reservation, .. } = &transition.stock {
                order.reservation = *reservation;
            }
        }
        Ok(applied)
    }

    async fn due(&self, _: Timestamp, _: u32) -> PortResult<Vec<(OrderNo, StoreId, Timestamp)>> {
        Ok(Vec::new())
    }

    async fn claim_confirming(&self, _: Timestamp, _: Timestamp, _: u32) -> PortResult<Vec<(OrderNo, StoreId)>> {
        let order = self.0.order.lock().unwrap();
        Ok(order.iter().map(|order| (order.order_no, order.store)).collect())
    }

    async fn look_again(&self, _: &[OrderNo], _: Timestamp) -> PortResult<()> {
        Ok(())
    }

    async fn overdue(&self, _: Timestamp) -> PortResult<(u64, Option<Timestamp>)> {
        Ok((0, None))
    }
}

#[async_trait]
impl Settlements for Fakes {
    async fn claim(&self, _: u32, now: Timestamp, until: Timestamp) -> PortResult<Vec<WaitingSettlement>> {
        let mut claimed = Vec::new();
        for (waiting, due) in self.0.waiting.lock().unwrap().iter_mut().filter(|(_, due)| due.is_some_and(|due| due <= now)) {
            waiting.attempts += 1;
            *due = Some(until);
            claimed.push(waiting.clone());
        }
        Ok(claimed)
    }

    async fn keep(&self, settled: &PaymentSettled, due: Timestamp) -> PortResult<()> {
        let mut all = self.0.waiting.lock().unwrap();
        if all.iter().all(|(waiting, _)| waiting.id != settled.id()) {
            all.push((WaitingSettlement { id: settled.id(), settled: settled.clone(), attempts: 0 }, Some(due)));
        }
        Ok(())
    }

    async fn put_off(&self, id: &str, until: Option<Timestamp>, _: u32) -> PortResult<()> {
        for (_, due) in self.0.waiting.lock().unwrap().iter_mut().filter(|(waiting, _)| waiting.id == id) {
            *due = until;
        }
        Ok(())
    }

    async fn taken(&self, id: &str) -> PortResult<()> {
        self.0.waiting.lock().unwrap().retain(|(waiting, _)| waiting.id != id);
        Ok(())
    }
}

#[async_trait]
impl PaymentDesk for Fakes {
    fn instant(&self, _: &NewOrder) -> Option<Prepared> {
        None
    }

    async fn prepare(&self, order: &Order) -> Result<Prepared, OrderError> {
        *self.0.prepared.lock().unwrap() += 1;
        let url = "http://localhost/pay".to_owned();
        Ok(Prepared { payment_id: PaymentId::from("p1"), provider: "sandbox".to_owned(), url, expires_at: order.expires_at })
    }

    async fn first(&self, _: StoreId, _: OrderNo) -> PortResult<Option<Prepared>> {
        Ok(None)
    }

    async fn latest(&self, _: StoreId, _: &[OrderNo]) -> PortResult<HashMap<OrderNo, Prepared>> {
        Ok(HashMap::new())
    }

    async fn close(&self, _: StoreId, _: OrderNo) -> PortResult<bool> {
        Ok(*self.0.money_is_stored.lock().unwrap())
    }

    async fn refund(&self, command: RefundCommand, _: Option<&str>) -> Result<(i64, bool), OrderError> {
        self.0.money_back.lock().unwrap().push(command);
        Ok((0, true))
    }

    async fn keep_exception(&self, kind: &'static str, _: StoreId, _: OrderNo, _: &PaymentId, _: String) -> PortResult<()> {
        self.0.exceptions.lock().unwrap().push(kind);
        Ok(())
    }
}

#[async_trait]
impl Catalog for Fakes {
    async fn cards(&self, _: StoreId, _: &[SkuId]) -> PortResult<HashMap<SkuId, Arc<ShelfCard>>> {
        Ok(HashMap::new())
    }

    async fn forget(&self, _: StoreId, _: &[SkuId]) {}
}

#[async_trait]
impl CartReader for Fakes {
    async fn selected(&self, _: StoreId, _: &UserId) -> PortResult<(i64, Vec<(SkuId, Quantity)>)> {
        Ok((0, Vec::new()))
    }
}

#[async_trait]
impl CodeVerifier for Fakes {
    async fn check(&self, _: StoreId, _: &UserId, _: &str, _: &str) -> PortResult<CodeVerdict> {
        Ok(CodeVerdict::Invalid)
    }
}
