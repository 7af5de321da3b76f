//! The sweepers: each finishes one kind of thing that a crash, or a part that was away, has left behind.

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
use sluice_app::Shop;
use tokio::{sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    Hints, Shares, WorkerSettings,
    duty::Duty,
    outage::{Outage, overdue},
};

/// The longest pause of a sweeper that keeps failing.
const MAX_DELAY: Duration = Duration::from_secs(5);

/// Whether a turn left something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
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
trait Sweep: Send {
    fn name(&self) -> &'static str;
    async fn turn(&mut self) -> Result<Turn, Box<dyn Error + Send + Sync>>;
    /// Another process does it from here on.
    fn hand_over(&mut self) {}
}

/// When a sweeper looks: at the latest after `every`, at once when `hint` rings; and only while the duty, where it is one,
/// falls to this process.
struct Rhythm {
    every: Duration,
    hint: Option<Arc<Notify>>,
    duty: Option<Duty>,
}

impl Rhythm {
    /// In every worker: what it takes it takes by leases of rows, or it must be told at once what happened here.
    fn everywhere(every: Duration, hint: Arc<Notify>) -> Self {
        Self { every, hint: Some(hint), duty: None }
    }

    /// In one worker at a time.
    fn in_one_process(every: Duration, duty: Duty) -> Self {
        Self { every, hint: None, duty: Some(duty) }
    }
}

async fn sweep(mut sweep: impl Sweep, mut rhythm: Rhythm, stop: CancellationToken) {
    let mut outage = Outage::new(sweep.name(), rhythm.every, MAX_DELAY.max(rhythm.every));
    while !stop.is_cancelled() {
        if let Some(duty) = &mut rhythm.duty
            && !duty.is_mine()
        {
            sweep.hand_over();
            let _ = stop.run_until_cancelled(duty.falls_to_me()).await;
            continue;
        }
        let finished = {
            let mut overdue = pin!(overdue(&stop));
            tokio::select! {
                finished = sweep.turn() => finished,
                () = &mut overdue => return,
            }
        };
        let pause = match finished {
            Ok(turn) => {
                outage.passed();
                if turn == Turn::More {
                    continue;
                }
                rhythm.every
            }
            Err(error) => outage.failed(error.as_ref()),
        };
        let hint = async {
            match &rhythm.hint {
                Some(hint) => hint.notified().await,
                None => std::future::pending().await,
            }
        };
        let given_away = async {
            match &mut rhythm.duty {
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

/// Starts every sweeper.
pub fn spawn_all(
    loops: &mut JoinSet<()>,
    shop: &Shop,
    hints: &Hints,
    shares: &Shares,
    settings: &WorkerSettings,
    stop: &CancellationToken,
) {
    let (timer, sweeps) = (settings.timer, settings.sweeps);
    let mut crew = Crew { loops, shares, stop };

    crew.in_one_process(
        timer.every,
        auto_cancel::Timer::new(shop.orders.clone(), shop.publisher.clone(), shop.clock.clone(), timer),
    );
    crew.in_one_process(
        sweeps.reservations_every,
        reservations::ReleaseOrphans { inventory: shop.inventory.clone(), older_than: sweeps.reservations_age },
    );
    crew.in_one_process(
        sweeps.adjustments_every,
        adjustments::FinishAdjustments { inventory: shop.inventory.clone(), older_than: sweeps.adjustments_age },
    );
    if shop.inventory.follows_messages() {
        let records = records::RecordMissing { inventory: shop.inventory.clone(), older_than: sweeps.records_age };
        crew.in_one_process(sweeps.records_every, records);
    }
    crew.in_one_process(
        sweeps.settlements_every,
        settlements::SettleWaiting { orders: shop.orders.clone(), limit: sweeps.settlements_limit },
    );
    crew.in_one_process(
        sweeps.deductions_every,
        settlements::DeductWaiting { orders: shop.orders.clone(), limit: sweeps.deductions_limit },
    );
    crew.in_one_process(sweeps.refunds_every, refunds::RetryRefunds { pay: shop.pay.clone(), limit: sweeps.refunds_limit });
    crew.in_one_process(sweeps.callbacks_every, callbacks::DeliverCallbacks { cashier: shop.cashier.clone() });
    crew.in_one_process(
        sweeps.gauges_every,
        gauges::Measure {
            orders: shop.orders.clone(),
            points: shop.points.clone(),
            outbox: shop.outbox.clone(),
            partner: shop.partner.clone(),
            clock: shop.clock.clone(),
        },
    );
    crew.in_one_process(sweeps.housekeeping_every, housekeeping::DeleteExpired(shop.housekeeping.clone()));

    let effects = gate_effects::TellGate { inventory: shop.inventory.clone(), limit: sweeps.effects_limit };
    crew.everywhere(sweeps.effects_every, &hints.effects, effects);
    let points = points::RunPoints { points: shop.points.clone(), limit: sweeps.points_limit };
    crew.everywhere(sweeps.points_every, &hints.points, points);
    let pushes = pushes::SendPushes { partner: shop.partner.clone(), limit: sweeps.pushes_limit };
    crew.everywhere(sweeps.pushes_every, &shop.partner.hint(), pushes);
    // Everywhere: lanes are leased one by one, and each process must hear which of them are empty again.
    crew.everywhere(sweeps.parked_every, &Arc::new(Notify::new()), parked(shop, hints, settings));
}

/// Where the sweepers are started.
struct Crew<'a> {
    loops: &'a mut JoinSet<()>,
    shares: &'a Shares,
    stop: &'a CancellationToken,
}

impl Crew<'_> {
    fn in_one_process(&mut self, every: Duration, sweeper: impl Sweep + 'static) {
        let duty = self.shares.duty(sweeper.name());
        self.loops.spawn(sweep(sweeper, Rhythm::in_one_process(every, duty), self.stop.clone()));
    }

    fn everywhere(&mut self, every: Duration, hint: &Arc<Notify>, sweeper: impl Sweep + 'static) {
        self.loops.spawn(sweep(sweeper, Rhythm::everywhere(every, hint.clone()), self.stop.clone()));
    }
}

fn parked(shop: &Shop, hints: &Hints, settings: &WorkerSettings) -> parked::RetryParked {
    parked::RetryParked {
        parking: shop.parking.clone(),
        handlers: crate::consumers(shop, hints, settings),
        publisher: shop.publisher.clone(),
        clock: shop.clock.clone(),
        policy: settings.retry,
    }
}

/// Tries what is parked, until nothing is due at once.
pub async fn retry_parked(shop: &Shop, hints: &Hints, settings: &WorkerSettings) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut parked = parked(shop, hints, settings);
    while parked.turn().await? == Turn::More {}
    Ok(())
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
