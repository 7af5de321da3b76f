//! The bus ports, and the dispatcher both buses share: bounded retries with backoff, then a dead letter.
//!
//! A handler's error says what to do by its kind alone: transient failures (a database that is away) are tried until
//! they pass, since nothing could be recorded meanwhile; conflicts and defects are tried a bounded number of times;
//! what can never be read is put aside at once. Nothing is dropped.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use sluice_kernel::{Classified, Clock, ErrorKind, PortError, PortResult, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::{Envelope, Topic};

/// Hands events to the bus. Returns when the bus keeps them safely; after an error any part may have been taken,
/// so the caller publishes all of them again.
#[async_trait]
pub trait Publisher: Send + Sync {
    async fn publish(&self, batch: Vec<Envelope>) -> PortResult<()>;
}

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

#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// Tries of an event before it becomes a dead letter, where the failure is not transient.
    pub max_attempts: u32,
    pub first_delay: Duration,
    pub max_delay: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { max_attempts: 5, first_delay: Duration::from_millis(50), max_delay: Duration::from_secs(2) }
    }
}

impl RetryPolicy {
    fn delay(&self, attempt: u32) -> Duration {
        self.first_delay.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1))).min(self.max_delay)
    }
}

/// Runs a handler over batches until each event is handled or put aside.
pub struct Dispatcher {
    handler: Arc<dyn BatchHandler>,
    dead_letters: Arc<dyn DeadLetterStore>,
    clock: Arc<dyn Clock>,
    policy: RetryPolicy,
}

impl Dispatcher {
    pub fn new(
        handler: Arc<dyn BatchHandler>,
        dead_letters: Arc<dyn DeadLetterStore>,
        clock: Arc<dyn Clock>,
        policy: RetryPolicy,
    ) -> Self {
        Self { handler, dead_letters, clock, policy }
    }

    pub fn handler(&self) -> &Arc<dyn BatchHandler> {
        &self.handler
    }

    /// Returns the events that became dead letters, once all of `batch` is settled; `None` when `stop` came first
    /// (the batch is then unsettled and must come again).
    pub async fn settle(&self, batch: &[Envelope], stop: &CancellationToken) -> Option<Vec<DeadLetter>> {
        if self.handler.handle(batch).await.is_ok() {
            return Some(Vec::new());
        }
        // One bad event must not hold the others: alone, each shows whether it is the culprit.
        let mut buried = Vec::new();
        for envelope in batch {
            if let Some(letter) = self.settle_one(envelope, stop).await? {
                buried.push(letter);
            }
        }
        Some(buried)
    }

    async fn settle_one(&self, envelope: &Envelope, stop: &CancellationToken) -> Option<Option<DeadLetter>> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let Err(error) = self.handler.handle(std::slice::from_ref(envelope)).await else {
                return Some(None);
            };
            let given_up = match error.kind {
                ErrorKind::Invalid => true,
                kind if kind.is_transient() => false,
                _ => attempts >= self.policy.max_attempts,
            };
            if given_up {
                let letter = self.letter(envelope, attempts, &error);
                match self.dead_letters.keep(&letter).await {
                    Ok(()) => return Some(Some(letter)),
                    Err(failure) => tracing::warn!(error = %failure, "A dead letter could not be kept; the event is tried again."),
                }
            }
            tracing::warn!(
                consumer.name = self.handler.name(),
                event.id = %envelope.id,
                event.attempt = attempts,
                error.code = error.code,
                error.detail = %error.detail,
                "An event could not be handled yet."
            );
            tokio::select! {
                () = stop.cancelled() => return None,
                () = tokio::time::sleep(self.policy.delay(attempts)) => {}
            }
        }
    }

    fn letter(&self, envelope: &Envelope, attempts: u32, error: &HandlerError) -> DeadLetter {
        tracing::error!(
            consumer.name = self.handler.name(),
            event.id = %envelope.id,
            error.code = error.code,
            error.detail = %error.detail,
            "An event was put aside as a dead letter."
        );
        DeadLetter {
            id: DeadLetterId(0),
            consumer: self.handler.name().to_owned(),
            envelope: envelope.clone(),
            attempts,
            error_code: error.code.to_owned(),
            error_detail: error.detail.clone(),
            at: self.clock.now(),
            replayed_at: None,
        }
    }
}
