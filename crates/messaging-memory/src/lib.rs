//! The in-process bus of the embedded default.
//!
//! Contract: [`MemoryBus::publish`](Publisher::publish) returns only after every registered consumer of these topics
//! has settled the events (handled them, or put them aside as dead letters). The outbox row thus stays the durable
//! copy: what a crash interrupts is published again. Consumers run side by side; each handles one batch at a time,
//! in the order of publication, so order per key holds; publications that wait at the same moment share a batch.
//! An event of a topic without a consumer is dropped, as nobody in this process asked for it.
//!
//! A handler must not publish to its own topic: it would wait for itself.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future;
use metrics::Gauge;
use sluice_events::{Dispatcher, Envelope, Lasts, PublishError, Publisher, Subscriber, Topic, Undelivered};
use sluice_kernel::PortResult;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// Publications that wait for one consumer; publishers wait beyond it.
const MOST_WAITING: usize = 1_024;
/// Pause after something failed.
const PAUSE: Duration = Duration::from_millis(200);
/// Events a handler sees at once.
const MOST_EVENTS: usize = 500;

/// Events of one publication for one consumer. Dropping `settled` unsent says that the consumer stopped first.
struct Delivery {
    events: Arc<Vec<Envelope>>,
    settled: oneshot::Sender<()>,
}

/// A consumer as publishers see it.
#[derive(Clone)]
struct Registered {
    topic: Topic,
    queue: mpsc::Sender<Delivery>,
    /// Events that are not settled yet.
    lag: Gauge,
}

/// The bus; clone the `Arc` it is kept in.
#[derive(Default)]
pub struct MemoryBus {
    registered: Mutex<Vec<Registered>>,
}

impl MemoryBus {
    pub fn new() -> Self {
        Self::default()
    }

    fn register(&self, dispatcher: &Dispatcher) -> (mpsc::Receiver<Delivery>, Gauge) {
        let (name, topic) = (dispatcher.handler().name(), dispatcher.handler().topic());
        let (queue, deliveries) = mpsc::channel(MOST_WAITING);
        let lag = metrics::gauge!("sluice_consumer_lag", "topic" => topic.name(), "consumer" => name);
        lag.set(0.0);
        let consumer = Registered { topic, queue, lag: lag.clone() };
        self.registered.lock().unwrap_or_else(PoisonError::into_inner).push(consumer);
        (deliveries, lag)
    }

    fn consumers(&self, topic: Topic) -> Vec<Registered> {
        let registered = self.registered.lock().unwrap_or_else(PoisonError::into_inner);
        registered.iter().filter(|consumer| consumer.topic == topic).cloned().collect()
    }
}

fn count(events: &[Envelope]) -> f64 {
    f64::from(u32::try_from(events.len()).unwrap_or(u32::MAX))
}

/// Hands `events` to one consumer and waits until they are settled; false where it stopped before.
async fn deliver(to: Registered, events: Arc<Vec<Envelope>>) -> bool {
    let (settled, done) = oneshot::channel();
    to.lag.increment(count(&events));
    to.queue.send(Delivery { events, settled }).await.is_ok() && done.await.is_ok()
}

#[async_trait]
impl Publisher for MemoryBus {
    async fn publish(&self, batch: Vec<Envelope>) -> Vec<Undelivered> {
        let mut by_topic: Vec<(Topic, Vec<Envelope>)> = Vec::new();
        for envelope in batch {
            match by_topic.iter_mut().find(|(topic, _)| *topic == envelope.topic) {
                Some((_, events)) => events.push(envelope),
                None => by_topic.push((envelope.topic, vec![envelope])),
            }
        }
        let by_topic: Vec<(Topic, Arc<Vec<Envelope>>)> =
            by_topic.into_iter().map(|(topic, events)| (topic, Arc::new(events))).collect();
        let deliveries = by_topic.iter().map(|(topic, events)| {
            let to_all = self.consumers(*topic).into_iter().map(|consumer| deliver(consumer, Arc::clone(events)));
            async move { future::join_all(to_all).await.into_iter().all(|settled| settled) }
        });
        // All are waited for, even after a failure: what is published again must not overtake what is in hand.
        let settled = future::join_all(deliveries).await;
        let unsettled = by_topic.iter().zip(settled).filter(|(_, settled)| !settled);
        unsettled.flat_map(|((_, events), _)| events.iter().cloned().map(undelivered)).collect()
    }

    fn lane(&self, envelope: &Envelope) -> String {
        envelope.topic.name().to_owned()
    }

    /// Consumers in the same process are always there.
    async fn check(&self) -> PortResult<Vec<String>> {
        Ok(Vec::new())
    }
}

fn undelivered(envelope: Envelope) -> Undelivered {
    let detail = "a consumer in this process stopped before it settled the event".to_owned();
    Undelivered { envelope, error: PublishError { lasts: Lasts::Passing, code: "bus_unavailable", detail } }
}

impl Subscriber for MemoryBus {
    fn start(&self, consumers: Vec<Dispatcher>, stop: CancellationToken) -> JoinHandle<()> {
        let loops: Vec<_> = consumers
            .into_iter()
            .map(|dispatcher| {
                let (deliveries, lag) = self.register(&dispatcher);
                tokio::spawn(consume(dispatcher, deliveries, lag, stop.clone()))
            })
            .collect();
        tokio::spawn(async move {
            for ended in future::join_all(loops).await {
                if let Err(failure) = ended {
                    tracing::error!(error = %failure, "A consumer of the in-process bus broke down.");
                }
            }
        })
    }
}

async fn consume(dispatcher: Dispatcher, mut deliveries: mpsc::Receiver<Delivery>, lag: Gauge, stop: CancellationToken) {
    if !begin(&dispatcher, &stop).await {
        return;
    }
    while let Some(Some(first)) = stop.run_until_cancelled(deliveries.recv()).await {
        let Delivery { mut events, settled } = first;
        let mut waiting = vec![settled];
        while events.len() < MOST_EVENTS
            && let Ok(more) = deliveries.try_recv()
        {
            Arc::make_mut(&mut events).extend(more.events.iter().cloned());
            waiting.push(more.settled);
        }
        for batch in events.chunks(MOST_EVENTS) {
            if dispatcher.settle(batch, &stop).await.is_none() {
                return;
            }
            lag.decrement(count(batch));
        }
        for settled in waiting {
            // A publisher that went away has lost interest; its events are settled all the same.
            let _ = settled.send(());
        }
    }
}

/// Looks up what waits since an earlier run: nothing may overtake it. False when `stop` came first.
async fn begin(dispatcher: &Dispatcher, stop: &CancellationToken) -> bool {
    while let Err(error) = dispatcher.takes_over().await {
        tracing::debug!(consumer.name = dispatcher.handler().name(), error = %error, "Parked events could not be looked up yet.");
        if stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_none() {
            return false;
        }
    }
    true
}
