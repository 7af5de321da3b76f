//! The contract every bus keeps, and fakes of the bus ports for unit tests.
//!
//! A bus passes when every case of [`CASES`] passes on a fresh [`Bus`]: order per key, at least once after a failure,
//! dead letter after bounded tries, others not held up, headers unchanged, ids repeated.
#![allow(clippy::expect_used, clippy::panic, clippy::missing_panics_doc, reason = "tests")]

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use sluice_kernel::{ErrorKind, ManualClock, PortError, PortResult, Timestamp};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    BatchHandler, DeadLetter, DeadLetterId, DeadLetterStore, Dispatcher, Envelope, HandlerError, Lane, Leaving, LetterQuery,
    LetterState, ParkedEvent, ParkedStore, Parking, ParkingPlace, Publisher, RetryPolicy, Subscriber, Topic, publish_all,
};

/// A bus of its own for one case.
pub struct Bus {
    pub publisher: Arc<dyn Publisher>,
    pub subscriber: Arc<dyn Subscriber>,
}

type Case = fn(Bus) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// Name and body of every case.
pub const CASES: [(&str, Case); 6] = [
    ("order per key", |bus| Box::pin(order_per_key(bus))),
    ("again after a failure", |bus| Box::pin(again_after_a_failure(bus))),
    ("dead letter after bounded tries", |bus| Box::pin(dead_letter_after_bounded_tries(bus))),
    ("every consumer of a topic gets every event", |bus| Box::pin(every_consumer_gets_every_event(bus))),
    ("the envelope arrives unchanged", |bus| Box::pin(envelope_arrives_unchanged(bus))),
    ("a repeated event keeps its id", |bus| Box::pin(repeated_event_keeps_its_id(bus))),
];

/// How long a case waits for what must come.
const PATIENCE: Duration = Duration::from_mins(1);

/// An event of `key`, told apart by `id`.
pub fn envelope(topic: Topic, key: &str, id: &str) -> Envelope {
    Envelope {
        topic,
        key: key.to_owned(),
        id: id.to_owned(),
        kind: "sluice.test.v1".into(),
        time: Timestamp::from_millis(1_795_305_600_123),
        traceparent: None,
        data: format!("{{\"id\":\"{id}\"}}"),
    }
}

/// Says how the `attempt`-th try (from 1) of an event ends.
type Script = Box<dyn Fn(&Envelope, u32) -> Option<ErrorKind> + Send + Sync>;

/// A handler that fails as its script says and notes what it handled, in order.
pub struct Recorder {
    name: &'static str,
    topic: Topic,
    script: Script,
    tries: Mutex<HashMap<String, u32>>,
    handled: watch::Sender<Vec<Envelope>>,
}

impl Recorder {
    pub fn new(name: &'static str, topic: Topic) -> Arc<Self> {
        Self::failing(name, topic, |_, _| None)
    }

    pub fn failing(
        name: &'static str,
        topic: Topic,
        script: impl Fn(&Envelope, u32) -> Option<ErrorKind> + Send + Sync + 'static,
    ) -> Arc<Self> {
        let (handled, _) = watch::channel(Vec::new());
        Arc::new(Self { name, topic, script: Box::new(script), tries: Mutex::default(), handled })
    }

    pub fn handled(&self) -> Vec<Envelope> {
        self.handled.borrow().clone()
    }

    pub fn ids(&self) -> Vec<String> {
        self.handled.borrow().iter().map(|envelope| envelope.id.clone()).collect()
    }

    /// How often an event was tried.
    pub fn tries(&self, id: &str) -> u32 {
        self.tries.lock().expect("no test panics with the lock").get(id).copied().unwrap_or(0)
    }

    /// Waits until that many events were handled.
    pub async fn wait_for(&self, events: usize) {
        let mut handled = self.handled.subscribe();
        let come = tokio::time::timeout(PATIENCE, handled.wait_for(|seen| seen.len() >= events)).await;
        assert!(come.is_ok(), "{} handled only {:?}", self.name, self.ids());
    }
}

#[async_trait]
impl BatchHandler for Recorder {
    fn name(&self) -> &'static str {
        self.name
    }

    fn topic(&self) -> Topic {
        self.topic
    }

    async fn handle(&self, batch: &[Envelope]) -> Result<(), HandlerError> {
        let mut failure = None;
        for envelope in batch {
            let attempt = {
                let mut tries = self.tries.lock().expect("no test panics with the lock");
                let attempt = tries.entry(envelope.id.clone()).or_default();
                *attempt += 1;
                *attempt
            };
            failure = failure.or((self.script)(envelope, attempt));
        }
        if let Some(kind) = failure {
            return Err(HandlerError { kind, code: "scripted", detail: "the script says so".to_owned() });
        }
        self.handled.send_modify(|seen| seen.extend_from_slice(batch));
        Ok(())
    }
}

