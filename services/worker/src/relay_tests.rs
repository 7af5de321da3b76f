use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

use async_trait::async_trait;
use sluice_events::{MovementKind, OutboxStats, ParkedStore as _, PublishError, StockMoved, slice_of, testing::MemoryParking};
use sluice_kernel::{SkuId, StoreId, SystemClock, Timestamp};

use super::*;

/// An outbox in memory; leases run out by the test's own time.
#[derive(Default)]
struct Outbox {
    rows: Mutex<BTreeMap<i64, OutboxRow>>,
    leases: Mutex<HashMap<u16, (String, Option<Instant>)>>,
    buried: Mutex<Vec<i64>>,
    parked: Arc<MemoryParking>,
    letters: Mutex<Vec<DeadLetter>>,
    delivered_fails: AtomicI64,
}

impl Outbox {
    fn add(&self, id: i64, key: &str, payload: String) {
        let row = OutboxRow { id, slice: slice_of(key), payload, traceparent: None };
        self.rows.lock().unwrap().insert(id, row);
    }

    fn adjust(&self, id: i64, sku: i64) {
        self.add(id, &sku.to_string(), serde_json::to_string(&adjustment(id, sku)).unwrap());
    }

    async fn empty(&self) {
        let emptied = async {
            while !self.rows.lock().unwrap().is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(2), emptied).await.expect("the outbox empties");
    }
}

fn adjustment(id: i64, sku: i64) -> Fact {
    Fact::StockAdjusted {
        movement: StockMoved {
            movement_id: id.to_string(),
            store_id: StoreId(1),
            sku_id: SkuId(sku),
            kind: MovementKind::Adjust,
            quantity: 1,
            order_no: None,
            reason: None,
            at: Timestamp::from_millis(id),
        },
    }
}

#[async_trait]
impl OutboxStore for Outbox {
    async fn lease(&self, owner: &str, wanted: u16, _: Timestamp, ttl: Duration) -> PortResult<Vec<u16>> {
        let mut leases = self.leases.lock().unwrap();
        let now = Instant::now();
        for slice in 0..wanted {
            let lease = leases.entry(slice).or_insert((owner.to_owned(), None));
            if lease.0 == owner || lease.1.is_none_or(|until| until <= now) {
                *lease = (owner.to_owned(), Some(now + ttl));
            }
        }
        Ok(leases.iter().filter(|(_, lease)| lease.0 == owner).map(|(slice, _)| *slice).collect())
    }

    async fn release_leases(&self, owner: &str) -> PortResult<()> {
        self.leases.lock().unwrap().retain(|_, lease| lease.0 != owner);
        Ok(())
    }

    async fn pending(&self, slices: &[u16], _: Timestamp, limit: u32) -> PortResult<Vec<OutboxRow>> {
        let rows = self.rows.lock().unwrap();
        let waiting = rows.values().filter(|row| slices.contains(&row.slice));
        Ok(waiting.take(usize::try_from(limit).unwrap()).cloned().collect())
    }

    async fn delivered(&self, ids: &[i64]) -> PortResult<()> {
        if self.delivered_fails.fetch_sub(1, Ordering::SeqCst) > 0 {
            return Err(PortError::unavailable("the outbox", "scripted"));
        }
        self.rows.lock().unwrap().retain(|id, _| !ids.contains(id));
        Ok(())
    }

    async fn step_aside(&self, ids: &[i64], aside: &SteppedAside, now: Timestamp) -> PortResult<()> {
        self.parked.park(DeadLetter::RELAY, &aside.parked, &aside.error, now, aside.next_try).await?;
        self.letters.lock().unwrap().extend(aside.dead_letters.clone());
        self.delivered(ids).await
    }

    async fn dead_letter(&self, row: &OutboxRow, _: &str, _: Timestamp) -> PortResult<()> {
        self.rows.lock().unwrap().remove(&row.id);
        self.buried.lock().unwrap().push(row.id);
        Ok(())
    }

    async fn stats(&self, _: Timestamp) -> PortResult<OutboxStats> {
        Ok(OutboxStats::default())
    }
}

/// Fails its first publications after it has taken a part of each; then works, slowly where it is told to, and refuses what
/// its script says.
#[derive(Default)]
struct Bus {
    failures: AtomicI64,
    takes: Duration,
    refuses: Mutex<HashMap<String, Lasts>>,
    published: Mutex<Vec<(String, String)>>,
    silent: Mutex<bool>,
}

