//! Opening a shop: adapters are chosen by the settings' URLs, contexts are joined by bridges, the result is a [`Shop`].

mod bus;
mod database;
mod gate;
mod options;
mod partner;
mod points;
mod wire;

use std::sync::Arc;

use sluice_events::Subscriber;
use sluice_gate_redis::RedisStockGate;
use sluice_inventory::StockGate;
use sluice_kernel::{IdGenerator, NodeIds};
use sluice_storage_sql::{Database, SqlCatalogRepository, SqlFutureTimes, SqlGateSource, SqlReconciler, SqlTraces, SqlTrial};
use tokio::{sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;

use self::{bus::open_bus, database::open_database, gate::open_gate, wire::Foundation};
use crate::{
    Config, Secrets, Shop,
    checked_clock::{CheckedClock, WithClock},
    leased_ids::LeasedIds,
    operations::future_times,
};

pub use database::require_shop;
pub use options::{Environment, OpenError, OpenOptions};

const EFFECTS_AT_ONCE: u32 = 500;

/// A wired shop with its background work: the node number's lease and, with the Redis gate, its keeper.
pub struct OpenShop {
    pub shop: Shop,
    /// The consuming side of the bus.
    pub bus: Arc<dyn Subscriber>,
    /// True where events do not leave the process.
    pub bus_in_process: bool,
    /// Notified after a transaction left an outbox row.
    pub outbox: Arc<Notify>,
    /// Notified when the stock gate must be told of a committed change.
    pub effects: Arc<Notify>,
    /// Notified when an operation was kept that a points platform must be asked for.
    pub points: Arc<Notify>,
    pub(crate) reconciler: SqlReconciler,
    pub traces: SqlTraces,
    future: SqlFutureTimes,
    /// `None` with a clock of the caller's.
    checked: Option<Arc<CheckedClock>>,
    database: Database,
    pub(crate) trial: SqlTrial,
    pub(crate) catalog: SqlCatalogRepository,
    pub(crate) gate: Arc<dyn StockGate>,
    pub(crate) source: SqlGateSource,
    pub(crate) redis_gate: Option<Arc<RedisStockGate>>,
    stop: CancellationToken,
    background: JoinSet<()>,
}

impl OpenShop {
    pub async fn open(config: &Config, secrets: &Secrets, public_url: &str, options: OpenOptions) -> Result<Self, OpenError> {
        Self::open_in(config, secrets, public_url, options, Environment::default()).await
    }

    /// With a clock and ids of the caller's: tests turn them by hand.
    pub async fn open_in(
        config: &Config,
        secrets: &Secrets,
        public_url: &str,
        options: OpenOptions,
        Environment { clock, ids }: Environment,
    ) -> Result<Self, OpenError> {
        let database = open_database(config, options).await?;
        let stop = CancellationToken::new();
        let mut background = JoinSet::new();
        let mut checked = None;
        let clock = if let Some(clock) = clock {
            clock
        } else {
            let clock = CheckedClock::start(&database).await?;
            background.spawn(clock.clone().keep(database.clone(), stop.clone()));
            checked = Some(clock.clone());
            clock
        };
        let names = NodeIds::new(clock.clone(), 0);
        let ids: Arc<dyn IdGenerator> = if let Some(ids) = ids {
            ids
        } else if options.passive {
            Arc::new(NodeIds::new(clock.clone(), 0))
        } else {
            let (ids, lease) = LeasedIds::acquire(database.clone(), clock.clone(), &names).await?;
            background.spawn(ids.clone().keep(lease, database.clone(), stop.clone()));
            ids
        };
        let gate = open_gate(config, &database, &clock, options).await?;
        let bus = open_bus(config)?;

        if let Some(redis) = &gate.redis
            && !options.passive
        {
            let (redis, stop) = (redis.clone(), stop.clone());
            background.spawn(async move { redis.keep_open(stop).await });
        }

        let clock_of_source = clock.clone();
        let outbox = database.outbox_hint();
        let effects = Arc::new(Notify::new());
        let points = Arc::new(Notify::new());
        let catalog = SqlCatalogRepository::new(database.clone(), gate.redis.is_some());
        let foundation = Foundation {
            config,
            secrets,
            public_url,
            database: &database,
            gate: &gate,
            bus: &bus,
            effects: &effects,
            points_due: &points,
            clock,
            ids,
        };
        let mut shop = Box::pin(foundation.wire()).await?;
        if let Some(clock) = &checked {
            shop.health = Arc::new(WithClock { parts: shop.health, clock: clock.clone() });
        }
        let open = Self {
            shop,
            bus: bus.subscriber,
            bus_in_process: !config.parts().kafka,
            outbox,
            effects,
            points,
            reconciler: SqlReconciler::new(database.clone()),
            traces: SqlTraces::new(database.clone()),
            future: SqlFutureTimes::new(database.clone(), future_times::longest_pauses(config)),
            checked,
            source: SqlGateSource::new(database.clone(), clock_of_source),
            trial: SqlTrial::new(database.clone()),
            database,
            gate: gate.gate,
            catalog,
            redis_gate: gate.redis,
            stop,
            background,
        };
        if options.demo {
            open.ensure_demo().await?;
        }
        Ok(open)
    }

    /// Tells a gate outside the database of committed changes, as soon as this process is notified. A worker does it as
    /// well; in an API process it keeps a cancelled order's units from waiting for one.
    pub fn follow_gate(&mut self) {
        if self.redis_gate.is_none() {
            return;
        }
        let (inventory, effects, stop) = (self.shop.inventory.clone(), self.effects.clone(), self.stop.clone());
        self.background.spawn(async move {
            while stop.run_until_cancelled(effects.notified()).await.is_some() {
                // What fails here is applied by the worker's sweeper.
                if let Err(error) = inventory.apply_effects(EFFECTS_AT_ONCE).await {
                    tracing::debug!(error = %error, "The gate could not be told of a change yet.");
                }
            }
        });
    }

    /// Takes back what a clock that was ahead has written, now and then until the shop is closed.
    pub fn bring_back_future_times(&mut self) {
        let clock = self.shop.clock.clone();
        self.background.spawn(future_times::bring_back(self.future.clone(), clock, self.checked.clone(), self.stop.clone()));
    }

    /// Ends the background work, gives leases back and leaves an embedded database as one whole file.
    pub async fn close(mut self) {
        self.stop.cancel();
        while self.background.join_next().await.is_some() {}
        self.database.close().await;
    }
}