/// Dead letters in memory, once per consumer and event id.
#[derive(Default)]
pub struct MemoryDeadLetters {
    letters: Mutex<Vec<DeadLetter>>,
    /// How often `keep` still fails.
    failures: AtomicI64,
}

impl MemoryDeadLetters {
    pub fn fail_next(&self, times: i64) {
        self.failures.store(times, Ordering::SeqCst);
    }

    pub fn all(&self) -> Vec<DeadLetter> {
        self.letters.lock().expect("no test panics with the lock").clone()
    }
}

#[async_trait]
impl DeadLetterStore for MemoryDeadLetters {
    async fn keep(&self, letter: &DeadLetter) -> PortResult<()> {
        if self.failures.fetch_sub(1, Ordering::SeqCst) > 0 {
            return Err(PortError::unavailable("the dead letters", "scripted"));
        }
        let mut letters = self.letters.lock().expect("no test panics with the lock");
        let same = |known: &&mut DeadLetter| known.consumer == letter.consumer && known.envelope.id == letter.envelope.id;
        if let Some(known) = letters.iter_mut().find(same) {
            known.attempts += letter.attempts;
            known.state = LetterState::Dead;
            return Ok(());
        }
        let id = DeadLetterId(i64::try_from(letters.len()).unwrap_or(i64::MAX).saturating_add(1));
        letters.push(DeadLetter { id, ..letter.clone() });
        Ok(())
    }

    async fn list(&self, query: LetterQuery) -> PortResult<Vec<DeadLetter>> {
        let newest_first = self.all().into_iter().rev();
        let wanted = newest_first
            .filter(|letter| query.topic.is_none_or(|topic| letter.envelope.topic == topic))
            .filter(|letter| query.store.is_none_or(|store| letter.store() == Some(store)))
            .filter(|letter| query.state.is_none_or(|state| letter.state == state));
        let unseen = wanted.filter(|letter| query.after.is_none_or(|after| letter.id.0 < after.0));
        Ok(unseen.take(usize::try_from(query.limit).unwrap_or(usize::MAX)).collect())
    }

    async fn find(&self, id: DeadLetterId) -> PortResult<Option<DeadLetter>> {
        Ok(self.all().into_iter().find(|letter| letter.id == id))
    }

    async fn replay(&self, id: DeadLetterId, now: Timestamp) -> PortResult<Option<DeadLetter>> {
        let mut letters = self.letters.lock().expect("no test panics with the lock");
        for letter in letters.iter_mut().filter(|letter| letter.id == id && letter.state == LetterState::Dead) {
            letter.state = LetterState::Replaying;
            letter.replayed_at = Some(now);
            letter.replays += 1;
        }
        Ok(letters.iter().find(|letter| letter.id == id).cloned())
    }
}

/// Parked events in memory.
#[derive(Default)]
pub struct MemoryParking {
    lanes: Mutex<Vec<MemoryLane>>,
    /// How often `park` still fails.
    failures: AtomicI64,
    ids: AtomicI64,
}

struct MemoryLane {
    lane: Lane,
    next_try: Timestamp,
    events: Vec<ParkedEvent>,
}

impl MemoryParking {
    pub fn fail_next(&self, times: i64) {
        self.failures.store(times, Ordering::SeqCst);
    }

    /// Ids of the events that wait in a lane, in their order.
    pub fn waiting(&self, owner: &str, lane: &str) -> Vec<String> {
        let lanes = self.lanes.lock().expect("no test panics with the lock");
        let of_lane = lanes.iter().filter(|known| known.lane.owner == owner && known.lane.name == lane);
        of_lane.flat_map(|known| known.events.iter().map(|event| event.envelope.id.clone())).collect()
    }
}

#[async_trait]
impl ParkedStore for MemoryParking {
    async fn park(&self, owner: &str, events: &[Parking], _: &str, now: Timestamp, next_try: Timestamp) -> PortResult<()> {
        if self.failures.fetch_sub(1, Ordering::SeqCst) > 0 {
            return Err(PortError::unavailable("the parked events", "scripted"));
        }
        let mut lanes = self.lanes.lock().expect("no test panics with the lock");
        for Parking { lane, envelope, attempts } in events {
            let id = self.ids.fetch_add(1, Ordering::SeqCst);
            let event = ParkedEvent { id, envelope: envelope.clone(), attempts: *attempts, parked_at: now, letter: None };
            match lanes.iter_mut().find(|known| known.lane.owner == owner && known.lane.name == *lane) {
                Some(known) => known.events.push(event),
                None => lanes.push(MemoryLane {
                    lane: Lane { id, owner: owner.to_owned(), name: lane.clone(), tries: 0, until: next_try },
                    next_try,
                    events: vec![event],
                }),
            }
        }
        Ok(())
    }

