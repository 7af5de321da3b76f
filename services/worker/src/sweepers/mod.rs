//! The sweepers: each finishes one kind of thing that a crash, or a part that was away, has left behind.

mod adjustments;
mod auto_cancel;
mod callbacks;
mod gate_effects;
mod gauges;
mod points;
mod pushes;
mod refunds;
mod reservations;

use std::{error::Error, pin::pin, sync::Arc, time::Duration};

use async_trait::async_trait;
use sluice_app::Shop;
use tokio::{sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    Hints, WorkerSettings,
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
}

/// When a sweeper looks: at the latest after `every`, at once when `hint` rings.
struct Rhythm {
    every: Duration,
    hint: Option<Arc<Notify>>,
}

impl Rhythm {
    fn every(every: Duration) -> Self {
        Self { every, hint: None }
    }
}

async fn sweep(mut sweep: impl Sweep, rhythm: Rhythm, stop: CancellationToken) {
    let mut outage = Outage::new(sweep.name(), rhythm.every, MAX_DELAY.max(rhythm.every));
    while !stop.is_cancelled() {
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
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
            () = hint => {}
        }
    }
}

/// Starts every sweeper.
pub fn spawn_all(loops: &mut JoinSet<()>, shop: &Shop, hints: &Hints, settings: &WorkerSettings, stop: &CancellationToken) {
    let (timer, sweeps) = (settings.timer, settings.sweeps);
    let stop = || stop.clone();

    let scheduler = auto_cancel::Timer::new(shop.orders.clone(), shop.publisher.clone(), shop.clock.clone(), timer);
    loops.spawn(sweep(scheduler, Rhythm::every(timer.every), stop()));

    let effects = gate_effects::TellGate { inventory: shop.inventory.clone(), limit: sweeps.effects_limit };
    loops.spawn(sweep(effects, Rhythm { every: sweeps.effects_every, hint: Some(hints.effects.clone()) }, stop()));

    let reservations = reservations::ReleaseOrphans { inventory: shop.inventory.clone(), older_than: sweeps.reservations_age };
    loops.spawn(sweep(reservations, Rhythm::every(sweeps.reservations_every), stop()));

    let adjustments = adjustments::FinishAdjustments { inventory: shop.inventory.clone(), older_than: sweeps.adjustments_age };
    loops.spawn(sweep(adjustments, Rhythm::every(sweeps.adjustments_every), stop()));

    let refunds = refunds::RetryRefunds { pay: shop.pay.clone(), older_than: sweeps.refunds_age };
    loops.spawn(sweep(refunds, Rhythm::every(sweeps.refunds_every), stop()));

    let callbacks = callbacks::DeliverCallbacks { cashier: shop.cashier.clone() };
    loops.spawn(sweep(callbacks, Rhythm::every(sweeps.callbacks_every), stop()));

    let points = points::RunPoints { points: shop.points.clone(), limit: sweeps.points_limit };
    loops.spawn(sweep(points, Rhythm { every: sweeps.points_every, hint: Some(hints.points.clone()) }, stop()));

    let gauges = gauges::Measure {
        orders: shop.orders.clone(),
        points: shop.points.clone(),
        outbox: shop.outbox.clone(),
        clock: shop.clock.clone(),
    };
    loops.spawn(sweep(gauges, Rhythm::every(sweeps.gauges_every), stop()));

    let pushes = pushes::SendPushes { partner: shop.partner.clone(), limit: sweeps.pushes_limit };
    loops.spawn(sweep(pushes, Rhythm { every: sweeps.pushes_every, hint: Some(shop.partner.hint()) }, stop()));

    let waiting = pushes::MeasurePushes { partner: shop.partner.clone(), clock: shop.clock.clone() };
    loops.spawn(sweep(waiting, Rhythm::every(sweeps.gauges_every), stop()));
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
