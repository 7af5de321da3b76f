//! The bus ports: who publishes and who consumes.

use async_trait::async_trait;
use sluice_kernel::{Classified, ErrorKind, PortError, PortResult};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{Dispatcher, Envelope, Topic};

/// How long a refusal to take an event lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasts {
    /// The bus, or the lane of this event, is away for now: tried until it passes.
    Passing,
    /// Somebody must change a right: tried for a bounded time.
    Barred,
    /// This event can never be taken as it is: too large, or not what the bus accepts.
    Forever,
}

/// Why the bus did not take an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct PublishError {
    pub lasts: Lasts,
    pub code: &'static str,
    /// For the operator.
    pub detail: String,
}

/// An event that the bus did not take. It may have been taken all the same: who repeats it repeats its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undelivered {
    pub envelope: Envelope,
    pub error: PublishError,
}

/// Hands events to the bus.
#[async_trait]
pub trait Publisher: Send + Sync {
    /// Returns when it is known of each event whether the bus keeps it safely, with those that it does not keep, in their
    /// order; empty where all were taken. Where an event failed in passing, those behind it under the same key count as not
    /// taken too, so that repeating them in order leaves consumers with the right order.
    async fn publish(&self, batch: Vec<Envelope>) -> Vec<Undelivered>;

    /// The lane of the bus that this event takes, for instance a partition: what blocks a lane holds all of it and nothing
    /// beside it. Events of one key share a lane.
    fn lane(&self, envelope: &Envelope) -> String;

    /// Asks the bus whether events can flow: what is wrong with it, in plain words; empty where all is well. An error
    /// where it cannot be reached at all.
    async fn check(&self) -> PortResult<Vec<String>>;
}

/// Publishes events of which all must be taken; the first that was not makes the error.
pub async fn publish_all(publisher: &dyn Publisher, batch: Vec<Envelope>) -> PortResult<()> {
    match publisher.publish(batch).await.into_iter().next() {
        None => Ok(()),
        Some(Undelivered { error, .. }) if error.lasts == Lasts::Forever => Err(PortError::internal("publishing an event", error)),
        Some(Undelivered { error, .. }) => Err(PortError::unavailable("the bus", error)),
    }
}

/// Brings events from the bus to their consumers.
pub trait Subscriber: Send + Sync {
    /// Registers the consumers before it returns, so that nothing published from then on passes them by, and runs
    /// them until `stop`. The handle ends once every batch in hand is finished and its place in the topic is noted.
    /// A bus that is away is waited for.
    fn start(&self, consumers: Vec<Dispatcher>, stop: CancellationToken) -> JoinHandle<()>;
}

/// Why a batch, or one event, was not handled. Its kind alone decides what happens next (see [`Dispatcher`]).
#[derive(Debug, Clone, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct HandlerError {
    pub kind: ErrorKind,
    pub code: &'static str,
    /// For the operator.
    pub detail: String,
}

impl HandlerError {
    /// An event that does not speak our language.
    pub fn unreadable(error: &serde_json::Error) -> Self {
        Self { kind: ErrorKind::Invalid, code: "unreadable_event", detail: error.to_string() }
    }

    pub fn from_classified(error: &impl Classified) -> Self {
        let mut detail = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            detail = format!("{detail}: {cause}");
            source = cause.source();
        }
        Self { kind: error.kind(), code: error.code(), detail }
    }
}

impl From<PortError> for HandlerError {
    fn from(error: PortError) -> Self {
        Self::from_classified(&error)
    }
}

/// One consumer of one topic. Handling must be idempotent: the batch, or any part of it, may come again.
#[async_trait]
pub trait BatchHandler: Send + Sync {
    /// Stable name: the consumer group, and the consumer's name in the inbox and in dead letters.
    fn name(&self) -> &'static str;
    fn topic(&self) -> Topic;
    /// Handles the whole batch, or fails without having to undo: it will come again, alone or together.
    async fn handle(&self, batch: &[Envelope]) -> Result<(), HandlerError>;
    /// How long this consumer knows an event again; `None` where what an event does bears a repetition by itself. A dead
    /// letter that is older is not replayed: the event may have been handled when it came another time.
    fn knows_events_for(&self) -> Option<std::time::Duration> {
        None
    }
}
