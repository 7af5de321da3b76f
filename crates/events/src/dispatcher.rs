//! The dispatcher both buses share: bounded retries with backoff, then an event steps aside.
//!
//! A handler's error says what to do by its kind alone. What is transient (a part that is away) never becomes a dead letter:
//! the batch is tried whole, then each event alone; where others go on meanwhile, or nobody does for long although the
//! database is there, the events that cannot are parked, to be tried again apart from their topic (see
//! [`crate::ParkedStore`]). Conflicts and defects are tried a bounded number of times, and what can never be read is put
//! aside at once, as dead letters. Nothing is dropped; an event that must wait holds only those of its own key.

use std::{collections::HashSet, sync::Arc, time::Duration};

use sluice_kernel::{Classified as _, Clock, ErrorKind, PortResult};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{BatchHandler, DeadLetter, DeadLetterStore, Envelope, HandlerError, MAX_LANES, Parking, ParkingPlace, lane_of_key};

#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// Tries of an event before it becomes a dead letter, where the failure is not transient.
    pub max_attempts: u32,
    pub first_delay: Duration,
    pub max_delay: Duration,
    /// How long an event may hold up its batch while others go on, or where it is one of few; then it is parked.
    pub park_after: Duration,
    /// How long a batch of many keys may be held up of which none can go on: a part is probably away for all of them.
    pub park_all_after: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 5,
            first_delay: Duration::from_millis(50),
            max_delay: Duration::from_secs(2),
            park_after: Duration::from_secs(2),
            park_all_after: Duration::from_secs(20),
        }
    }
}

impl RetryPolicy {
    pub fn delay(&self, attempt: u32) -> Duration {
        self.first_delay.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1))).min(self.max_delay)
    }
}

/// Transient failures in a row, with no success before them, after which a round ends early: the part is probably away for
/// all of them, and asking for each would only add load and delay. The next round begins with those that were not asked for.
const MAX_FAILURES_IN_A_ROW: u32 = 8;
/// From so many keys on of which none goes on, a part counts as away for all.
const MAX_KEYS_ALONE: usize = 8;

/// Runs a handler over batches until each event is handled, parked or kept as a dead letter.
pub struct Dispatcher {
    handler: Arc<dyn BatchHandler>,
    dead_letters: Arc<dyn DeadLetterStore>,
    parking: ParkingPlace,
    clock: Arc<dyn Clock>,
    policy: RetryPolicy,
}

/// An event of a failed batch that is not settled yet.
struct Waiting<'a> {
    envelope: &'a Envelope,
    /// Tries that failed otherwise than transiently.
    attempts: u32,
}

/// How far a failed batch has come.
#[derive(Default)]
struct Progress {
    dead_letters: Vec<DeadLetter>,
    /// Some event could go on.
    settled_any: bool,
    /// Some event was not tried alone yet.
    untried: bool,
    last_error: String,
}

enum Outcome {
    Handled,
    Buried(Box<DeadLetter>),
    /// Comes again in the next round.
    Again(HandlerError),
}

impl Dispatcher {
    pub fn new(
        handler: Arc<dyn BatchHandler>,
        dead_letters: Arc<dyn DeadLetterStore>,
        parking: ParkingPlace,
        clock: Arc<dyn Clock>,
        policy: RetryPolicy,
    ) -> Self {
        Self { handler, dead_letters, parking, clock, policy }
    }

    pub fn handler(&self) -> &Arc<dyn BatchHandler> {
        &self.handler
    }

    /// To be called before the first batch of a topic's part that another process worked on until now: what it parked must
    /// not be overtaken.
    pub async fn takes_over(&self) -> PortResult<()> {
        self.parking.look().await
    }

    /// Puts an event aside that could not even be read from the bus; the caller tries again where this fails.
    pub async fn dead_letter_unreadable(&self, envelope: &Envelope, detail: &str) -> PortResult<DeadLetter> {
        let error = HandlerError { kind: ErrorKind::Invalid, code: "unreadable_event", detail: detail.to_owned() };
        self.dead_letter(self.letter(envelope, 1, &error)).await
    }

