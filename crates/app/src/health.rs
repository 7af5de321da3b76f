//! Readiness: every part is tried as placing an order needs it, and says what stands in the way.
//!
//! Contract: at most one trial of a part is under way, and at most one begins in a second, however often and by how many is
//! asked. Whoever asks is answered within [`PATIENCE`], also where a part is frozen. The words are fit to be shown to
//! anybody; causes go to the log, once for each change.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared, join_all},
};
use sluice_inventory::StockGate;
use sluice_kernel::{Clock, IdGenerator, PortError, PortResult};
use sluice_storage_sql::SqlTrial;
use tokio::time::Instant;

use crate::{HealthProbe, PartHealth, PartState};

/// Tries the bus.
#[async_trait]
pub trait BusProbe: Send + Sync {
    /// What stands in the way of events, in plain words; nothing where all is well. Fails where the bus does not answer.
    async fn probe(&self) -> PortResult<Vec<String>>;
}

/// How long whoever asks waits at most.
const PATIENCE: Duration = Duration::from_secs(2);
/// A trial that was silent for long is looked at for this time again.
const LAST_LOOK: Duration = Duration::from_millis(50);
/// A trial answers for others that ask within this time.
const FRESH: Duration = Duration::from_secs(1);
/// An event that waits longer than this is told of.
const MAX_EVENT_WAIT: Duration = Duration::from_secs(30);

type Trial = Shared<BoxFuture<'static, PartHealth>>;

/// One part and its latest trial.
struct Part {
    name: &'static str,
    /// What its silence means for the process.
    when_away: PartState,
    start: Box<dyn Fn() -> BoxFuture<'static, PartHealth> + Send + Sync>,
    latest: Mutex<Option<(Instant, Trial)>>,
    /// What was logged last.
    logged: Mutex<PartState>,
}

impl Part {
    fn new(
        name: &'static str,
        when_away: PartState,
        start: impl Fn() -> BoxFuture<'static, PartHealth> + Send + Sync + 'static,
    ) -> Self {
        Self { name, when_away, start: Box::new(start), latest: Mutex::default(), logged: Mutex::new(PartState::Up) }
    }

    /// The trial to wait for, and when it began.
    fn trial(&self, now: Instant) -> (Instant, Trial) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((began, trial)) = &*latest
            && (trial.peek().is_none() || now.saturating_duration_since(*began) < FRESH)
        {
            return (*began, trial.clone());
        }
        let (name, when_away) = (self.name, self.when_away);
        // Apart from whoever asks: a trial that is broken off half way could hold something.
        let running = tokio::spawn((self.start)());
        let ended = async move {
            running.await.unwrap_or_else(|_| PartHealth { name, state: when_away, detail: "the trial itself failed".to_owned() })
        };
        let trial = ended.boxed().shared();
        *latest = Some((now, trial.clone()));
        (now, trial)
    }

    async fn ask(&self) -> PartHealth {
        let (began, trial) = self.trial(Instant::now());
        let left = PATIENCE.saturating_sub(began.elapsed()).max(LAST_LOOK);
        let health = match tokio::time::timeout(left, trial).await {
            Ok(health) => health,
            Err(_) => PartHealth {
                name: self.name,
                state: self.when_away,
                detail: format!("no answer within {} s", began.elapsed().as_secs().max(PATIENCE.as_secs())),
            },
        };
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if *logged != health.state {
            match health.state {
                PartState::Up => tracing::info!(part = self.name, detail = %health.detail, "A part is well again."),
                PartState::Degraded | PartState::Down => {
                    tracing::warn!(part = self.name, detail = %health.detail, "A part is not well.");
                }
            }
            *logged = health.state;
        }
        health
    }
}

/// What is tried, and what each part's trouble means.
pub struct Readiness {
    parts: Vec<Part>,
}

