use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use sluice_kernel::{ManualClock, PortError, PortResult, Timestamp};

use super::*;
use crate::Topic;

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

#[derive(Default)]
struct Letters {
    kept: Mutex<Vec<DeadLetter>>,
    failures: Mutex<u32>,
}

#[async_trait]
impl DeadLetterStore for Letters {
    async fn keep(&self, letter: &DeadLetter) -> PortResult<()> {
        let mut failures = self.failures.lock().unwrap();
        if *failures > 0 {
            *failures -= 1;
            return Err(PortError::unavailable("the dead letters", "scripted"));
        }
        self.kept.lock().unwrap().push(letter.clone());
        Ok(())
    }

    async fn list(&self, _: Option<Topic>, _: Option<i64>, _: u32) -> PortResult<Vec<DeadLetter>> {
        Ok(self.kept.lock().unwrap().clone())
    }

    async fn find(&self, _: DeadLetterId) -> PortResult<Option<DeadLetter>> {
        Ok(None)
    }

    async fn mark_replayed(&self, _: DeadLetterId, _: Timestamp) -> PortResult<()> {
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

fn dispatcher(handler: &Arc<Scripted>, letters: &Arc<Letters>) -> Dispatcher {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(7)));
    Dispatcher::new(handler.clone(), letters.clone(), clock, RetryPolicy::default())
}

async fn settle(handler: &Arc<Scripted>, letters: &Arc<Letters>, batch: &[&str]) -> Vec<DeadLetter> {
    dispatcher(handler, letters).settle(&events(batch), &CancellationToken::new()).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_good_batch_is_one_call() {
    let (handler, letters) = (Scripted::new(|_, _| None), Arc::default());
    assert!(settle(&handler, &letters, &["a:1", "b:2"]).await.is_empty());
    assert_eq!(*handler.calls.lock().unwrap(), [["1", "2"]]);
}

#[tokio::test(start_paused = true)]
async fn a_defect_is_tried_a_bounded_number_of_times_and_holds_nobody() {
    let handler = Scripted::new(|id, _| (id == "bad").then_some(ErrorKind::Internal));
    let letters = Arc::default();
    let buried = settle(&handler, &letters, &["a:1", "b:bad", "c:3"]).await;
    assert_eq!(handler.handled(), ["1", "3"]);
    assert_eq!(handler.tries("bad"), 1 + 5, "once in the batch, five times alone");
    assert_eq!(handler.tries("3"), 2, "the others are not tried again and again");
    let [letter] = buried.as_slice() else { panic!("one dead letter, not {buried:?}") };
    assert_eq!((letter.envelope.id.as_str(), letter.attempts, letter.error_code.as_str()), ("bad", 5, "scripted"));
    assert_eq!(letter.at, Timestamp::from_millis(7));
    assert_eq!(letters.kept.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_event_is_put_aside_at_once() {
    let handler = Scripted::new(|id, _| (id == "bad").then_some(ErrorKind::Invalid));
    let buried = settle(&handler, &Arc::default(), &["a:bad", "a:2"]).await;
    assert_eq!(handler.tries("bad"), 2, "once in the batch, once alone");
    assert_eq!(buried.len(), 1);
    assert_eq!(handler.handled(), ["2"]);
}

#[tokio::test(start_paused = true)]
async fn a_transient_failure_is_tried_until_it_passes() {
    let handler = Scripted::new(|_, attempt| (attempt < 40).then_some(ErrorKind::Unavailable));
    let buried = settle(&handler, &Arc::default(), &["a:1", "a:2", "b:3"]).await;
    assert!(buried.is_empty(), "a part that is away makes no dead letters");
    let handled = handler.handled();
    assert_eq!(handled.len(), 3);
    assert!(handled.iter().position(|id| id == "1") < handled.iter().position(|id| id == "2"));
}

#[tokio::test(start_paused = true)]
async fn an_event_that_waits_holds_its_own_key_alone() {
    let handler = Scripted::new(|id, attempt| (id == "slow" && attempt < 20).then_some(ErrorKind::Unavailable));
    let buried = settle(&handler, &Arc::default(), &["a:slow", "a:next", "b:other"]).await;
    assert!(buried.is_empty());
    assert_eq!(handler.handled(), ["other", "slow", "next"]);
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_cannot_be_kept_is_not_lost() {
    let handler = Scripted::new(|_, _| Some(ErrorKind::Conflict));
    let letters = Arc::new(Letters { failures: Mutex::new(3), ..Letters::default() });
    let buried = settle(&handler, &letters, &["a:1"]).await;
    assert_eq!(buried.len(), 1);
    assert_eq!(letters.kept.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn stopping_leaves_the_batch_unsettled() {
    let handler = Scripted::new(|_, _| Some(ErrorKind::Unavailable));
    let letters = Arc::<Letters>::default();
    let stop = CancellationToken::new();
    let ends = tokio::time::sleep(Duration::from_mins(1));
    let dispatcher = dispatcher(&handler, &letters);
    let batch = events(&["a:1"]);
    let settled = tokio::join!(dispatcher.settle(&batch, &stop), async {
        ends.await;
        stop.cancel();
    });
    assert_eq!(settled.0, None);
}