    /// Returns the events that became dead letters, once all of `batch` is settled; `None` when `stop` came first
    /// (the batch is then unsettled and must come again).
    pub async fn settle(&self, batch: &[Envelope], stop: &CancellationToken) -> Option<Vec<DeadLetter>> {
        if self.parking.held.none() {
            return self.settle_free(batch, stop).await;
        }
        let name = self.handler.name();
        let waits = |envelope: &&Envelope| self.parking.held.holds(name, &lane_of_key(&envelope.key));
        let (behind, free): (Vec<&Envelope>, Vec<&Envelope>) = batch.iter().partition(waits);
        if behind.is_empty() {
            return self.settle_free(batch, stop).await;
        }
        let behind: Vec<Parking> = behind.into_iter().map(|envelope| parking(envelope, 0)).collect();
        self.park_in_time(&behind, stop).await?;
        let free: Vec<Envelope> = free.into_iter().cloned().collect();
        self.settle_free(&free, stop).await
    }

    /// Settles events behind which nobody waits.
    async fn settle_free(&self, batch: &[Envelope], stop: &CancellationToken) -> Option<Vec<DeadLetter>> {
        if batch.is_empty() {
            return Some(Vec::new());
        }
        let begun = Instant::now();
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
        let mut progress = Progress::default();
        let mut round = 0;
        loop {
            waiting = self.round(waiting, &mut progress, stop).await?;
            if waiting.is_empty() || (self.may_park(&waiting, &progress, begun) && self.park(&waiting, &progress).await) {
                return Some(progress.dead_letters);
            }
            round += 1;
            self.pause(if progress.untried { 1 } else { round }, stop).await?;
        }
    }

