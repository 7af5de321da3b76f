use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use sluice_kernel::{ManualClock, PortError, PortResult, Timestamp};

use super::*;
use crate::{
    DeadLetterId, LetterQuery, ParkedStore as _, Topic,
    testing::{MemoryDeadLetters, MemoryParking},
};

/// Notes every call and fails as its script says: event id and try → kind of failure.
struct Scripted {
    script: fn(&str, u32) -> Option<ErrorKind>,
    calls: Mutex<Vec<Vec<String>>>,
    handled: Mutex<Vec<String>>,
}

impl Scripted {
    fn new(script: fn(&str, u32) -> Option<ErrorKind>) -> Arc<Self> {
        Arc::new(Self { script, calls: Mutex::default(), handled: Mutex::default() })
    }

    fn tries(&self, id: &str) -> u32 {
        let calls = self.calls.lock().unwrap();
        u32::try_from(calls.iter().filter(|call| call.iter().any(|seen| seen == id)).count()).unwrap()
    }

    fn handled(&self) -> Vec<String> {
        self.handled.lock().unwrap().clone()
    }
}

#[async_trait]
impl BatchHandler for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn topic(&self) -> Topic {
        Topic::StockSync
    }

    async fn handle(&self, batch: &[Envelope]) -> Result<(), HandlerError> {
        let ids: Vec<String> = batch.iter().map(|envelope| envelope.id.clone()).collect();
        self.calls.lock().unwrap().push(ids.clone());
        for id in &ids {
            if let Some(kind) = (self.script)(id, self.tries(id)) {
                return Err(HandlerError { kind, code: "scripted", detail: String::new() });
            }
        }
        self.handled.lock().unwrap().extend(ids);
        Ok(())
    }
}

/// `key:id` makes an event.
fn events(names: &[&str]) -> Vec<Envelope> {
    let event = |name: &&str| {
        let (key, id) = name.split_once(':').unwrap();
        Envelope {
            topic: Topic::StockSync,
            key: key.to_owned(),
            id: id.to_owned(),
            kind: "test".into(),
            time: Timestamp::from_millis(0),
            traceparent: None,
            data: "{}".to_owned(),
        }
    };
    names.iter().map(event).collect()
}

struct Site {
    handler: Arc<Scripted>,
    letters: Arc<MemoryDeadLetters>,
    parking: Arc<MemoryParking>,
    dispatcher: Dispatcher,
}

fn site(script: fn(&str, u32) -> Option<ErrorKind>) -> Site {
    let (handler, letters, parking) = (Scripted::new(script), Arc::<MemoryDeadLetters>::default(), Arc::<MemoryParking>::default());
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(7)));
    let place = ParkingPlace::new(parking.clone());
    let dispatcher = Dispatcher::new(handler.clone(), letters.clone(), place, clock, RetryPolicy::default());
    Site { handler, letters, parking, dispatcher }
}

