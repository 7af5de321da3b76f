//! Parked events are tried again: those a consumer could not handle, those the bus did not take, and dead letters that staff
//! replay, which only the consumer that failed gets (docs/adr/0018).

use std::{collections::HashSet, error::Error, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};
use sluice_events::{
    BatchHandler, DeadLetter, Envelope, Fact, HandlerError, Lane, Lasts, Leaving, ParkedEvent, ParkingPlace, Publisher,
    RetryPolicy, Undelivered,
};
use sluice_kernel::{Clock, ErrorKind, PortResult};
use tokio::time::Instant;

use super::{Sweep, Turn};

/// Lanes in one turn, side by side. No more are taken than are worked on: whoever dies keeps the lanes that it took from the
/// others until its hold runs out.
const MAX_LANES: u32 = 8;
/// Events of a lane in one turn.
const MAX_EVENTS: u32 = 500;
/// How long a process keeps a lane to itself: longer than the bus takes to give a message up (10 s) and than `MAX_WORK`.
/// What takes longer still may be done by two, which every consumer bears.
const HOLD: Duration = Duration::from_secs(20);
/// After which the events that are tried one by one are left to the next turn.
const MAX_WORK: Duration = Duration::from_secs(5);
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
        let mut owners: Vec<&str> = self.handlers.iter().map(|handler| handler.name()).collect();
        owners.push(DeadLetter::RELAY);
        let now = self.clock.now();
        let taken = self.parking.store.take_due(&owners, now, now.plus(HOLD), MAX_LANES).await?;
        // Collected first: a stream over a closure that borrows would not be `Send` for every lifetime.
        let tries: Vec<_> = taken.iter().map(|lane| self.lane(lane)).collect();
        let mut tries = stream::iter(tries).buffer_unordered(taken.len().max(1));
        let full = u32::try_from(taken.len()).unwrap_or(u32::MAX) >= MAX_LANES;
        let (mut more, mut failed) = (full, None);
        while let Some(tried) = tries.next().await {
            // A lane whose outcome could not be written comes again when this process's hold runs out; the others go on.
            match tried {
                Ok(goes_on) => more |= goes_on,
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            Some(error) => Err(error.into()),
            None => Ok(if more { Turn::More } else { Turn::Done }),
        }
    }
}

impl RetryParked {
    /// Tries the events of a lane; true where it goes on with others.
    async fn lane(&self, lane: &Lane) -> PortResult<bool> {
        let events = self.parking.store.events(lane, MAX_EVENTS).await?;
        let Fared { leaving, stays } = match self.handlers.iter().find(|handler| handler.name() == lane.owner) {
            Some(handler) => self.handle(handler.as_ref(), events).await,
            None => self.publish(events).await,
        };
        let (mut gone, mark) = (false, self.parking.held.mark());
        if !leaving.is_empty() || stays.is_none() {
            gone = self.parking.store.leave(lane, &leaving, self.clock.now()).await?;
        }
        if gone {
            self.parking.held.remove(&lane.owner, &lane.name, mark);
            tracing::info!(consumer.name = %lane.owner, parked.lane = %lane.name, "Nothing waits in this lane any more.");
        }
        let Some((attempts, error)) = stays else { return Ok(!gone) };
        let tries = if leaving.is_empty() { lane.tries } else { 0 };
        let delay = FIRST_DELAY.saturating_mul(2_u32.saturating_pow(tries.min(16))).min(MAX_DELAY);
        self.parking.store.postpone(lane, attempts, &error, self.clock.now().plus(delay)).await?;
        Ok(false)
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

fn of_event<'a>(undelivered: &'a [Undelivered], event: &ParkedEvent) -> Option<&'a Undelivered> {
    undelivered.iter().find(|failed| failed.envelope.id == event.envelope.id)
}

fn read_fact(envelope: &Envelope) -> Result<Vec<Envelope>, serde_json::Error> {
    serde_json::from_str::<Fact>(&envelope.data)?.envelopes(envelope.traceparent.as_deref())
}

#[cfg(test)]
#[path = "parked_tests.rs"]
mod tests;