    async fn lanes(&self, _: u32) -> PortResult<Vec<(String, String)>> {
        let lanes = self.lanes.lock().expect("no test panics with the lock");
        Ok(lanes.iter().map(|known| (known.lane.owner.clone(), known.lane.name.clone())).collect())
    }

    async fn take_due(&self, owners: &[&str], now: Timestamp, until: Timestamp, limit: u32) -> PortResult<Vec<Lane>> {
        let mut lanes = self.lanes.lock().expect("no test panics with the lock");
        let due = lanes.iter_mut().filter(|known| owners.contains(&known.lane.owner.as_str()) && known.next_try <= now);
        let taken = due.take(usize::try_from(limit).unwrap_or(usize::MAX)).map(|known| {
            known.next_try = until;
            known.lane.until = until;
            known.lane.clone()
        });
        Ok(taken.collect())
    }

    async fn events(&self, lane: &Lane, limit: u32) -> PortResult<Vec<ParkedEvent>> {
        let lanes = self.lanes.lock().expect("no test panics with the lock");
        let of_lane = lanes.iter().filter(|known| known.lane.id == lane.id).flat_map(|known| &known.events);
        Ok(of_lane.take(usize::try_from(limit).unwrap_or(usize::MAX)).cloned().collect())
    }

    async fn leave(&self, lane: &Lane, leaving: &[Leaving], now: Timestamp) -> PortResult<bool> {
        let mut lanes = self.lanes.lock().expect("no test panics with the lock");
        for known in lanes.iter_mut().filter(|known| known.lane.id == lane.id) {
            known.events.retain(|event| leaving.iter().all(|gone| gone.event.id != event.id));
            if known.next_try == lane.until {
                known.next_try = now;
                known.lane.tries = 0;
            }
        }
        lanes.retain(|known| !known.events.is_empty());
        Ok(lanes.iter().all(|known| known.lane.id != lane.id))
    }

    async fn postpone(&self, lane: &Lane, attempts: u32, _: &str, next_try: Timestamp) -> PortResult<()> {
        let mut lanes = self.lanes.lock().expect("no test panics with the lock");
        for known in lanes.iter_mut().filter(|known| known.lane.id == lane.id && known.next_try == lane.until) {
            known.next_try = next_try;
            known.lane.tries += 1;
            if let Some(first) = known.events.first_mut() {
                first.attempts = attempts;
            }
        }
        Ok(())
    }
}

/// A dispatcher that gives up after three tries, waits a millisecond between them, and parks nothing.
pub fn dispatcher(handler: Arc<dyn BatchHandler>, dead_letters: Arc<dyn DeadLetterStore>) -> Dispatcher {
    let never = Duration::from_hours(24);
    let policy = RetryPolicy {
        max_attempts: 3,
        first_delay: Duration::from_millis(1),
        max_delay: Duration::from_millis(20),
        park_after: never,
        park_all_after: never,
    };
    let parking = ParkingPlace::new(Arc::new(MemoryParking::default()));
    Dispatcher::new(handler, dead_letters, parking, Arc::new(ManualClock::at(Timestamp::from_millis(0))), policy)
}

/// Consumers at work, until the case ends.
struct Running {
    stop: CancellationToken,
    consumers: tokio::task::JoinHandle<()>,
    dead_letters: Arc<MemoryDeadLetters>,
}

impl Running {
    fn start(bus: &Bus, handlers: &[&Arc<Recorder>]) -> Self {
        let dead_letters = Arc::new(MemoryDeadLetters::default());
        let stop = CancellationToken::new();
        let consumers = handlers.iter().map(|&handler| dispatcher(handler.clone(), dead_letters.clone())).collect();
        Self { consumers: bus.subscriber.start(consumers, stop.clone()), stop, dead_letters }
    }

    async fn end(self) {
        self.stop.cancel();
        let ended = tokio::time::timeout(PATIENCE, self.consumers).await;
        ended.expect("the consumers end when told to").expect("no consumer panics");
    }
}

async fn publish(bus: &Bus, events: &[Envelope]) {
    publish_all(bus.publisher.as_ref(), events.to_vec()).await.expect("the bus takes the events");
}

async fn order_per_key(bus: Bus) {
    let recorder = Recorder::new("ordered", Topic::OrderCreated);
    let running = Running::start(&bus, &[&recorder]);
    let keys = ["a", "b", "c", "d", "e"];
    for part in 0..4 {
        let events: Vec<Envelope> = (0..50)
            .flat_map(|n| keys.map(|key| envelope(Topic::OrderCreated, key, &format!("{key}{:04}", part * 50 + n))))
            .collect();
        publish(&bus, &events).await;
    }
    recorder.wait_for(4 * 50 * keys.len()).await;
    for key in keys {
        let ids: Vec<String> = recorder.handled().into_iter().filter(|event| event.key == key).map(|event| event.id).collect();
        let expected: Vec<String> = (0..200).map(|n| format!("{key}{n:04}")).collect();
        assert_eq!(ids, expected, "events of key {key} keep their order");
    }
    running.end().await;
}

