//! The in-process bus keeps the contract of every bus, and its own: publishing waits for the consumers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use sluice_events::{
    BatchHandler, Envelope, HandlerError, Publisher, Subscriber, Topic,
    testing::{self, Bus, CASES, MemoryDeadLetters, Recorder},
};
use sluice_messaging_memory::MemoryBus;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn it_keeps_the_contract_of_every_bus() {
    for (name, case) in CASES {
        println!("case: {name}");
        let bus = Arc::new(MemoryBus::new());
        case(Bus { publisher: bus.clone(), subscriber: bus }).await;
    }
}

/// Says how many events each call had, and goes on when it is let.
struct Gated {
    calls: mpsc::UnboundedSender<usize>,
    go: Arc<Semaphore>,
}

#[async_trait]
impl BatchHandler for Gated {
    fn name(&self) -> &'static str {
        "gated"
    }

    fn topic(&self) -> Topic {
        Topic::StockSync
    }

    async fn handle(&self, batch: &[Envelope]) -> Result<(), HandlerError> {
        self.calls.send(batch.len()).unwrap();
        self.go.acquire().await.unwrap().forget();
        Ok(())
    }
}

fn event(id: &str) -> Envelope {
    testing::envelope(Topic::StockSync, "k", id)
}

#[tokio::test(start_paused = true)]
async fn publishing_returns_when_the_events_are_settled_and_those_that_wait_share_a_batch() {
    let (calls, mut called) = mpsc::unbounded_channel();
    let go = Arc::new(Semaphore::new(0));
    let gated = Arc::new(Gated { calls, go: go.clone() });
    let bus = Arc::new(MemoryBus::new());
    let stop = CancellationToken::new();
    let consumers = bus.start(vec![testing::dispatcher(gated, Arc::new(MemoryDeadLetters::default()))], stop.clone());

    let publish = |id: &'static str| {
        let bus = bus.clone();
        tokio::spawn(async move { bus.publish(vec![event(id)]).await })
    };
    let first = publish("1");
    assert_eq!(called.recv().await, Some(1));
    let others = [publish("2"), publish("3"), publish("4")];
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!first.is_finished(), "the handler is still at work");

    go.add_permits(1);
    assert!(first.await.unwrap().is_empty());
    assert_eq!(called.recv().await, Some(3), "what waited comes as one batch");
    go.add_permits(1);
    for other in others {
        assert!(other.await.unwrap().is_empty());
    }
    stop.cancel();
    consumers.await.unwrap();
    assert_eq!(bus.publish(vec![event("5")]).await.len(), 1, "nobody is left to settle it: the outbox keeps the row");
}

#[tokio::test(start_paused = true)]
async fn stopping_fails_the_publication_that_was_not_settled() {
    let away = Recorder::failing("away", Topic::StockSync, |_, _| Some(sluice_kernel::ErrorKind::Unavailable));
    let bus = Arc::new(MemoryBus::new());
    let stop = CancellationToken::new();
    let consumers = bus.start(vec![testing::dispatcher(away.clone(), Arc::new(MemoryDeadLetters::default()))], stop.clone());
    let publishing = tokio::spawn({
        let bus = bus.clone();
        async move { bus.publish(vec![event("1")]).await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(away.tries("1") > 3, "it is tried for as long as it takes");
    stop.cancel();
    assert_eq!(publishing.await.unwrap().len(), 1);
    consumers.await.unwrap();
}
