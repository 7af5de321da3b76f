//! The dispatcher both buses share: bounded retries with backoff, then a dead letter.
//!
//! A handler's error says what to do by its kind alone: transient failures (a database that is away) are tried until
//! they pass, since nothing could be recorded meanwhile; conflicts and defects are tried a bounded number of times;
//! what can never be read is put aside at once. Nothing is dropped, and one bad event does not hold the others: once
//! a batch has failed, its events go alone, in rounds, and an event that must wait holds only those of its own key.

use std::{collections::HashSet, sync::Arc, time::Duration};

use sluice_kernel::{Clock, ErrorKind};
use tokio_util::sync::CancellationToken;

use crate::{BatchHandler, DeadLetter, DeadLetterId, DeadLetterStore, Envelope, HandlerError};

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

/// Transient failures in a row, with no success before them, after which a round ends early: the part is away for
/// all of them, and asking for each would only add load and delay.
const MOST_FAILURES_IN_A_ROW: u32 = 8;

/// Runs a handler over batches until each event is handled or put aside.
pub struct Dispatcher {
    handler: Arc<dyn BatchHandler>,
    dead_letters: Arc<dyn DeadLetterStore>,
    clock: Arc<dyn Clock>,
    policy: RetryPolicy,
}

/// An event of a failed batch that is not settled yet.
struct Waiting<'a> {
    envelope: &'a Envelope,
    /// Tries that failed otherwise than transiently.
    attempts: u32,
}

enum Outcome {
    Handled,
    Buried(Box<DeadLetter>),
    /// Comes again in the next round; true where the failure was transient.
    Again(bool),
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

    /// Puts an event aside that could not even be read from the bus; the caller tries again where this fails.
    pub async fn bury_unreadable(&self, envelope: &Envelope, detail: &str) -> sluice_kernel::PortResult<DeadLetter> {
        let error = HandlerError { kind: ErrorKind::Invalid, code: "unreadable_event", detail: detail.to_owned() };
        let letter = self.letter(envelope, 1, &error);
        self.dead_letters.keep(&letter).await?;
        self.tell_buried(&letter);
        Ok(letter)
    }

    /// Returns the events that became dead letters, once all of `batch` is settled; `None` when `stop` came first
    /// (the batch is then unsettled and must come again).
    pub async fn settle(&self, batch: &[Envelope], stop: &CancellationToken) -> Option<Vec<DeadLetter>> {
        if batch.is_empty() {
            return Some(Vec::new());
        }
        // While the whole batch fails transiently it stays whole: no event is the culprit.
        for attempt in 1..=self.policy.max_attempts {
            let Err(error) = self.handler.handle(batch).await else {
                self.count(batch.len(), "handled");
                return Some(Vec::new());
            };
            if !error.kind.is_transient() {
                break;
            }
            if attempt == 1 {
                self.tell_delay(batch.len(), &error);
            }
            self.pause(attempt, stop).await?;
        }
        // One bad event must not hold the others: alone, each shows whether it is the culprit.
        let mut waiting: Vec<Waiting<'_>> = batch.iter().map(|envelope| Waiting { envelope, attempts: 0 }).collect();
        let mut buried = Vec::new();
        let mut round = 0;
        loop {
            waiting = self.round(waiting, &mut buried, stop).await?;
            if waiting.is_empty() {
                return Some(buried);
            }
            round += 1;
            self.pause(round, stop).await?;
        }
    }

    /// Tries each event once, in order, and returns those that must come again.
    async fn round<'a>(
        &self,
        events: Vec<Waiting<'a>>,
        buried: &mut Vec<DeadLetter>,
        stop: &CancellationToken,
    ) -> Option<Vec<Waiting<'a>>> {
        let mut again: Vec<Waiting<'a>> = Vec::new();
        let mut held: HashSet<&'a str> = HashSet::new();
        let mut settled_any = false;
        let mut failures_in_a_row = 0;
        for mut event in events {
            let part_is_away = !settled_any && failures_in_a_row >= MOST_FAILURES_IN_A_ROW;
            if part_is_away || held.contains(event.envelope.key.as_str()) {
                again.push(event);
                continue;
            }
            if stop.is_cancelled() {
                return None;
            }
            match self.try_one(&mut event).await {
                Outcome::Handled => settled_any = true,
                Outcome::Buried(letter) => {
                    settled_any = true;
                    buried.push(*letter);
                }
                Outcome::Again(transient) => {
                    failures_in_a_row += u32::from(transient);
                    held.insert(event.envelope.key.as_str());
                    again.push(event);
                }
            }
        }
        Some(again)
    }

    async fn try_one(&self, event: &mut Waiting<'_>) -> Outcome {
        let Err(error) = self.handler.handle(std::slice::from_ref(event.envelope)).await else {
            self.count(1, "handled");
            return Outcome::Handled;
        };
        let transient = error.kind.is_transient();
        if !transient {
            event.attempts += 1;
        }
        let given_up = error.kind == ErrorKind::Invalid || (!transient && event.attempts >= self.policy.max_attempts);
        if !given_up {
            tracing::debug!(
                consumer.name = self.handler.name(),
                event.id = %event.envelope.id,
                event.attempts = event.attempts,
                error.code = error.code,
                error.detail = %error.detail,
                "An event could not be handled yet."
            );
            return Outcome::Again(transient);
        }
        let letter = self.letter(event.envelope, event.attempts, &error);
        match self.dead_letters.keep(&letter).await {
            Ok(()) => {
                self.tell_buried(&letter);
                Outcome::Buried(Box::new(letter))
            }
            Err(failure) => {
                tracing::warn!(event.id = %event.envelope.id, error = %failure, "A dead letter could not be kept; the event is tried again.");
                Outcome::Again(true)
            }
        }
    }

    /// `None` when `stop` came first.
    async fn pause(&self, attempt: u32, stop: &CancellationToken) -> Option<()> {
        stop.run_until_cancelled(tokio::time::sleep(self.policy.delay(attempt))).await
    }

    fn letter(&self, envelope: &Envelope, attempts: u32, error: &HandlerError) -> DeadLetter {
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

    fn tell_delay(&self, events: usize, error: &HandlerError) {
        tracing::warn!(
            consumer.name = self.handler.name(),
            batch.events = events,
            error.code = error.code,
            error.detail = %error.detail,
            "A consumer cannot go on yet; its events wait."
        );
    }

    fn tell_buried(&self, letter: &DeadLetter) {
        self.count(1, "dead_letter");
        tracing::error!(
            consumer.name = self.handler.name(),
            event.id = %letter.envelope.id,
            event.attempts = letter.attempts,
            error.code = %letter.error_code,
            error.detail = %letter.error_detail,
            "An event was put aside as a dead letter."
        );
    }

    fn count(&self, events: usize, outcome: &'static str) {
        let events = u64::try_from(events).unwrap_or(u64::MAX);
        metrics::counter!("sluice_consumed_events_total", "consumer" => self.handler.name(), "outcome" => outcome)
            .increment(events);
    }
}

#[cfg(test)]
#[path = "dispatcher_tests.rs"]
mod tests;
