//! The bus ports: who publishes, who consumes, and where events stay that nobody can handle.

use async_trait::async_trait;
use sluice_kernel::{Classified, ErrorKind, PortError, PortResult, Timestamp};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{Dispatcher, Envelope, Topic};

/// Hands events to the bus. Returns when the bus keeps them safely; after an error any part may have been taken,
/// so the caller publishes all of them again.
#[async_trait]
pub trait Publisher: Send + Sync {
    async fn publish(&self, batch: Vec<Envelope>) -> PortResult<()>;
}

/// Brings events from the bus to their consumers.
pub trait Subscriber: Send + Sync {
    /// Registers the consumers before it returns, so that nothing published from then on passes them by, and runs
    /// them until `stop`. The handle ends once every batch in hand is finished and its place in the topic is noted.
    /// A bus that is away is waited for.
    fn start(&self, consumers: Vec<Dispatcher>, stop: CancellationToken) -> JoinHandle<()>;
}

/// Why a batch, or one event, was not handled. Its kind alone decides what happens next (see [`Dispatcher`]).
#[derive(Debug, thiserror::Error)]
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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeadLetterId(pub i64);

/// An event that could not be handled, with what is needed to understand and to replay it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    pub id: DeadLetterId,
    pub consumer: String,
    pub envelope: Envelope,
    pub attempts: u32,
    pub error_code: String,
    pub error_detail: String,
    pub at: Timestamp,
    pub replayed_at: Option<Timestamp>,
}

/// Where dead letters are kept for staff; the Kafka bus publishes them to `TOPIC.dlq` as well.
#[async_trait]
pub trait DeadLetterStore: Send + Sync {
    /// Keeps it once per consumer and event id; `id` is ignored.
    async fn keep(&self, letter: &DeadLetter) -> PortResult<()>;
    /// Newest first; `after` is the id of the last one seen.
    async fn list(&self, topic: Option<Topic>, after: Option<i64>, limit: u32) -> PortResult<Vec<DeadLetter>>;
    async fn find(&self, id: DeadLetterId) -> PortResult<Option<DeadLetter>>;
    async fn mark_replayed(&self, id: DeadLetterId, now: Timestamp) -> PortResult<()>;
}
