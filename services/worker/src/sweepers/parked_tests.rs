use std::sync::Mutex;

use sluice_events::{
    DeadLetterId, ParkedStore, Parking, PublishError, Topic,
    testing::{MemoryParking, Recorder, envelope},
};
use sluice_kernel::{ManualClock, Timestamp};

use super::*;

/// When the envelopes of the tests happened.
fn start() -> Timestamp {
    Timestamp::from_millis(1_795_305_600_123)
}

/// Refuses everything as it is told to.
#[derive(Default)]
struct Bus {
    refuses: Mutex<Option<Lasts>>,
    published: Mutex<Vec<String>>,
}

#[async_trait]
impl Publisher for Bus {
    async fn publish(&self, batch: Vec<Envelope>) -> Vec<Undelivered> {
        let refused = *self.refuses.lock().unwrap();
        let Some(lasts) = refused else {
            self.published.lock().unwrap().extend(batch.into_iter().map(|envelope| envelope.id));
            return Vec::new();
        };
        let error = PublishError { lasts, code: "scripted", detail: String::new() };
        batch.into_iter().map(|envelope| Undelivered { envelope, error: error.clone() }).collect()
    }

    fn lane(&self, envelope: &Envelope) -> String {
        envelope.topic.name().to_owned()
    }

    async fn check(&self) -> PortResult<Vec<String>> {
        Ok(Vec::new())
    }
}

struct Site {
    store: Arc<MemoryParking>,
    clock: Arc<ManualClock>,
    bus: Arc<Bus>,
    retry: RetryParked,
}

fn site(handler: Arc<dyn BatchHandler>) -> Site {
    let (store, clock, bus) = (Arc::new(MemoryParking::default()), Arc::new(ManualClock::at(start())), Arc::new(Bus::default()));
    let retry = RetryParked {
        parking: ParkingPlace::new(store.clone()),
        handlers: vec![handler],
        publisher: bus.clone(),
        clock: clock.clone(),
        policy: RetryPolicy::default(),
    };
    Site { store, clock, bus, retry }
}

impl Site {
    async fn park(&self, owner: &str, lane: &str, ids: &[&str]) {
        let parking = |id: &&str| Parking { lane: lane.to_owned(), envelope: envelope(Topic::OrderPaid, lane, id), attempts: 0 };
        let events: Vec<Parking> = ids.iter().map(parking).collect();
        self.store.park(owner, &events, "", start(), start()).await.unwrap();
    }

