//! The worker: what happens to an order apart from the requests that ask for it.
//!
//! Contract: consumers handle what the bus brings, the relay brings what the outbox keeps to the bus, sweepers finish
//! what a crash or a part that was away has left. Every loop is idempotent, may run in several processes at once,
//! survives every failure (logged once per change, never each turn) and ends soon after it is told to. Work that one
//! process can do for all of them is shared out (`duty`). The bus itself is chosen by the composition root.

mod consumers;
mod duty;
mod outage;
mod relay;
mod settings;
mod sweepers;
mod work;

use std::sync::Arc;

use sluice_app::Shop;
use sluice_events::{BatchHandler, Dispatcher, Subscriber};
use tokio::{sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;

use sweepers::{Sweep as _, Turn};

pub use duty::Shares;
pub use relay::{Relay, RelaySettings};
pub use settings::{TimerSettings, WorkerSettings};

/// Notified inside this process when there is something to do; each loop also looks by itself.
#[derive(Debug, Clone, Default)]
pub struct Hints {
    /// An outbox row was committed.
    pub outbox: Arc<Notify>,
    /// The stock gate must be told of a committed change.
    pub effects: Arc<Notify>,
    /// An operation was kept that a points platform must be asked for.
    pub points: Arc<Notify>,
}

/// The consumers this process runs: all, or those of the topics in `settings.only`.
pub fn consumers(shop: &Shop, hints: &Hints, settings: &WorkerSettings) -> Vec<Arc<dyn BatchHandler>> {
    let all = work::consumers(shop, hints, settings);
    all.into_iter().filter(|handler| settings.only.is_empty() || settings.only.contains(&handler.topic())).collect()
}

/// Tries what is parked, until nothing is due at once: for a command over a shop that nobody may be running.
pub async fn retry_parked(
    shop: &Shop,
    hints: &Hints,
    settings: &WorkerSettings,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut parked = work::retry_parked(shop, hints, settings);
    while parked.turn().await? == Turn::More {}
    Ok(())
}

/// Runs consumers, relay and sweepers until `stop`; returns when all of them have ended.
pub async fn run(shop: Shop, bus: Arc<dyn Subscriber>, hints: Hints, settings: WorkerSettings, stop: CancellationToken) {
    let dispatchers = consumers(&shop, &hints, &settings)
        .into_iter()
        .map(|handler| {
            Dispatcher::new(handler, shop.dead_letters.clone(), shop.parking.clone(), shop.clock.clone(), settings.retry)
        })
        .collect();
    // Registered before the relay publishes: the in-process bus drops what nobody asked for.
    let consuming = bus.start(dispatchers, stop.clone());

    let mut loops = JoinSet::new();
    let shares = Shares::default();
    let relay = Relay {
        outbox: shop.outbox.clone(),
        publisher: shop.publisher.clone(),
        parking: shop.parking.clone(),
        clock: shop.clock.clone(),
        owner: shop.ids.token(),
        hint: hints.outbox.clone(),
        shares: shares.clone(),
        settings: settings.relay,
    };
    loops.spawn(relay.run(stop.clone()));
    for sweeper in work::sweepers(&shop, &hints, &shares, &settings) {
        loops.spawn(sweeper.run(stop.clone()));
    }

    if let Err(failure) = consuming.await {
        tracing::error!(error = %failure, "The consumers broke down.");
    }
    while let Some(ended) = loops.join_next().await {
        if let Err(failure) = ended {
            tracing::error!(error = %failure, "A loop of the worker broke down.");
        }
    }
}