    /// Tries each event once, in order, and returns those that must come again: first those that were not tried. Events of
    /// one key keep their order.
    async fn round<'a>(
        &self,
        events: Vec<Waiting<'a>>,
        progress: &mut Progress,
        stop: &CancellationToken,
    ) -> Option<Vec<Waiting<'a>>> {
        let (mut untried, mut failed): (Vec<Waiting<'a>>, Vec<Waiting<'a>>) = (Vec::new(), Vec::new());
        let mut held: HashSet<&'a str> = HashSet::new();
        let mut settled_any = false;
        let mut failures_in_a_row = 0;
        for mut event in events {
            if held.contains(event.envelope.key.as_str()) {
                failed.push(event);
                continue;
            }
            if !settled_any && failures_in_a_row >= MAX_FAILURES_IN_A_ROW {
                untried.push(event);
                continue;
            }
            if stop.is_cancelled() {
                return None;
            }
            match self.try_one(&mut event).await {
                Outcome::Handled => settled_any = true,
                Outcome::Buried(letter) => {
                    settled_any = true;
                    progress.dead_letters.push(*letter);
                }
                Outcome::Again(error) => {
                    failures_in_a_row += u32::from(error.kind.is_transient());
                    held.insert(event.envelope.key.as_str());
                    failed.push(event);
                    progress.last_error = error.to_string();
                }
            }
        }
        progress.settled_any |= settled_any;
        progress.untried = !untried.is_empty();
        untried.append(&mut failed);
        Some(untried)
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
            return Outcome::Again(error);
        }
        match self.dead_letter(self.letter(event.envelope, event.attempts, &error)).await {
            Ok(letter) => Outcome::Buried(Box::new(letter)),
            Err(failure) => {
                tracing::warn!(event.id = %event.envelope.id, error = %failure, "A dead letter could not be kept; the event is tried again.");
                Outcome::Again(failure.into())
            }
        }
    }

    /// Keeps a letter for staff. Only where the store is away is that an error: a letter that cannot be kept as it is, is
    /// kept without its payload, and one that cannot be kept at all is told of in the log and holds up nobody.
    async fn dead_letter(&self, letter: DeadLetter) -> PortResult<DeadLetter> {
        let Err(refused) = self.dead_letters.keep(&letter).await else {
            self.tell_dead_letter(&letter);
            return Ok(letter);
        };
        if refused.kind().is_transient() {
            return Err(refused);
        }
        let bytes = letter.envelope.data.len();
        let mut bare = letter.clone();
        bare.envelope.data = format!("\"the payload of {bytes} bytes could not be kept\"");
        match self.dead_letters.keep(&bare).await {
            Err(failure) if failure.kind().is_transient() => return Err(failure),
            Err(failure) => self.tell_lost(&letter, &failure),
            Ok(()) => self.tell_dead_letter(&letter),
        }
        Ok(letter)
    }

    fn may_park(&self, waiting: &[Waiting<'_>], progress: &Progress, begun: Instant) -> bool {
        // A few keys that fail say nothing of the others, and cost little where it was everybody's trouble after all.
        let keys: HashSet<&str> = waiting.iter().map(|event| event.envelope.key.as_str()).collect();
        let alone = progress.settled_any || keys.len() < MAX_KEYS_ALONE;
        let patience = if alone { self.policy.park_after } else { self.policy.park_all_after };
        !progress.untried && begun.elapsed() >= patience && self.parking.held.count(self.handler.name()) < MAX_LANES
    }

    /// False where the store is away: then nobody can go on, and the events wait where they are.
    async fn park(&self, waiting: &[Waiting<'_>], progress: &Progress) -> bool {
        let events: Vec<Parking> = waiting.iter().map(|event| parking(event.envelope, event.attempts)).collect();
        let (now, name) = (self.clock.now(), self.handler.name());
        let next_try = now.plus(self.policy.max_delay);
        if let Err(error) = self.parking.park(name, &events, &progress.last_error, now, next_try).await {
            tracing::debug!(consumer.name = name, error = %error, "Events could not be parked; they are tried where they are.");
            return false;
        }
        self.count(events.len(), "parked");
        tracing::warn!(
            consumer.name = name,
            batch.events = events.len(),
            error.detail = %progress.last_error,
            "Events cannot be handled yet and are parked; others go on."
        );
        true
    }

    /// Parks events behind those that wait already, for as long as it takes; `None` when `stop` came first.
    async fn park_in_time(&self, events: &[Parking], stop: &CancellationToken) -> Option<()> {
        let mut attempt = 0;
        loop {
            let (now, name) = (self.clock.now(), self.handler.name());
            let Err(error) = self.parking.park(name, events, "it waits for an event before it", now, now).await else {
                self.count(events.len(), "parked");
                return Some(());
            };
            tracing::debug!(consumer.name = name, error = %error, "Events could not be parked; they wait.");
            attempt += 1;
            self.pause(attempt, stop).await?;
        }
    }

    /// `None` when `stop` came first.
    async fn pause(&self, attempt: u32, stop: &CancellationToken) -> Option<()> {
        stop.run_until_cancelled(tokio::time::sleep(self.policy.delay(attempt))).await
    }

    fn letter(&self, envelope: &Envelope, attempts: u32, error: &HandlerError) -> DeadLetter {
        DeadLetter::fresh(self.handler.name(), envelope.clone(), attempts, error.code, &error.detail, self.clock.now())
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

    fn tell_dead_letter(&self, letter: &DeadLetter) {
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

    fn tell_lost(&self, letter: &DeadLetter, failure: &sluice_kernel::PortError) {
        self.count(1, "unkept_dead_letter");
        tracing::error!(
            consumer.name = self.handler.name(),
            event.id = %letter.envelope.id.chars().take(MAX_TOLD).collect::<String>(),
            event.key = %letter.envelope.key.chars().take(MAX_TOLD).collect::<String>(),
            event.data = %letter.envelope.data.chars().take(MAX_TOLD).collect::<String>(),
            error.code = %letter.error_code,
            error.detail = %letter.error_detail,
            error = %failure,
            "An event can neither be handled nor be kept as a dead letter; it is left out."
        );
    }

    fn count(&self, events: usize, outcome: &'static str) {
        let events = u64::try_from(events).unwrap_or(u64::MAX);
        metrics::counter!("sluice_consumed_events_total", "consumer" => self.handler.name(), "outcome" => outcome)
            .increment(events);
    }
}

/// Characters of an event's parts that the log tells where the event is left out.
const MAX_TOLD: usize = 2_000;

fn parking(envelope: &Envelope, attempts: u32) -> Parking {
    Parking { lane: lane_of_key(&envelope.key), envelope: envelope.clone(), attempts }
}

#[cfg(test)]
#[path = "dispatcher_tests.rs"]
mod tests;