async fn again_after_a_failure(bus: Bus) {
    let fails_at_first = |event: &Envelope, attempt| (event.id == "weak" && attempt < 6).then_some(ErrorKind::Unavailable);
    let recorder = Recorder::failing("stubborn", Topic::StockSync, fails_at_first);
    let running = Running::start(&bus, &[&recorder]);
    publish(&bus, &[envelope(Topic::StockSync, "k", "weak"), envelope(Topic::StockSync, "k", "next")]).await;
    recorder.wait_for(2).await;
    assert_eq!(recorder.ids(), ["weak", "next"], "a transient failure is tried until it passes, and nothing overtakes it");
    assert!(running.dead_letters.all().is_empty());
    running.end().await;
}

async fn dead_letter_after_bounded_tries(bus: Bus) {
    let script = |event: &Envelope, _| match event.id.as_str() {
        "bad" => Some(ErrorKind::Internal),
        "unreadable" => Some(ErrorKind::Invalid),
        _ => None,
    };
    let recorder = Recorder::failing("picky", Topic::OrderPaid, script);
    let running = Running::start(&bus, &[&recorder]);
    let ids = ["before", "bad", "unreadable", "after"];
    publish(&bus, &ids.map(|id| envelope(Topic::OrderPaid, id, id))).await;
    recorder.wait_for(2).await;
    publish(&bus, &[envelope(Topic::OrderPaid, "later", "later")]).await;
    recorder.wait_for(3).await;
    let mut handled = recorder.ids();
    handled.sort();
    assert_eq!(handled, ["after", "before", "later"], "one bad event does not hold the others");

    let mut letters = running.dead_letters.all();
    letters.sort_by(|a, b| a.envelope.id.cmp(&b.envelope.id));
    let told: Vec<(&str, u32, &str)> =
        letters.iter().map(|letter| (letter.envelope.id.as_str(), letter.attempts, letter.consumer.as_str())).collect();
    assert_eq!(told, [("bad", 3, "picky"), ("unreadable", 1, "picky")]);
    running.end().await;
}

async fn every_consumer_gets_every_event(bus: Bus) {
    let (one, two) = (Recorder::new("one", Topic::OrderCancelled), Recorder::new("two", Topic::OrderCancelled));
    let elsewhere = Recorder::new("elsewhere", Topic::OrderRefunded);
    let running = Running::start(&bus, &[&one, &two, &elsewhere]);
    // auto-cancel has no consumer here: the bus takes the event all the same.
    publish(&bus, &[envelope(Topic::AutoCancel, "k", "unheard"), envelope(Topic::OrderCancelled, "k", "1")]).await;
    publish(&bus, &[envelope(Topic::OrderRefunded, "k", "2")]).await;
    one.wait_for(1).await;
    two.wait_for(1).await;
    elsewhere.wait_for(1).await;
    assert_eq!((one.ids(), two.ids(), elsewhere.ids()), (vec!["1".into()], vec!["1".into()], vec!["2".into()]));
    running.end().await;
}

async fn envelope_arrives_unchanged(bus: Bus) {
    let recorder = Recorder::new("faithful", Topic::PaymentSettled);
    let running = Running::start(&bus, &[&recorder]);
    let full = Envelope {
        topic: Topic::PaymentSettled,
        key: "260101000000000000017".to_owned(),
        id: "f00d/paid".to_owned(),
        kind: "sluice.payment.settled.v1".into(),
        time: Timestamp::from_millis(1_795_305_600_001),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
        data: "{\"title\":\"颜色 · rød\",\"amount\":1}".to_owned(),
    };
    let bare = Envelope { id: "bare".to_owned(), traceparent: None, ..full.clone() };
    publish(&bus, &[full.clone(), bare.clone()]).await;
    recorder.wait_for(2).await;
    assert_eq!(recorder.handled(), [full, bare]);
    running.end().await;
}

async fn repeated_event_keeps_its_id(bus: Bus) {
    let recorder = Recorder::new("patient", Topic::StockSync);
    let running = Running::start(&bus, &[&recorder]);
    let event = envelope(Topic::StockSync, "7", "1-1/reserve/7");
    publish(&bus, std::slice::from_ref(&event)).await;
    publish(&bus, &[event.clone(), event.clone()]).await;
    recorder.wait_for(3).await;
    assert_eq!(recorder.handled(), [event.clone(), event.clone(), event], "the consumer can tell a replay by its id");
    running.end().await;
}