impl Readiness {
    /// `bus` is `None` for the bus inside the process.
    pub(crate) fn new(
        trial: SqlTrial,
        gate: Arc<dyn StockGate>,
        bus: Option<Arc<dyn BusProbe>>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGenerator>,
    ) -> Self {
        let (writing, events, now) = (trial.clone(), trial, clock.clone());
        let database = move || try_database(writing.clone(), now.clone(), ids.clone()).boxed();
        let outbox = move || try_outbox(events.clone(), clock.clone()).boxed();
        Self {
            parts: vec![
                Part::new("database", PartState::Down, database),
                Part::new("gate", PartState::Down, move || try_gate(gate.clone()).boxed()),
                Part::new("bus", PartState::Degraded, move || try_bus(bus.clone()).boxed()),
                Part::new("outbox", PartState::Degraded, outbox),
            ],
        }
    }
}

#[async_trait]
impl HealthProbe for Readiness {
    async fn check(&self) -> Vec<PartHealth> {
        join_all(self.parts.iter().map(Part::ask)).await
    }
}

fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn away(name: &'static str, state: PartState, error: &PortError) -> PartHealth {
    tracing::debug!(part = name, error = %with_causes(error), "A part could not be tried.");
    PartHealth { name, state, detail: error.to_string() }
}

/// Orders can be written: anything else is told before a buyer meets it.
async fn try_database(trial: SqlTrial, clock: Arc<dyn Clock>, ids: Arc<dyn IdGenerator>) -> PartHealth {
    let mut name = [0; 16];
    for (byte, random) in name.iter_mut().zip(ids.token().bytes().rev()) {
        *byte = random;
    }
    match trial.write(name, clock.now()).await {
        Ok(()) => PartHealth { name: "database", state: PartState::Up, detail: "takes orders".to_owned() },
        Err(failed) => {
            tracing::debug!(error = %with_causes(&failed), "The database does not take orders.");
            PartHealth { name: "database", state: PartState::Down, detail: failed.words.to_owned() }
        }
    }
}

async fn try_gate(gate: Arc<dyn StockGate>) -> PartHealth {
    match gate.status().await {
        Ok(status) => {
            let mut detail = format!("{}, epoch {}", status.kind, status.epoch);
            if !status.open {
                detail.push_str(", closed");
            }
            let state = if status.open && status.trouble.is_none() { PartState::Up } else { PartState::Down };
            if let Some(trouble) = status.trouble {
                detail = format!("{detail}: {trouble}");
            }
            PartHealth { name: "gate", state, detail }
        }
        Err(error) => away("gate", PartState::Down, &error),
    }
}

async fn try_bus(bus: Option<Arc<dyn BusProbe>>) -> PartHealth {
    let Some(bus) = bus else {
        return PartHealth { name: "bus", state: PartState::Up, detail: "inside the process".to_owned() };
    };
    match bus.probe().await {
        Ok(troubles) if troubles.is_empty() => PartHealth { name: "bus", state: PartState::Up, detail: "answers".to_owned() },
        Ok(troubles) => PartHealth { name: "bus", state: PartState::Degraded, detail: troubles.join("; ") },
        Err(error) => away("bus", PartState::Degraded, &error),
    }
}

/// Orders flow while events wait; one that never leaves is told of all the same.
async fn try_outbox(trial: SqlTrial, clock: Arc<dyn Clock>) -> PartHealth {
    match trial.oldest_event().await {
        Ok(None) => PartHealth { name: "outbox", state: PartState::Up, detail: "empty".to_owned() },
        Ok(Some(due)) => {
            let waited = clock.now().since(due);
            let state = if waited > MAX_EVENT_WAIT { PartState::Degraded } else { PartState::Up };
            PartHealth { name: "outbox", state, detail: format!("the oldest event waits for {} s", waited.as_secs()) }
        }
        Err(error) => away("outbox", PartState::Degraded, &error),
    }
}

#[cfg(test)]
#[path = "health_tests.rs"]
mod tests;
