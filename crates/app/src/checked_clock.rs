//! The shop's time: the database's, carried on between two looks by a clock that nobody sets.
//!
//! Contract: processes of one shop agree on what time it is, whatever their machines' clocks say or are set to. A small
//! difference from the database is followed in small steps, which order numbers bear. A large one is believed only after it
//! has stood for [`HOLD`]: a clock that is wrong for some seconds, the database's own too, moves no deadline.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use sluice_kernel::{Clock, PortResult, SteadyClock, SystemClock, Timestamp};
use sluice_storage_sql::Database;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{HealthProbe, PartHealth, PartState};

/// A difference up to this is followed; beyond it somebody has set a clock.
const MAX_DRIFT: Duration = Duration::from_secs(2);
/// How long a set clock must keep its new time to be believed.
pub(crate) const HOLD: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// At most so much of a difference is made up for by one look.
const MAX_FOLLOWED: Duration = Duration::from_millis(500);
/// An answer that took longer says too little about when it was given.
const MAX_ROUND_TRIP: Duration = Duration::from_secs(1);
const LOOKS_AT_START: usize = 3;

/// One look at the database's clock; `asked` and `answered` by the clock that runs on.
#[derive(Debug, Clone, Copy)]
struct Look {
    asked: Timestamp,
    answered: Timestamp,
    database: Timestamp,
}

impl Look {
    fn round_trip(&self) -> Duration {
        self.answered.since(self.asked)
    }

    /// Milliseconds by which the database is ahead of the running clock.
    fn ahead(&self) -> i64 {
        let middle = self.asked.plus(self.round_trip() / 2);
        self.database.as_millis().saturating_sub(middle.as_millis())
    }
}

/// A large difference, and when it was first seen.
#[derive(Debug, Clone, Copy)]
struct Doubt {
    difference: i64,
    since: Timestamp,
}

#[derive(Debug, Default)]
struct Seen {
    doubt: Option<Doubt>,
    /// Milliseconds by which the machine's clock was ahead of the shop's time when that was last said in the log.
    told: i64,
}

pub struct CheckedClock {
    running: Arc<dyn Clock>,
    machine: Arc<dyn Clock>,
    /// Milliseconds between the running clock and the shop's time.
    offset: AtomicI64,
    seen: Mutex<Seen>,
    set: Notify,
}

impl Clock for CheckedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.running.now().as_millis().saturating_add(self.offset.load(Ordering::Acquire)))
    }
}

impl CheckedClock {
    /// With the database's time from the first moment.
    pub async fn start(database: &Database) -> PortResult<Arc<Self>> {
        let clock = Self::over(Arc::new(SteadyClock::start()), Arc::new(SystemClock));
        let mut best = clock.look(database).await?;
        for _ in 1..LOOKS_AT_START {
            let next = clock.look(database).await?;
            if next.round_trip() < best.round_trip() {
                best = next;
            }
        }
        clock.offset.store(best.ahead(), Ordering::Release);
        clock.tell();
        Ok(Arc::new(clock))
    }

    fn over(running: Arc<dyn Clock>, machine: Arc<dyn Clock>) -> Self {
        Self { running, machine, offset: AtomicI64::new(0), seen: Mutex::default(), set: Notify::new() }
    }