    /// Turns until `time` has passed.
    async fn turns(&mut self, time: Duration) {
        let end = self.clock.now().plus(time);
        while self.clock.now() < end {
            while self.retry.turn().await.unwrap() == Turn::More {}
            self.clock.advance(Duration::from_secs(1));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lane_is_tried_until_it_passes_in_its_order_and_holds_no_other() {
    let recorder = Recorder::failing("reader", Topic::OrderPaid, |event, attempt| {
        (event.id == "late" && attempt < 9).then_some(ErrorKind::Unavailable)
    });
    let mut site = site(recorder.clone());
    site.park("reader", "a", &["late", "behind"]).await;
    site.park("reader", "b", &["other"]).await;
    site.turns(Duration::from_secs(1)).await;
    assert_eq!(recorder.ids(), ["other"]);
    site.turns(Duration::from_mins(5)).await;
    assert_eq!(recorder.ids(), ["other", "late", "behind"]);
    assert!(site.retry.parking.held.none() && site.store.lanes(9).await.unwrap().is_empty());
}

/// Takes half a minute for what is called slow.
struct Slow(Arc<Recorder>);

#[async_trait]
impl BatchHandler for Slow {
    fn name(&self) -> &'static str {
        "reader"
    }
    fn topic(&self) -> Topic {
        Topic::OrderPaid
    }
    async fn handle(&self, batch: &[Envelope]) -> Result<(), HandlerError> {
        if batch.iter().any(|event| event.id == "slow") {
            tokio::time::sleep(Duration::from_secs(30)).await;
        }
        self.0.handle(batch).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_takes_long_holds_up_no_other() {
    let recorder = Recorder::new("reader", Topic::OrderPaid);
    let mut site = site(Arc::new(Slow(recorder.clone())));
    site.park("reader", "first", &["slow"]).await;
    for number in 0..40 {
        site.park("reader", &format!("lane {number}"), &[&format!("e-{number}")]).await;
    }
    assert_eq!(site.retry.turn().await.unwrap(), Turn::More);
    assert_eq!(recorder.ids().len(), 41);
    assert_eq!(recorder.ids().last().map(String::as_str), Some("slow"));
    assert!(site.store.lanes(99).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_command_ends_although_lanes_fail_again_and_again() {
    let recorder = Recorder::failing("reader", Topic::OrderPaid, |_, _| Some(ErrorKind::Unavailable));
    let mut site = site(recorder);
    for number in 0..40 {
        site.park("reader", &format!("lane {number}"), &["late"]).await;
    }
    assert_eq!(site.retry.turn().await.unwrap(), Turn::Done);
}

#[tokio::test(start_paused = true)]
async fn a_defect_ends_after_bounded_tries_and_what_follows_goes_on() {
    let recorder = Recorder::failing("reader", Topic::OrderPaid, |event, _| (event.id == "bad").then_some(ErrorKind::Internal));
    let mut site = site(recorder.clone());
    site.park("reader", "a", &["bad", "next"]).await;
    site.turns(Duration::from_secs(2)).await;
    assert_eq!(recorder.ids(), ["next"]);
    assert_eq!(recorder.tries("bad"), 1 + 5, "once together, five times alone");
}

#[tokio::test(start_paused = true)]
async fn messages_wait_for_their_partition_and_never_become_letters_for_it() {
    let mut site = site(Recorder::new("reader", Topic::OrderPaid));
    site.park(DeadLetter::RELAY, "order-paid/1", &["1", "2"]).await;
    *site.bus.refuses.lock().unwrap() = Some(Lasts::Passing);
    site.turns(Duration::from_hours(1)).await;
    assert_eq!(site.store.waiting(DeadLetter::RELAY, "order-paid/1"), ["1", "2"]);
    *site.bus.refuses.lock().unwrap() = None;
    site.turns(Duration::from_secs(30)).await;
    assert_eq!(*site.bus.published.lock().unwrap(), ["1", "2"]);

    // A right that nobody gives is not waited for for ever.
    site.park(DeadLetter::RELAY, "order-paid/1", &["3"]).await;
    *site.bus.refuses.lock().unwrap() = Some(Lasts::Barred);
    site.turns(Duration::from_mins(11)).await;
    assert!(site.store.lanes(9).await.unwrap().is_empty());
}

/// Knows an event again for an hour.
struct Forgetful(Arc<Recorder>);

#[async_trait]
impl BatchHandler for Forgetful {
    fn name(&self) -> &'static str {
        "forgetful"
    }
    fn topic(&self) -> Topic {
        Topic::OrderPaid
    }
    async fn handle(&self, batch: &[Envelope]) -> Result<(), HandlerError> {
        self.0.handle(batch).await
    }
    fn knows_events_for(&self) -> Option<Duration> {
        Some(Duration::from_hours(1))
    }
}

#[tokio::test(start_paused = true)]
async fn an_old_replay_never_counts_twice() {
    let recorder = Recorder::new("forgetful", Topic::OrderPaid);
    let site = site(Arc::new(Forgetful(recorder.clone())));
    let event =
        |letter| ParkedEvent { id: 1, envelope: envelope(Topic::OrderPaid, "k", "1"), attempts: 0, parked_at: start(), letter };
    let handler = site.retry.handlers[0].clone();
    let young = site.retry.handle(handler.as_ref(), vec![event(Some(DeadLetterId(7)))]).await;
    assert!(young.leaving[0].dead_letter.is_none());
    site.clock.advance(Duration::from_hours(1));
    let old = site.retry.handle(handler.as_ref(), vec![event(Some(DeadLetterId(7)))]).await;
    assert_eq!(old.leaving[0].dead_letter.as_ref().unwrap().error_code, "too_old_to_replay");
    assert_eq!(recorder.ids().len(), 1);
    // What only waited here was never handled.
    let waited = site.retry.handle(handler.as_ref(), vec![event(None)]).await;
    assert!(waited.leaving[0].dead_letter.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_replay_of_what_is_no_event_fails_again() {
    let recorder = Recorder::new("reader", Topic::OrderPaid);
    let site = site(recorder.clone());
    let unreadable = Envelope { kind: Envelope::UNREADABLE.into(), ..envelope(Topic::OrderPaid, "k", "1") };
    let event = ParkedEvent { id: 1, envelope: unreadable, attempts: 0, parked_at: start(), letter: Some(DeadLetterId(7)) };
    let fared = site.retry.handle(recorder.as_ref(), vec![event]).await;
    assert_eq!(fared.leaving[0].dead_letter.as_ref().unwrap().error_code, "unreadable_event");
    assert!(recorder.ids().is_empty());
}
