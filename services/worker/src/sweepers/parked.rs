//! Parked events are tried again: those a consumer could not handle, those the bus did not take, and dead letters that staff
//! replay, which only the consumer that failed gets (docs/adr/0018).

use std::{collections::HashSet, error::Error, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use sluice_events::{
    BatchHandler, DeadLetter, Envelope, Fact, HandlerError, Lane, Lasts, Leaving, ParkedEvent, ParkingPlace, Publisher,
    RetryPolicy, Undelivered,
};
use sluice_kernel::{Classified as _, Clock, ErrorKind, PortResult};
use tokio::time::Instant;

use super::{Sweep, Turn};

/// Lanes side by side, of consumers and of the relay each. No more are taken than are worked on: whoever dies keeps the lanes
/// that it took from the others until its hold runs out.
const MAX_LANES: usize = 8;
/// How long a turn takes lanes, and how long it waits for one to end before it looks for others that have come due.
const MAX_TURN: Duration = Duration::from_secs(10);
const TAKE_AGAIN: Duration = Duration::from_millis(500);
/// Events of a lane in one turn.
const MAX_EVENTS: u32 = 500;
/// How long a process keeps a lane to itself: longer than the bus takes to give a message up (10 s for room in its queue, and
/// 10 s on the way) and than `MAX_WORK`. What takes longer still may be done by two, which every consumer bears.
const HOLD: Duration = Duration::from_secs(30);
/// After which the events that are tried one by one are left to the next turn.
const MAX_WORK: Duration = Duration::from_secs(5);
/// How long the store is left alone after it failed.
const ASK_AGAIN: Duration = Duration::from_millis(250);
const FIRST_DELAY: Duration = Duration::from_secs(1);
const MAX_DELAY: Duration = Duration::from_secs(15);
/// How long a message waits for a right to be published.
const MAX_BARRED: Duration = Duration::from_mins(10);

pub struct RetryParked {
    pub parking: ParkingPlace,
    /// The consumers of this process.
    pub handlers: Vec<Arc<dyn BatchHandler>>,
    pub publisher: Arc<dyn Publisher>,
    pub clock: Arc<dyn Clock>,
    pub policy: RetryPolicy,
}

/// How the events of a lane fared, from the oldest on.
#[derive(Default)]
struct Fared {
    leaving: Vec<Leaving>,
    /// Why the oldest of those that stay could not go on, and its tries that failed otherwise than in passing.
    stays: Option<(u32, String)>,
}

#[async_trait]
impl Sweep for RetryParked {
    async fn turn(&mut self) -> Result<Turn, Box<dyn Error + Send + Sync>> {
        self.parking.look().await?;
        for (owner, lanes) in self.parking.held.by_owner() {
            metrics::gauge!("sluice_parked_lanes", "owner" => owner).set(f64::from(u32::try_from(lanes).unwrap_or(u32::MAX)));
        }
        if self.parking.held.none() {
            return Ok(Turn::Done);
        }
        let consumers: Vec<&str> = self.handlers.iter().map(|handler| handler.name()).collect();
        // A bus that takes long to refuse holds up no consumer.
        let (handled, published) = tokio::join!(self.try_lanes(&consumers), self.try_lanes(&[DeadLetter::RELAY]));
        Ok(if handled? | published? { Turn::More } else { Turn::Done })
    }
}

impl RetryParked {
    /// Tries the lanes of these owners that are due, until none is left or the turn's time is over. A lane that takes long
    /// holds up no other. True where events have left a lane.
    async fn try_lanes(&self, owners: &[&str]) -> PortResult<bool> {
        let end = Instant::now() + MAX_TURN;
        let mut trying = FuturesUnordered::new();
        let (mut went_on, mut failed) = (false, None);
        loop {
            let free = u32::try_from(MAX_LANES.saturating_sub(trying.len())).unwrap_or(0);
            if free > 0 && failed.is_none() && Instant::now() < end {
                let now = self.clock.now();
                let hold_ends = Instant::now() + HOLD;
                match self.parking.store.take_due(owners, now, now.plus(HOLD), free).await {
                    Ok(taken) => trying.extend(taken.into_iter().map(|lane| self.lane(lane, hold_ends))),
                    Err(error) => failed = Some(error),
                }
            }
            if trying.is_empty() {
                return failed.map_or(Ok(went_on), Err);
            }
            match tokio::time::timeout(TAKE_AGAIN, trying.next()).await {
                Ok(Some(Ok(left))) => went_on |= left,
                // Its outcome could not be written while the lane was held: it comes again, and the others go on.
                Ok(Some(Err(error))) => failed = Some(error),
                Ok(None) | Err(_) => {}
            }
        }
    }

    /// Tries the events of a lane; true where some have left it.
    async fn lane(&self, lane: Lane, hold_ends: Instant) -> PortResult<bool> {
        let (lane, store) = (&lane, &self.parking.store);
        let events = until(hold_ends, || store.events(lane, MAX_EVENTS)).await?;
        let Fared { leaving, stays } = match self.handlers.iter().find(|handler| handler.name() == lane.owner) {
            Some(handler) => self.handle(handler.as_ref(), events).await,
            None => self.publish(events).await,
        };
        let (mut gone, mark) = (false, self.parking.held.mark());
        if !leaving.is_empty() || stays.is_none() {
            gone = until(hold_ends, || store.leave(lane, &leaving, self.clock.now())).await?;
        }
        if gone {
            self.parking.held.remove(&lane.owner, &lane.name, mark);
            tracing::info!(consumer.name = %lane.owner, parked.lane = %lane.name, "Nothing waits in this lane any more.");
        }
        let left = !leaving.is_empty();
        let Some((attempts, error)) = stays else { return Ok(left) };
        let tries = if left { 0 } else { lane.tries };
        let delay = FIRST_DELAY.saturating_mul(2_u32.saturating_pow(tries.min(16))).min(MAX_DELAY);
        let next_try = self.clock.now().plus(delay);
        until(hold_ends, || store.postpone(lane, attempts, &error, next_try)).await?;
        Ok(left)
    }

    async fn handle(&self, handler: &dyn BatchHandler, events: Vec<ParkedEvent>) -> Fared {
        let may_go_together = events.iter().all(|event| self.refuses(handler, event).is_none());
        if may_go_together && events.len() > 1 {
            let envelopes: Vec<Envelope> = events.iter().map(|event| event.envelope.clone()).collect();
            if handler.handle(&envelopes).await.is_ok() {
                let leaving = events.into_iter().map(|event| Leaving { event, dead_letter: None });
                return Fared { leaving: leaving.collect(), stays: None };
            }
        }
        let (mut fared, began) = (Fared::default(), Instant::now());
        for event in events {
            if began.elapsed() >= MAX_WORK {
                break;
            }
            let mut tries = 0;
            let ended = loop {
                let Err(error) = self.try_one(handler, &event).await else { break Ok(()) };
                if error.kind.is_transient() {
                    break Err((false, error));
                }
                tries += 1;
                if error.kind == ErrorKind::Invalid || event.attempts.saturating_add(tries) >= self.policy.max_attempts {
                    break Err((true, error));
                }
                tokio::time::sleep(self.policy.delay(tries)).await;
            };
            let attempts = event.attempts.saturating_add(tries);
            let dead_letter = match ended {
                Ok(()) => None,
                Err((true, error)) => Some(self.letter(handler.name(), &event, attempts, error.code, &error.detail)),
                Err((false, error)) => {
                    fared.stays = Some((attempts, error.to_string()));
                    break;
                }
            };
            fared.leaving.push(Leaving { event, dead_letter });
        }
        fared
    }

    async fn try_one(&self, handler: &dyn BatchHandler, event: &ParkedEvent) -> Result<(), HandlerError> {
        match self.refuses(handler, event) {
            Some(refused) => Err(refused),
            None => handler.handle(std::slice::from_ref(&event.envelope)).await,
        }
    }

    /// Why an event is not even tried.
    fn refuses(&self, handler: &dyn BatchHandler, event: &ParkedEvent) -> Option<HandlerError> {
        if event.envelope.kind == Envelope::UNREADABLE {
            let detail = "what came is no event of ours and cannot be handled".to_owned();
            return Some(HandlerError { kind: ErrorKind::Invalid, code: "unreadable_event", detail });
        }
        let known_for = handler.knows_events_for()?;
        let forgotten = event.letter.is_some() && self.clock.now().since(event.envelope.time) >= known_for;
        forgotten.then(|| HandlerError {
            kind: ErrorKind::Invalid,
            code: "too_old_to_replay",
            detail: format!(
                "after {} days it is not known any more whether this event was handled when it came another time",
                known_for.as_secs() / 86_400
            ),
        })
    }

    /// Publishes what the relay could not.
    async fn publish(&self, events: Vec<ParkedEvent>) -> Fared {
        let mut fared = Fared::default();
        let (facts, events): (Vec<ParkedEvent>, Vec<ParkedEvent>) =
            events.into_iter().partition(|event| event.envelope.kind == Envelope::UNREADABLE_FACT);
        for event in facts {
            let failure = match read_fact(&event.envelope) {
                Ok(messages) => self.publisher.publish(messages).await.into_iter().next().map(|undelivered| undelivered.error),
                Err(error) => {
                    let letter = self.letter(DeadLetter::RELAY, &event, 1, "unreadable_fact", &error.to_string());
                    fared.leaving.push(Leaving { event, dead_letter: Some(letter) });
                    continue;
                }
            };
            let letter = failure.map(|error| self.letter(DeadLetter::RELAY, &event, 1, error.code, &error.detail));
            fared.leaving.push(Leaving { event, dead_letter: letter });
        }
        let envelopes: Vec<Envelope> = events.iter().map(|event| event.envelope.clone()).collect();
        let undelivered = self.publisher.publish(envelopes).await;
        let failed: HashSet<&str> = undelivered.iter().map(|event| event.envelope.id.as_str()).collect();
        for event in events {
            let failure = failed.contains(event.envelope.id.as_str()).then(|| of_event(&undelivered, &event)).flatten();
            let Some(Undelivered { error, .. }) = failure else {
                fared.leaving.push(Leaving { event, dead_letter: None });
                continue;
            };
            let barred = error.lasts == Lasts::Barred && self.clock.now().since(event.parked_at) >= MAX_BARRED;
            if error.lasts == Lasts::Forever || barred {
                let letter = self.letter(DeadLetter::RELAY, &event, event.attempts.saturating_add(1), error.code, &error.detail);
                fared.leaving.push(Leaving { event, dead_letter: Some(letter) });
            } else if fared.stays.is_none() {
                fared.stays = Some((event.attempts, error.to_string()));
            }
        }
        fared
    }

    fn letter(&self, owner: &str, event: &ParkedEvent, attempts: u32, code: &str, detail: &str) -> DeadLetter {
        tracing::error!(
            consumer.name = owner,
            event.id = %event.envelope.id,
            event.attempts = attempts,
            error.code = code,
            error.detail = detail,
            "A parked event was put aside as a dead letter."
        );
        DeadLetter::fresh(owner, event.envelope.clone(), attempts, code, detail, self.clock.now())
    }
}

/// Asks the store again while the lane is held: an outcome that is lost with a connection would leave the lane to nobody
/// until the hold runs out.
async fn until<T, F: Future<Output = PortResult<T>>>(hold_ends: Instant, ask: impl Fn() -> F) -> PortResult<T> {
    loop {
        match ask().await {
            Err(error) if error.kind().is_transient() && Instant::now() + ASK_AGAIN < hold_ends => {
                tracing::debug!(error = %error, "The store of parked events is asked again.");
                tokio::time::sleep(ASK_AGAIN).await;
            }
            answer => return answer,
        }
    }
}

fn of_event<'a>(undelivered: &'a [Undelivered], event: &ParkedEvent) -> Option<&'a Undelivered> {
    undelivered.iter().find(|failed| failed.envelope.id == event.envelope.id)
}

fn read_fact(envelope: &Envelope) -> Result<Vec<Envelope>, serde_json::Error> {
    serde_json::from_str::<Fact>(&envelope.data)?.envelopes(envelope.traceparent.as_deref())
}

#[cfg(test)]
#[path = "parked_tests.rs"]
mod tests;