    /// Looks at the database's clock until `stop`. While the database is away time runs on.
    pub async fn keep(self: Arc<Self>, database: Database, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
            match self.look(&database).await {
                Ok(look) => self.take(look),
                Err(error) => tracing::debug!(error = %error, "The database was not asked for the time."),
            }
            self.tell();
        }
    }

    /// Notified after the time was set: leases and whatever else was written by the former time may have to be looked at.
    pub fn was_set(&self) -> &Notify {
        &self.set
    }

    /// False while the database's clock says something that is not believed yet.
    pub fn is_settled(&self) -> bool {
        self.seen().doubt.is_none()
    }

    async fn look(&self, database: &Database) -> PortResult<Look> {
        let asked = self.running.now();
        let told = database.time().await?;
        Ok(Look { asked, answered: self.running.now(), database: told })
    }

    fn take(&self, look: Look) {
        if look.round_trip() > MAX_ROUND_TRIP {
            return;
        }
        let difference = look.ahead().saturating_sub(self.offset.load(Ordering::Acquire));
        if difference.unsigned_abs() <= millis(MAX_DRIFT).unsigned_abs() {
            self.seen().doubt = None;
            // What the round trip leaves open is no difference.
            if difference.unsigned_abs() > millis(look.round_trip()).unsigned_abs() {
                let step = difference.clamp(-millis(MAX_FOLLOWED), millis(MAX_FOLLOWED));
                self.offset.fetch_add(step, Ordering::AcqRel);
            }
            return;
        }
        let mut seen = self.seen();
        let same = |doubt: &Doubt| doubt.difference.abs_diff(difference) <= millis(MAX_DRIFT).unsigned_abs();
        match seen.doubt.filter(same) {
            Some(doubt) if look.answered.since(doubt.since) >= HOLD => {
                seen.doubt = None;
                drop(seen);
                self.offset.fetch_add(difference, Ordering::AcqRel);
                tracing::warn!(clock.step_ms = difference, "The database's clock was set, and the shop's time follows it.");
                self.set.notify_one();
            }
            Some(_) => {}
            None => {
                seen.doubt = Some(Doubt { difference, since: look.answered });
                drop(seen);
                tracing::warn!(
                    clock.step_ms = difference,
                    clock.believed_after_s = HOLD.as_secs(),
                    "The database's clock was set; the shop's time runs on until that has stood for a while."
                );
            }
        }
    }

    /// Milliseconds by which the machine's clock is ahead of the shop's time.
    fn machine_ahead(&self) -> i64 {
        self.machine.now().as_millis().saturating_sub(self.now().as_millis())
    }

    /// A gauge each time, a line once for each change.
    fn tell(&self) {
        let ahead = self.machine_ahead();
        let size = Duration::from_millis(ahead.unsigned_abs()).as_secs_f64();
        metrics::gauge!("sluice_clock_ahead_seconds").set(size.copysign(if ahead < 0 { -1.0 } else { 1.0 }));
        let mut seen = self.seen();
        if ahead.abs_diff(seen.told) <= millis(MAX_DRIFT).unsigned_abs() {
            return;
        }
        let is_right = ahead.unsigned_abs() <= millis(MAX_DRIFT).unsigned_abs();
        seen.told = if is_right { 0 } else { ahead };
        drop(seen);
        if is_right {
            tracing::info!(clock.ahead_ms = ahead, "The machine's clock agrees with the database's again.");
        } else {
            tracing::warn!(clock.ahead_ms = ahead, "The machine's clock is wrong; deadlines and leases go by the database's.");
        }
    }

    fn health(&self) -> PartHealth {
        let doubt = self.seen().doubt;
        let ahead = self.machine_ahead();
        let is_right = ahead.unsigned_abs() <= millis(MAX_DRIFT).unsigned_abs();
        let mut detail = format!("the machine's clock is {} the database's", Difference(ahead));
        if let Some(doubt) = doubt {
            detail = format!("the database's clock was set, it is {} the shop's time", Difference(doubt.difference));
        }
        let state = if doubt.is_none() && is_right { PartState::Up } else { PartState::Degraded };
        PartHealth { name: "clock", state, detail }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `1200 ms ahead of`, `300 ms behind`
struct Difference(i64);

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms {}", self.0.unsigned_abs(), if self.0 < 0 { "behind" } else { "ahead of" })
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// Readiness that names the clock beside the other parts.
pub(crate) struct WithClock {
    pub(crate) parts: Arc<dyn HealthProbe>,
    pub(crate) clock: Arc<CheckedClock>,
}

#[async_trait]
impl HealthProbe for WithClock {
    async fn check(&self) -> Vec<PartHealth> {
        let mut parts = self.parts.check().await;
        parts.push(self.clock.health());
        parts
    }
}

#[cfg(test)]
#[path = "checked_clock_tests.rs"]
mod tests;
