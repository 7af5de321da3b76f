use std::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering},
};

use sluice_events::{Lasts, Payload as _, PublishError, Topic, Undelivered};
use sluice_kernel::{ManualClock, PortError, PortResult, StoreId, Timestamp};

use super::*;

const DEADLINE: i64 = 1_000_000;

/// Unpaid orders, of which those are due that were not told yet.
#[derive(Default)]
struct Orders {
    unpaid: Mutex<Vec<OrderNo>>,
    told: Mutex<Vec<OrderNo>>,
    expired: Mutex<Vec<OrderNo>>,
    away: AtomicBool,
    /// Rows that somebody holds.
    held: Mutex<Vec<OrderNo>>,
}

#[async_trait]
impl DueOrders for Arc<Orders> {
    async fn due(&self, limit: u32) -> Result<Vec<Envelope>, OrderError> {
        let told = self.told.lock().unwrap().clone();
        let due = self.unpaid.lock().unwrap().clone().into_iter().filter(|order| !told.contains(order));
        Ok(due.take(usize::try_from(limit).unwrap()).map(message).collect())
    }

    async fn announced(&self, orders: &[OrderNo]) -> Result<(), OrderError> {
        self.told.lock().unwrap().extend_from_slice(orders);
        Ok(())
    }

    async fn expire(&self, closed: &PaymentWindowClosed) -> Result<(), OrderError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(PortError::unavailable("the database", "scripted").into());
        }
        while self.held.lock().unwrap().contains(&closed.order_no) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.unpaid.lock().unwrap().retain(|order| *order != closed.order_no);
        self.expired.lock().unwrap().push(closed.order_no);
        Ok(())
    }
}

fn message(order_no: OrderNo) -> Envelope {
    let closed = PaymentWindowClosed { order_no, store_id: StoreId(1), expires_at: Timestamp::from_millis(DEADLINE) };
    Envelope {
        topic: Topic::AutoCancel,
        key: order_no.to_string(),
        id: format!("{order_no}/window-closed"),
        kind: PaymentWindowClosed::KIND.into(),
        time: closed.expires_at,
        traceparent: None,
        data: serde_json::to_string(&closed).unwrap(),
    }
}

/// A bus that takes events, refuses them, or says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Takes,
    Refuses,
    Silent,
}

struct Bus {
    mood: Mutex<Mood>,
    asked: Mutex<u32>,
    taken: Mutex<Vec<String>>,
}

impl Bus {
    fn new(mood: Mood) -> Arc<Self> {
        Arc::new(Self { mood: Mutex::new(mood), asked: Mutex::default(), taken: Mutex::default() })
    }
}

#[async_trait]
impl Publisher for Bus {
    async fn publish(&self, batch: Vec<Envelope>) -> Vec<Undelivered> {
        *self.asked.lock().unwrap() += 1;
        let mood = *self.mood.lock().unwrap();
        match mood {
            Mood::Takes => {
                self.taken.lock().unwrap().extend(batch.into_iter().map(|envelope| envelope.key));
                Vec::new()
            }
            Mood::Refuses => {
                let error = PublishError { lasts: Lasts::Passing, code: "scripted", detail: String::new() };
                batch.into_iter().map(|envelope| Undelivered { envelope, error: error.clone() }).collect()
            }
            Mood::Silent => std::future::pending().await,
        }
    }

    fn lane(&self, envelope: &Envelope) -> String {
        envelope.topic.name().to_owned()
    }

    async fn check(&self) -> PortResult<Vec<String>> {
        Ok(Vec::new())
    }
}

fn orders(numbers: &[i64]) -> Arc<Orders> {
    let orders = Orders::default();
    orders.unpaid.lock().unwrap().extend(numbers.iter().map(|number| OrderNo::from_id(*number)));
    Arc::new(orders)
}

fn timer(orders: &Arc<Orders>, bus: &Arc<Bus>, after_deadline: Duration, limit: u32) -> Timer<Arc<Orders>> {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(DEADLINE).plus(after_deadline)));
    Timer::new(orders.clone(), bus.clone(), clock, TimerSettings { limit, ..TimerSettings::default() })
}

fn ids(orders: &Mutex<Vec<OrderNo>>) -> Vec<i64> {
    orders.lock().unwrap().iter().map(|order| order.id()).collect()
}

const SOON: Duration = Duration::from_millis(150);

#[tokio::test(start_paused = true)]
async fn due_orders_are_published_and_looked_at_again_later() {
    let (orders, bus) = (orders(&[1, 2, 3]), Bus::new(Mood::Takes));
    let mut timer = timer(&orders, &bus, SOON, 2);
    assert_eq!(timer.turn().await.unwrap(), Turn::More);
    assert_eq!(timer.turn().await.unwrap(), Turn::Done);
    assert_eq!(timer.turn().await.unwrap(), Turn::Done);
    assert_eq!(bus.taken.lock().unwrap().len(), 3);
    assert_eq!(ids(&orders.told), [1, 2, 3]);
    assert!(ids(&orders.expired).is_empty(), "the consumer does it");
}

