//! Every port of the context in memory, for tests of what the service does between them.

mod ports;

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use rust_decimal::Decimal;
use sluice_kernel::{
    Attribution, CampaignId, Currency, ManualClock, Money, OrderNo, PayType, Points, ProductId, Quantity, ReservationId,
    SequenceIds, SkuId, StoreId, Timestamp, UserId, Window,
};

use crate::{
    Applied, CommitOutcome, Expected, IdempotencyKey, KeptTicket, NewOrder, OfferCard, OfferLookup, Order, OrderPorts,
    OrderTimings, Orders, PaymentRefund, PlaceActivityOrder, PointsRefund, Recipient, Replay, ReserveAnswer, ReserveTerms,
    ShelfCard, StoreRules, Transition, Unpaid, UnpaidLimits, WaitingSettlement,
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
        form: [].into(),
        buyable: true,
        revision: 3,
    };
    let discount = Decimal::new(8, 1);
    OfferCard { shelf, mode, discount, receiving_way: 0, customer_product_id: Some("C-1".into()), most_units: None }
}

pub fn rules_of_store(change: impl FnOnce(&mut StoreRules)) -> Arc<StoreRules> {
    let over = Window { starts_at: starts_at().minus(Duration::from_hours(1)), ends_at: starts_at() };
    let runs = Window { starts_at: starts_at(), ends_at: ends_at() };
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

pub fn found(offer: OfferCard) -> OfferLookup {
    let window = Window { starts_at: starts_at(), ends_at: ends_at() };
    OfferLookup { window: Some(window), offer: Some(Arc::new(offer)), store: rules_of_store(|_| {}) }
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
        expected: Expected::default(),
    }
}

/// What the fakes answer and what they were asked. Answers that are not lined up are the friendly ones.
pub struct World {
    /// What is found of the offer until it is read afresh or forgotten, and afterwards.
    pub lookups: Mutex<(OfferLookup, OfferLookup)>,
    pub forgotten: Mutex<u32>,
    pub outside_gate: bool,
    pub gate_is_closed: Mutex<bool>,
    pub gate: Mutex<VecDeque<ReserveAnswer>>,
    pub terms: Mutex<Vec<Option<ReserveTerms>>>,
    pub released: Mutex<Vec<ReservationId>>,
    pub commits: Mutex<VecDeque<CommitOutcome>>,
    pub written: Mutex<Vec<NewOrder>>,
    pub replay: Mutex<Option<Replay>>,
    pub order: Mutex<Option<Order>>,
    pub changes: Mutex<VecDeque<Applied>>,
    pub transitions: Mutex<Vec<Transition>>,
    pub prepared: Mutex<u32>,
    pub money_back: Mutex<Vec<PaymentRefund>>,
    pub points_back: Mutex<Vec<PointsRefund>>,
    pub tickets: Mutex<Vec<KeptTicket>>,
    /// What the catalog's cache holds, and what the catalog says when it is read.
    pub cards: Mutex<(Vec<ShelfCard>, Vec<ShelfCard>)>,
    /// What the gate could reserve.
    pub usable: Mutex<HashMap<SkuId, i64>>,
    /// The verification code that is valid.
    pub code: Mutex<Option<String>>,
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
    /// The highest attempt of which an outcome is known.
    pub last_attempt: Mutex<u16>,
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
            lookups: Mutex::new((found(offer(mode)), found(offer(mode)))),
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
            tickets: Mutex::default(),
            cards: Mutex::default(),
            usable: Mutex::default(),
            code: Mutex::default(),
            unpaid: Mutex::default(),
            counts: Mutex::default(),
            deducted: Mutex::default(),
            look_up_is_away: Mutex::default(),
            waiting: Mutex::default(),
            exceptions: Mutex::default(),
            reserved: Mutex::default(),
            last_attempt: Mutex::default(),
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
            tickets: fakes.clone(),
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