#[async_trait]
impl Publisher for Bus {
    async fn publish(&self, batch: Vec<Envelope>) -> Vec<Undelivered> {
        tokio::time::sleep(self.takes).await;
        let fails = *self.silent.lock().unwrap() || self.failures.fetch_sub(1, Ordering::SeqCst) > 0;
        let part = if fails { batch.len() / 2 } else { batch.len() };
        let mut undelivered = Vec::new();
        for (place, envelope) in batch.into_iter().enumerate() {
            let refused = self.refuses.lock().unwrap().get(&envelope.key).copied();
            match if place >= part { Some(Lasts::Passing) } else { refused } {
                None => self.published.lock().unwrap().push((envelope.key, envelope.id)),
                Some(lasts) => {
                    let error = PublishError { lasts, code: "scripted", detail: "the script says so".to_owned() };
                    undelivered.push(Undelivered { envelope, error });
                }
            }
        }
        undelivered
    }

    fn lane(&self, envelope: &Envelope) -> String {
        envelope.key.clone()
    }

    async fn check(&self) -> PortResult<Vec<String>> {
        if *self.silent.lock().unwrap() || self.failures.load(Ordering::SeqCst) >= 0 {
            return Err(PortError::unavailable("the bus", "scripted"));
        }
        Ok(Vec::new())
    }
}

impl Bus {
    /// Ids of a key in the order they were last published: what a consumer is left with.
    fn finally(&self, key: &str) -> Vec<String> {
        let published = self.published.lock().unwrap();
        let mut last: Vec<String> = Vec::new();
        for (_, id) in published.iter().filter(|(of, _)| of == key) {
            last.retain(|known| known != id);
            last.push(id.clone());
        }
        last
    }
}

fn relay(outbox: &Arc<Outbox>, bus: &Arc<Bus>, owner: &str) -> Relay {
    Relay {
        outbox: outbox.clone(),
        publisher: bus.clone(),
        parking: ParkingPlace::new(outbox.parked.clone()),
        clock: Arc::new(SystemClock),
        owner: owner.to_owned(),
        hint: Arc::new(Notify::new()),
        shares: Shares::default(),
        settings: RelaySettings { batch: 7, ..RelaySettings::default() },
    }
}