impl Site {
    async fn settle(&self, batch: &[&str]) -> Vec<DeadLetter> {
        self.dispatcher.settle(&events(batch), &CancellationToken::new()).await.unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn a_good_batch_is_one_call() {
    let site = site(|_, _| None);
    assert!(site.settle(&["a:1", "b:2"]).await.is_empty());
    assert_eq!(*site.handler.calls.lock().unwrap(), [["1", "2"]]);
}

#[tokio::test(start_paused = true)]
async fn a_defect_is_tried_a_bounded_number_of_times_and_holds_nobody() {
    let site = site(|id, _| (id == "bad").then_some(ErrorKind::Internal));
    let letters = site.settle(&["a:1", "b:bad", "c:3"]).await;
    assert_eq!(site.handler.handled(), ["1", "3"]);
    assert_eq!(site.handler.tries("bad"), 1 + 5, "once in the batch, five times alone");
    assert_eq!(site.handler.tries("3"), 2, "the others are not tried again and again");
    let [letter] = letters.as_slice() else { panic!("one dead letter, not {letters:?}") };
    assert_eq!((letter.envelope.id.as_str(), letter.attempts, letter.error_code.as_str()), ("bad", 5, "scripted"));
    assert_eq!(letter.at, Timestamp::from_millis(7));
    assert_eq!(site.letters.all().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_event_is_put_aside_at_once() {
    let site = site(|id, _| (id == "bad").then_some(ErrorKind::Invalid));
    let letters = site.settle(&["a:bad", "a:2"]).await;
    assert_eq!(site.handler.tries("bad"), 2, "once in the batch, once alone");
    assert_eq!(letters.len(), 1);
    assert_eq!(site.handler.handled(), ["2"]);
}

#[tokio::test(start_paused = true)]
async fn a_transient_failure_is_tried_until_it_passes() {
    let site = site(|_, attempt| (attempt < 7).then_some(ErrorKind::Unavailable));
    assert!(site.settle(&["a:1", "a:2", "b:3"]).await.is_empty(), "a part that is away makes no dead letters");
    let handled = site.handler.handled();
    assert_eq!(handled.len(), 3);
    assert!(handled.iter().position(|id| id == "1") < handled.iter().position(|id| id == "2"));
    assert!(site.parking.lanes(9).await.unwrap().is_empty(), "it passed soon enough");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_cannot_go_on_holds_up_its_own_key_alone() {
    let site = site(|id, _| (id == "late").then_some(ErrorKind::Unavailable));
    let begun = Instant::now();
    assert!(site.settle(&["a:late", "a:next", "b:other"]).await.is_empty(), "what passes makes no dead letter");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(site.handler.handled(), ["other"]);
    assert_eq!(site.parking.waiting("scripted", "a"), ["late", "next"]);

    // What comes later under its key waits behind it, at once; others do not notice.
    let begun = Instant::now();
    site.settle(&["a:later", "b:more"]).await;
    assert!(begun.elapsed() < Duration::from_millis(10));
    assert_eq!(site.handler.handled(), ["other", "more"]);
    assert_eq!(site.parking.waiting("scripted", "a"), ["late", "next", "later"]);
}

#[tokio::test(start_paused = true)]
async fn many_events_that_cannot_go_on_do_not_hide_those_that_can() {
    let site = site(|id, _| id.starts_with("late").then_some(ErrorKind::Unavailable));
    let names: Vec<String> = (0..100).map(|n| format!("k{n}:late{n}")).chain(["z:good".to_owned()]).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let begun = Instant::now();
    site.settle(&names).await;
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(site.handler.handled(), ["good"]);
    assert_eq!(site.parking.lanes(1_000).await.unwrap().len(), 100);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_parks_nothing() {
    let site = site(|_, attempt| (attempt < 30).then_some(ErrorKind::Unavailable));
    site.parking.fail_next(1_000);
    site.settle(&["a:1", "b:2"]).await;
    assert_eq!(site.handler.handled(), ["1", "2"]);
}

#[tokio::test(start_paused = true)]
async fn what_another_process_parked_is_not_overtaken() {
    let site = site(|_, _| None);
    let waiting = events(&["a:first"]).into_iter().map(|event| parking(&event, 0)).collect::<Vec<_>>();
    site.parking.park("scripted", &waiting, "", Timestamp::from_millis(0), Timestamp::from_millis(0)).await.unwrap();
    site.dispatcher.takes_over().await.unwrap();
    site.settle(&["a:second", "b:other"]).await;
    assert_eq!(site.handler.handled(), ["other"]);
    assert_eq!(site.parking.waiting("scripted", "a"), ["first", "second"]);
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_cannot_be_kept_now_is_not_lost() {
    let site = site(|_, _| Some(ErrorKind::Conflict));
    site.letters.fail_next(3);
    site.parking.fail_next(1_000);
    assert_eq!(site.settle(&["a:1"]).await.len(), 1);
    assert_eq!(site.letters.all().len(), 1);
}

/// Refuses what it cannot keep, as a column that is too short does.
struct Picky {
    max_data: usize,
    kept: Mutex<Vec<DeadLetter>>,
}

#[async_trait]
impl DeadLetterStore for Picky {
    async fn keep(&self, letter: &DeadLetter) -> PortResult<()> {
        if letter.envelope.data.len() > self.max_data {
            return Err(PortError::internal("keeping a dead letter", "it does not fit"));
        }
        self.kept.lock().unwrap().push(letter.clone());
        Ok(())
    }

    async fn list(&self, _: LetterQuery) -> PortResult<Vec<DeadLetter>> {
        Ok(Vec::new())
    }

    async fn find(&self, _: DeadLetterId) -> PortResult<Option<DeadLetter>> {
        Ok(None)
    }

    async fn replay(&self, _: DeadLetterId, _: Timestamp) -> PortResult<Option<DeadLetter>> {
        Ok(None)
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_can_never_be_kept_holds_up_nobody() {
    for (max_data, kept) in [(80, 1), (0, 0)] {
        let handler = Scripted::new(|id, _| (id == "bad").then_some(ErrorKind::Invalid));
        let store = Arc::new(Picky { max_data, kept: Mutex::default() });
        let place = ParkingPlace::new(Arc::<MemoryParking>::default());
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(7)));
        let dispatcher = Dispatcher::new(handler.clone(), store.clone(), place, clock, RetryPolicy::default());
        let mut batch = events(&["a:bad", "b:2"]);
        batch[0].data = "x".repeat(100);
        let settled = tokio::time::timeout(Duration::from_mins(1), dispatcher.settle(&batch, &CancellationToken::new())).await;
        let letters = settled.expect("it does not hang").unwrap();
        assert_eq!(letters.len(), 1, "the bus hears of it, and keeps it in the topic of dead letters");
        assert_eq!(handler.handled(), ["2"]);
        assert_eq!(store.kept.lock().unwrap().len(), kept);
    }
}

#[tokio::test(start_paused = true)]
async fn stopping_leaves_the_batch_unsettled() {
    let site = site(|_, _| Some(ErrorKind::Unavailable));
    site.parking.fail_next(1_000);
    let stop = CancellationToken::new();
    let ends = tokio::time::sleep(Duration::from_mins(1));
    let batch = events(&["a:1"]);
    let settled = tokio::join!(site.dispatcher.settle(&batch, &stop), async {
        ends.await;
        stop.cancel();
    });
    assert_eq!(settled.0, None);
}
