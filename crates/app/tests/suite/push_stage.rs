//! Partners over a real database, with a clock turned by hand and targets that follow a script.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use sluice_events::OrderCancelled;
use sluice_kernel::{
    Currency, ManualClock, Money, NodeIds, OrderKind, OrderNo, PageRequest, Points, PortResult, StoreId, Timestamp, UserId,
};
use sluice_partner::{
    Answer, Delivery, DeliveryQuery, DeliveryState, EventType, NewSubscription, OrderChange, OrderFacts, OrderReader, PartnerPorts,
    PartnerService as _, Partners, Push, PushRules, PushSender, Recipient, Subscription,
};
use sluice_storage_sql::{Database, DatabaseSettings, SqlDeliveryQueue, SqlSubscriptionRepository};
use sluice_testkit::Scratch;

pub const STORE: StoreId = StoreId(1);

/// What a target does with a try.
#[derive(Debug, Clone, Copy)]
pub enum Does {
    Say(u16),
    /// No connection.
    Nothing,
    /// Never ends.
    Hang,
}

/// A try as the targets saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub url: String,
    pub id: String,
    pub body: String,
    pub secrets: usize,
    pub at: Timestamp,
}

type Script = Box<dyn Fn(&Seen) -> Does + Send + Sync>;

pub struct Scripted {
    script: Mutex<Script>,
    pub seen: Mutex<Vec<Seen>>,
    running: AtomicUsize,
    pub most: AtomicUsize,
}

impl Scripted {
    pub fn follow(&self, script: impl Fn(&Seen) -> Does + Send + Sync + 'static) {
        *self.script.lock().unwrap() = Box::new(script);
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Forgets what was seen, and returns it.
    pub fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

#[async_trait]
impl PushSender for Scripted {
    async fn send(&self, push: Push<'_>) -> Answer {
        let seen = Seen {
            url: push.url.to_owned(),
            id: push.id.to_owned(),
            body: push.body.to_owned(),
            secrets: push.secrets.len(),
            at: push.at,
        };
        let does = (self.script.lock().unwrap())(&seen);
        self.seen.lock().unwrap().push(seen);
        self.most.fetch_max(self.running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        // Others get the chance to begin.
        tokio::time::sleep(Duration::from_millis(2)).await;
        if matches!(does, Does::Hang) {
            std::future::pending::<()>().await;
        }
        self.running.fetch_sub(1, Ordering::SeqCst);
        match does {
            Does::Say(status) => Answer::Status { status, retry_after: None, said: String::new() },
            Does::Nothing | Does::Hang => Answer::None { reason: "no connection".to_owned() },
        }
    }

    fn check_url(&self, url: &str) -> Result<(), String> {
        if url.starts_with("https://") { Ok(()) } else { Err("starts with https://".to_owned()) }
    }
}

/// Every order is there and costs nothing.
struct Facts;

#[async_trait]
impl OrderReader for Facts {
    async fn facts(&self, orders: &[(StoreId, OrderNo)]) -> PortResult<HashMap<OrderNo, OrderFacts>> {
        let facts = OrderFacts {
            total: Money::zero(Currency::CNY),
            points_total: Points(0),
            recipient: Recipient::default(),
            physical: true,
            partner_price: None,
            lines: Vec::new(),
        };
        Ok(orders.iter().map(|(_, order)| (*order, facts.clone())).collect())
    }
}

pub struct Stage {
    pub partners: Arc<Partners>,
    pub sender: Arc<Scripted>,
    pub clock: Arc<ManualClock>,
    database: Database,
    _folder: Scratch,
}

impl Stage {
    pub async fn open() -> Self {
        let folder = Scratch::new();
        let url = format!("sqlite://{}", folder.path().join("push.db").display());
        let database = Database::connect(&DatabaseSettings::new(url)).await.unwrap();
        database.migrate().await.unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_800_000_000_000)));
        let (partners, sender) = process(&database, &clock);
        Self { partners, sender, clock, database, _folder: folder }
    }

    /// Another process on the same database, with a sender of its own.
    pub fn another_process(&self) -> (Arc<Partners>, Arc<Scripted>) {
        process(&self.database, &self.clock)
    }

    /// A subscription to cancelled orders.
    pub async fn subscribe(&self, url: &str) -> Subscription {
        let new = NewSubscription { url: url.to_owned(), event_types: vec![EventType::OrderCancelled], active: true };
        self.partners.create(STORE, new).await.unwrap()
    }

    /// These orders are cancelled.
    pub async fn tell(&self, orders: impl IntoIterator<Item = i64>) -> usize {
        let changes: Vec<OrderChange> = orders.into_iter().map(cancelled).collect();
        self.partners.enqueue(&changes).await.unwrap()
    }

    /// A turn of the sweeper, to its end.
    pub async fn turn(&self) {
        self.partners.run_due(64).await.unwrap();
        self.partners.quiet().await;
    }

    /// Turns, a second apart.
    pub async fn turns(&self, seconds: u32) {
        for _ in 0..seconds {
            self.clock.advance(Duration::from_secs(1));
            self.turn().await;
        }
    }

    pub async fn deliveries(&self, of: &Subscription, state: DeliveryState) -> Vec<Delivery> {
        let mut all = Vec::new();
        let mut page = PageRequest::first(100);
        loop {
            let query = DeliveryQuery { store: STORE, subscription: of.id, state: Some(state), page };
            let found = self.partners.deliveries(query).await.unwrap();
            all.extend(found.data);
            let Some(cursor) = found.next_cursor else { return all };
            page.after = Some(PageRequest::parse_cursor(&cursor).unwrap());
        }
    }
}

fn process(database: &Database, clock: &Arc<ManualClock>) -> (Arc<Partners>, Arc<Scripted>) {
    let sender = Arc::new(Scripted {
        script: Mutex::new(Box::new(|_| Does::Say(204))),
        seen: Mutex::default(),
        running: AtomicUsize::new(0),
        most: AtomicUsize::new(0),
    });
    let partners = Partners::new(PartnerPorts {
        subscriptions: Arc::new(SqlSubscriptionRepository::new(database.clone())),
        queue: Arc::new(SqlDeliveryQueue::new(database.clone())),
        sender: sender.clone(),
        orders: Arc::new(Facts),
        clock: clock.clone(),
        ids: Arc::new(NodeIds::new(clock.clone(), 0)),
        rules: PushRules::default(),
    });
    (Arc::new(partners), sender)
}

pub fn cancelled(order: i64) -> OrderChange {
    let order_no = OrderNo::from_id(order);
    let order = OrderCancelled {
        order_no,
        kind: OrderKind::Cart,
        store_id: STORE,
        user_id: UserId::from("42"),
        status: "cancelled".to_owned(),
        reason: Some("user".to_owned()),
        lines: Vec::new(),
        activity: None,
        at: Timestamp::from_millis(1_800_000_000_000),
    };
    OrderChange::Cancelled { event_id: format!("{order_no}-1/cancelled"), order }
}