fn expected(key: i64, rows: i64, keys: i64) -> Vec<String> {
    (1..=rows).filter(|id| id % keys == key).map(|id| format!("{id}/adjust/{key}")).collect()
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_fails_for_a_while_loses_nothing_and_order_per_key_holds() {
    let (outbox, bus) = (Arc::new(Outbox::default()), Arc::new(Bus { failures: AtomicI64::new(5), ..Bus::default() }));
    (1..=100).for_each(|id| outbox.adjust(id, id % 6));
    outbox.delivered_fails.store(2, Ordering::SeqCst);
    let stop = CancellationToken::new();
    let running = tokio::spawn(relay(&outbox, &bus, "one").run(stop.clone()));
    outbox.empty().await;
    for key in 0..6 {
        assert_eq!(bus.finally(&key.to_string()), expected(key, 100, 6));
    }
    stop.cancel();
    running.await.unwrap();
    assert!(outbox.leases.lock().unwrap().is_empty(), "an orderly stop gives the leases back");
}

#[tokio::test(start_paused = true)]
async fn a_row_that_cannot_be_read_is_put_aside_and_holds_nobody() {
    let (outbox, bus) = (Arc::new(Outbox::default()), Arc::new(Bus::default()));
    outbox.adjust(1, 1);
    outbox.add(2, "1", "{\"fact\":\"unheard_of\"}".to_owned());
    outbox.adjust(3, 1);
    let stop = CancellationToken::new();
    let running = tokio::spawn(relay(&outbox, &bus, "one").run(stop.clone()));
    outbox.empty().await;
    assert_eq!(bus.finally("1"), ["1/adjust/1", "3/adjust/1"]);
    assert_eq!(*outbox.buried.lock().unwrap(), [2]);
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn two_relays_never_publish_one_slice_at_once_even_over_a_slow_bus() {
    // A publication takes far longer than the lease, which is renewed meanwhile.
    let (outbox, bus) = (Arc::new(Outbox::default()), Arc::new(Bus { takes: Duration::from_secs(8), ..Bus::default() }));
    (1..=20).for_each(|id| outbox.adjust(id, id % 3));
    let stop = CancellationToken::new();
    let running = ["one", "two"].map(|owner| tokio::spawn(relay(&outbox, &bus, owner).run(stop.clone())));
    outbox.empty().await;
    assert_eq!(bus.published.lock().unwrap().len(), 20, "nothing was published twice");
    stop.cancel();
    for relay in running {
        relay.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_relay_that_died_is_followed_by_another_when_its_lease_runs_out() {
    let (outbox, bus) = (Arc::new(Outbox::default()), Arc::new(Bus::default()));
    outbox.adjust(1, 1);
    outbox.lease("dead", SLICES, Timestamp::from_millis(0), Duration::from_secs(3)).await.unwrap();
    let stop = CancellationToken::new();
    let begun = Instant::now();
    let running = tokio::spawn(relay(&outbox, &bus, "heir").run(stop.clone()));
    outbox.empty().await;
    let took = begun.elapsed();
    assert!((Duration::from_secs(3)..Duration::from_secs(5)).contains(&took), "{took:?}");
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_hint_is_followed_at_once() {
    let (outbox, bus) = (Arc::new(Outbox::default()), Arc::new(Bus::default()));
    let mut relay = relay(&outbox, &bus, "one");
    relay.settings.poll = Duration::from_hours(1);
    let (hint, stop) = (relay.hint.clone(), CancellationToken::new());
    let running = tokio::spawn(relay.run(stop.clone()));
    tokio::time::sleep(Duration::from_secs(1)).await;
    outbox.adjust(1, 1);
    hint.notify_one();
    let begun = Instant::now();
    outbox.empty().await;
    assert!(begun.elapsed() < Duration::from_millis(100));
    stop.cancel();
    running.await.unwrap();
}

/// Three workers each had their own relay and swept everything thrice.
#[tokio::test(start_paused = true)]
async fn no_duty_is_done_by_two_workers_and_one_that_dies_is_followed_within_seconds() {
    let (outbox, bus) = (Arc::new(Outbox::default()), Arc::new(Bus::default()));
    let mut running = Vec::new();
    let mut duties = Vec::new();
    for owner in ["one", "two", "three"] {
        let relay = relay(&outbox, &bus, owner);
        duties.push(relay.shares.duty("gauges"));
        running.push(tokio::spawn(relay.run(CancellationToken::new())));
    }
    let holders = || duties.iter().enumerate().filter(|(_, duty)| duty.is_mine()).map(|(at, _)| at).collect::<Vec<usize>>();
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(holders().len(), 1, "{:?}", holders());
    }
    let dead = holders()[0];
    running[dead].abort();
    for _ in 0..50 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(holders().len() <= 1, "{:?}", holders());
    }
    assert_eq!(holders().len(), 1);
    assert_ne!(holders()[0], dead);
}

#[tokio::test(start_paused = true)]
async fn a_blocked_lane_and_a_message_that_is_too_large_hold_up_nobody_and_repeat_nobody() {
    let (outbox, bus) = (Arc::new(Outbox::default()), Arc::new(Bus::default()));
    bus.refuses.lock().unwrap().extend([("1".to_owned(), Lasts::Passing), ("2".to_owned(), Lasts::Forever)]);
    // Far more rows of the blocked lane than a turn takes.
    (1..=200).for_each(|id| outbox.adjust(id, 1));
    (201..=260).for_each(|id| outbox.adjust(id, 1 + id % 5));
    let stop = CancellationToken::new();
    let running = tokio::spawn(relay(&outbox, &bus, "one").run(stop.clone()));
    outbox.empty().await;
    let healthy =
        |key: i64| (201..=260).filter(move |id| 1 + id % 5 == key).map(move |id| (key.to_string(), format!("{id}/adjust/{key}")));
    let mut published = bus.published.lock().unwrap().clone();
    let mut expected: Vec<(String, String)> = [3, 4, 5].into_iter().flat_map(healthy).collect();
    published.sort();
    expected.sort();
    assert_eq!(published, expected, "each of them once");
    let mut waits: Vec<String> = (1..=200).map(|id| format!("{id}/adjust/1")).collect();
    waits.extend(healthy(1).map(|(_, id)| id));
    assert_eq!(outbox.parked.waiting(DeadLetter::RELAY, "1"), waits, "in their order");
    assert_eq!(outbox.letters.lock().unwrap().len(), 12);
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_is_away_as_a_whole_parks_nothing() {
    let (outbox, bus) = (Arc::new(Outbox::default()), Arc::new(Bus::default()));
    *bus.silent.lock().unwrap() = true;
    (1..=20).for_each(|id| outbox.adjust(id, id % 3));
    let stop = CancellationToken::new();
    let running = tokio::spawn(relay(&outbox, &bus, "one").run(stop.clone()));
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert!(outbox.parked.lanes(9).await.unwrap().is_empty());
    assert!(!outbox.rows.lock().unwrap().is_empty(), "the rows wait where they are");
    *bus.silent.lock().unwrap() = false;
    outbox.empty().await;
    for key in 0..3 {
        assert_eq!(bus.finally(&key.to_string()), expected(key, 20, 3));
    }
    stop.cancel();
    running.await.unwrap();
}