#[tokio::test(start_paused = true)]
async fn without_a_bus_the_deadline_holds_all_the_same() {
    for mood in [Mood::Refuses, Mood::Silent] {
        let (orders, bus) = (orders(&[1, 2]), Bus::new(mood));
        let mut timer = timer(&orders, &bus, SOON, 100);
        let begun = Instant::now();
        timer.turn().await.unwrap();
        assert!(begun.elapsed() <= Duration::from_millis(500), "within the margin");
        assert_eq!(ids(&orders.expired), [1, 2]);

        // The next order does not pay for finding out again.
        orders.unpaid.lock().unwrap().push(OrderNo::from_id(3));
        let begun = Instant::now();
        timer.turn().await.unwrap();
        assert_eq!(begun.elapsed(), Duration::ZERO);
        assert_eq!((ids(&orders.expired), *bus.asked.lock().unwrap()), (vec![1, 2, 3], 1));

        // After a while the bus is asked again, and used when it is back.
        *bus.mood.lock().unwrap() = Mood::Takes;
        tokio::time::sleep(Duration::from_secs(1)).await;
        orders.unpaid.lock().unwrap().push(OrderNo::from_id(4));
        timer.turn().await.unwrap();
        assert_eq!(*bus.taken.lock().unwrap(), [OrderNo::from_id(4).to_string()]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_that_is_late_in_spite_of_its_message_is_expired_here() {
    let (orders, bus) = (orders(&[1]), Bus::new(Mood::Takes));
    timer(&orders, &bus, Duration::from_secs(2), 100).turn().await.unwrap();
    assert_eq!(ids(&orders.expired), [1]);
}

#[tokio::test(start_paused = true)]
async fn an_order_whose_database_was_away_comes_again_at_once() {
    let (orders, bus) = (orders(&[1]), Bus::new(Mood::Refuses));
    let mut timer = timer(&orders, &bus, SOON, 4);
    orders.away.store(true, Ordering::SeqCst);
    assert_eq!(timer.turn().await.unwrap(), Turn::Done);
    assert!(ids(&orders.told).is_empty());
    orders.away.store(false, Ordering::SeqCst);
    timer.turn().await.unwrap();
    assert_eq!((ids(&orders.expired), ids(&orders.told)), (vec![1], vec![1]));
}

#[tokio::test(start_paused = true)]
async fn a_turn_full_of_orders_that_cannot_be_expired_keeps_nobody_from_theirs() {
    let (orders, bus) = (orders(&[1]), Bus::new(Mood::Refuses));
    let mut timer = timer(&orders, &bus, SOON, 1);
    orders.away.store(true, Ordering::SeqCst);
    assert_eq!(timer.turn().await.unwrap(), Turn::Done, "no busy loop while a part is away");
    assert_eq!(ids(&orders.told), [1], "others are looked at before it comes again");
}

#[tokio::test(start_paused = true)]
async fn an_order_whose_row_is_held_keeps_no_other_from_its_deadline() {
    let (orders, bus) = (orders(&[1, 2, 3]), Bus::new(Mood::Refuses));
    let held = OrderNo::from_id(1);
    orders.held.lock().unwrap().push(held);
    let mut timer = timer(&orders, &bus, SOON, 100);
    let begun = Instant::now();
    timer.turn().await.unwrap();
    assert_eq!(ids(&orders.expired), [2, 3]);
    orders.unpaid.lock().unwrap().push(OrderNo::from_id(4));
    timer.turn().await.unwrap();
    assert_eq!((ids(&orders.expired), begun.elapsed() < Duration::from_secs(2)), (vec![2, 3, 4], true));
    // It is not asked twice at the same time, and is expired when its row is free.
    orders.told.lock().unwrap().retain(|order| *order != held);
    timer.turn().await.unwrap();
    orders.held.lock().unwrap().clear();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(ids(&orders.expired), [2, 3, 4, 1]);
}

#[tokio::test(start_paused = true)]
async fn more_held_orders_than_places_leave_the_turn_to_others() {
    let most = i64::try_from(TimerSettings::default().concurrency).unwrap();
    let numbers: Vec<i64> = (1..=most + 1).collect();
    let (orders, bus) = (orders(&numbers), Bus::new(Mood::Refuses));
    orders.held.lock().unwrap().extend((1..=most).map(OrderNo::from_id));
    let mut timer = timer(&orders, &bus, SOON, 100);
    timer.turn().await.unwrap();
    assert_eq!(ids(&orders.told), (1..=most).collect::<Vec<_>>(), "the last one comes again at once");
    orders.held.lock().unwrap().clear();
    timer.turn().await.unwrap();
    assert_eq!(ids(&orders.expired).len(), numbers.len());
}
