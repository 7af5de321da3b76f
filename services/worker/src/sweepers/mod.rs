//! The sweepers: each finishes one kind of thing that a crash, or a part that was away, has left behind. How often each of
//! them looks, and how much it takes in a turn, stands in `work`.

mod adjustments;
mod auto_cancel;
mod callbacks;
mod gate_effects;
mod gauges;
mod housekeeping;
mod parked;
mod points;
mod pushes;
mod records;
mod refunds;
mod reservations;
mod settlements;

use std::{error::Error, pin::pin, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    Shares,
    duty::Duty,
    outage::{Outage, overdue},
};

pub use adjustments::FinishAdjustments;
pub use auto_cancel::Timer;
pub use callbacks::DeliverCallbacks;
pub use gate_effects::TellGate;
pub use gauges::Measure;
pub use housekeeping::DeleteExpired;
pub use parked::RetryParked;
pub use points::RunPoints;
pub use pushes::SendPushes;
pub use records::RecordMissing;
pub use refunds::RetryRefunds;
pub use reservations::ReleaseOrphans;
pub use settlements::{DeductWaiting, SettleWaiting};

/// The longest pause of a sweeper that keeps failing.
const MAX_DELAY: Duration = Duration::from_secs(5);

/// Whether a turn left something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    Done,
    /// The turn was full: the next follows at once.
    More,
}

impl Turn {
    /// A turn that took as much as it may.
    fn of(taken: usize, limit: u32) -> Self {
        if u32::try_from(taken).unwrap_or(u32::MAX) >= limit { Self::More } else { Self::Done }
    }
}

/// One kind of sweeping; a turn is bounded and may be repeated, broken off or run elsewhere at the same time.
#[async_trait]
pub trait Sweep: Send {
    async fn turn(&mut self) -> Result<Turn, Box<dyn Error + Send + Sync>>;
    /// Another process does it from here on.
    fn hand_over(&mut self) {}
}

/// A row of the table: what is swept under which name, and when. It looks after `every` at the latest, at once when `hint`
/// is notified, and only while the duty, where it is one, falls to this process.
pub struct Sweeper {
    name: &'static str,
    every: Duration,
    hint: Option<Arc<Notify>>,
    duty: Option<Duty>,
    sweep: Box<dyn Sweep>,
}

impl Sweeper {
    pub fn everywhere(name: &'static str, every: Duration, hint: &Arc<Notify>, sweep: impl Sweep + 'static) -> Self {
        Self { name, every, hint: Some(hint.clone()), duty: None, sweep: Box::new(sweep) }
    }

    pub fn in_one_worker(name: &'static str, every: Duration, shares: &Shares, sweep: impl Sweep + 'static) -> Self {
        Self { name, every, hint: None, duty: Some(shares.duty(name)), sweep: Box::new(sweep) }
    }

    /// Sweeps until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut outage = Outage::new(self.name, self.every, MAX_DELAY.max(self.every));
        while !stop.is_cancelled() {
            if let Some(duty) = &mut self.duty
                && !duty.is_mine()
            {
                self.sweep.hand_over();
                let _ = stop.run_until_cancelled(duty.falls_to_me()).await;
                continue;
            }
            let finished = {
                let mut overdue = pin!(overdue(&stop));
                tokio::select! {
                    finished = self.sweep.turn() => finished,
                    () = &mut overdue => return,
                }
            };
            let pause = match finished {
                Ok(turn) => {
                    outage.passed();
                    if turn == Turn::More {
                        continue;
                    }
                    self.every
                }
                Err(error) => outage.failed(error.as_ref()),
            };
            let hint = async {
                match &self.hint {
                    Some(hint) => hint.notified().await,
                    None => std::future::pending().await,
                }
            };
            let given_away = async {
                match &mut self.duty {
                    Some(duty) => duty.leaves_me().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
                () = hint => {}
                () = given_away => {}
            }
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
