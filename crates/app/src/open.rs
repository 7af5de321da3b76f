//! Opening a shop: adapters are chosen by the settings' URLs, contexts are joined by bridges, the result is a [`Shop`].

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use sluice_events::{Publisher, Subscriber};
use sluice_gate_redis::RedisStockGate;
use sluice_inventory::StockGate;
use sluice_kernel::{Clock, IdGenerator, NodeIds, PortError, PortResult, StoreId};
use sluice_messaging_kafka::{KafkaPublisher, KafkaSettings, KafkaSubscriber};
use sluice_messaging_memory::MemoryBus;
use sluice_storage_sql::{
    Database, DatabaseSettings, SqlCatalogRepository, SqlFutureTimes, SqlGateSource, SqlGateState, SqlReconciler, SqlStockGate,
    SqlStories, SqlTrial, StockMode,
};
use tokio::{sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    Config, Secrets, Shop,
    checked_clock::{CheckedClock, WithClock},
    demo,
    health::BusProbe,
    keeping,
    leased_ids::LeasedIds,
    wire::wire,
};

const EFFECTS_AT_ONCE: u32 = 500;

/// What a process needs of the shop.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a wish of its own, named where it is made")]
pub struct OpenOptions {
    /// Bring the schema up to date; otherwise a schema that is behind is refused.
    pub migrate: bool,
    /// Load the demo data into an empty database.
    pub demo: bool,
    /// Take no part: no node number is leased, no gate claimed or kept open.
    pub aside: bool,
    /// Only look, aside: nothing is written, and no file is made.
    pub read_only: bool,
}

impl OpenOptions {
    /// For commands that look and write nothing.
    pub fn looking() -> Self {
        Self { aside: true, read_only: true, ..Self::default() }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the database's schema is not up to date; run `sluice migrate`")]
    SchemaBehind,
    #[error(transparent)]
    Port(#[from] PortError),
}

/// What a process takes from outside: time and ids.
#[derive(Default)]
pub struct Surroundings {
    /// `None` goes by the database's clock.
    pub clock: Option<Arc<dyn Clock>>,
    /// `None` leases a node number in the database and makes ids from it.
    pub ids: Option<Arc<dyn IdGenerator>>,
}

/// A wired shop with its background work: the node number's lease and, with the Redis gate, its keeper.
pub struct OpenShop {
    pub shop: Shop,
    /// The consuming side of the bus.
    pub bus: Arc<dyn Subscriber>,
    /// True where events do not leave the process.
    pub bus_in_process: bool,
    /// Rung after a transaction left an outbox row.
    pub outbox: Arc<Notify>,
    /// Rung when the stock gate must be told of a committed change.
    pub effects: Arc<Notify>,
    /// Rung when an operation was kept that a points platform must be asked for.
    pub points: Arc<Notify>,
    pub(crate) reconciler: SqlReconciler,
    pub stories: SqlStories,
    future: SqlFutureTimes,
    /// `None` with a clock of the caller's.
    checked: Option<Arc<CheckedClock>>,
    database: Database,
    pub(crate) trial: SqlTrial,
    catalog: SqlCatalogRepository,
    pub(crate) gate: Arc<dyn StockGate>,
    pub(crate) source: SqlGateSource,
    pub(crate) redis_gate: Option<Arc<RedisStockGate>>,
    stop: CancellationToken,
    background: JoinSet<()>,
}

/// The stock gate and what goes with the choice.
#[expect(clippy::struct_field_names, reason = "the gate itself is the first thing that was chosen")]
pub(crate) struct Gate {
    pub(crate) gate: Arc<dyn StockGate>,
    pub(crate) redis: Option<Arc<RedisStockGate>>,
    pub(crate) mode: StockMode,
}

/// The bus and what goes with the choice.
pub(crate) struct Bus {
    pub(crate) publisher: Arc<dyn Publisher>,
    subscriber: Arc<dyn Subscriber>,
    pub(crate) probe: Option<Arc<dyn BusProbe>>,
}

impl OpenShop {
    pub async fn open(config: &Config, secrets: &Secrets, public_url: &str, options: OpenOptions) -> Result<Self, OpenError> {
        Self::open_in(config, secrets, public_url, options, Surroundings::default()).await
    }

    /// With a clock and ids of the caller's: tests turn them by hand.
    pub async fn open_in(
        config: &Config,
        secrets: &Secrets,
        public_url: &str,
        options: OpenOptions,
        Surroundings { clock, ids }: Surroundings,
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
        } else if options.aside {
            Arc::new(NodeIds::new(clock.clone(), 0))
        } else {
            let (ids, lease) = LeasedIds::acquire(database.clone(), clock.clone(), &names).await?;
            background.spawn(ids.clone().keep(lease, database.clone(), stop.clone()));
            ids
        };
        let gate = open_gate(config, &database, &clock, options).await?;
        let bus = open_bus(config)?;

        if let Some(redis) = &gate.redis
            && !options.aside
        {
            let (redis, stop) = (redis.clone(), stop.clone());
            background.spawn(async move { redis.keep_open(stop).await });
        }

        let clock_of_source = clock.clone();
        let outbox = database.outbox_hint();
        let effects = Arc::new(Notify::new());
        let points = Arc::new(Notify::new());
        let catalog = SqlCatalogRepository::new(database.clone(), gate.redis.is_some());
        let wiring = wire(config, secrets, public_url, &database, &gate, &bus, &effects, &points, clock, ids);
        let mut shop = Box::pin(wiring).await?;
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
            stories: SqlStories::new(database.clone()),
            future: SqlFutureTimes::new(database.clone(), keeping::longest_pauses(config)),
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
        if options.demo && open.is_empty().await? {
            open.load_demo(&|| {}).await?;
        } else if options.demo && demo::lacks_activities(&open.shop).await? {
            open.wait_for_gate().await?;
            demo::load_activities(&open.shop).await?;
            demo::load_points(&open.shop).await?;
        }
        Ok(open)
    }

    /// No store, so nothing at all.
    async fn is_empty(&self) -> PortResult<bool> {
        match self.shop.catalog.store(StoreId(1)).await {
            Ok(_) => Ok(false),
            Err(sluice_catalog::CatalogError::NotFound) => Ok(true),
            Err(error) => Err(crate::bridges::port_error("the store", error)),
        }
    }

    /// Loads the demo data of api.md; `tell` hears of each product.
    pub async fn load_demo(&self, tell: &(dyn Fn() + Sync)) -> PortResult<()> {
        self.wait_for_gate().await?;
        demo::load_stores(&self.catalog).await?;
        demo::load_products(&self.shop, tell).await?;
        demo::load_activities(&self.shop).await?;
        demo::load_points(&self.shop).await
    }

    /// Plain products 1 to `products` of store 1 with `stock` units each; `tell` hears how many stand.
    pub async fn seed_plain(&self, products: u32, stock: i64, tell: &(dyn Fn(u64) + Send + Sync)) -> PortResult<()> {
        demo::load_stores(&self.catalog).await?;
        let now = self.shop.clock.now();
        let progress = |done: i64| tell(u64::try_from(done).unwrap_or(0));
        self.catalog.seed_plain(StoreId(1), 1, i64::from(products), stock, now, &progress).await?;
        self.rebuild_gate().await
    }

    /// Makes a gate outside the database count anew, and forgets changes that could not be told to it and were given up,
    /// since it has counted them; nothing to do for the database gate.
    pub async fn rebuild_gate(&self) -> PortResult<()> {
        let Some(gate) = &self.redis_gate else { return Ok(()) };
        gate.renew().await?;
        let forgotten = self.shop.inventory.forget_given_up().await;
        forgotten.map(|_| ()).map_err(|error| crate::bridges::port_error("forgetting gate effects", error))
    }

    /// Records movements of committed orders that no message told; answers how many.
    pub async fn repair_records(&self) -> PortResult<usize> {
        let mut recorded = 0;
        loop {
            let checked = self.shop.inventory.record_missing(Duration::ZERO).await;
            let checked = checked.map_err(|error| crate::bridges::port_error("recording movements", error))?;
            recorded += checked.recorded.len();
            if checked.looked < usize::try_from(sluice_inventory::MAX_CHECKED).unwrap_or(usize::MAX) {
                return Ok(recorded);
            }
        }
    }

    /// Waits until a gate outside the database is open.
    pub async fn wait_for_gate(&self) -> PortResult<()> {
        match &self.redis_gate {
            Some(gate) => gate.ensure_open().await,
            None => Ok(()),
        }
    }

    /// Tells a gate outside the database of committed changes, as soon as this process rings. A worker does it as
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
        self.background.spawn(keeping::bring_back(self.future.clone(), clock, self.checked.clone(), self.stop.clone()));
    }

    /// Ends the background work, gives leases back and leaves an embedded database as one whole file.
    pub async fn close(mut self) {
        self.stop.cancel();
        while self.background.join_next().await.is_some() {}
        self.database.close().await;
    }
}

async fn open_database(config: &Config, options: OpenOptions) -> Result<Database, OpenError> {
    let place = config.database_place();
    if place.is_sqlite() && !options.read_only {
        let created = std::fs::create_dir_all(&config.data_dir);
        created.map_err(|error| PortError::unavailable("the data folder", error))?;
    }
    let settings = DatabaseSettings {
        place,
        max_connections: config.database.max_connections,
        acquire_timeout: config.database.acquire_timeout.0,
        statement_timeout: config.database.statement_timeout.0,
        lock_wait: config.database.lock_wait.0,
        idle_transaction: config.database.idle_transaction.0,
        read_only: options.read_only,
    };
    let database = Database::connect(&settings).await?;
    if options.migrate {
        database.migrate().await?;
    } else if !database.is_up_to_date().await? {
        return Err(OpenError::SchemaBehind);
    }
    Ok(database)
}

async fn open_gate(config: &Config, database: &Database, clock: &Arc<dyn Clock>, options: OpenOptions) -> PortResult<Gate> {
    let redis_chosen = config.parts().redis_gate;
    let kind = if redis_chosen { "redis" } else { "database" };
    let state = SqlGateState::new(database.clone());
    if options.aside {
        state.expect(kind).await?;
    } else {
        state.claim(kind, clock.now()).await?;
    }
    if !redis_chosen {
        return Ok(Gate { gate: Arc::new(SqlStockGate::new(database.clone())), redis: None, mode: StockMode::InCommit });
    }
    let source = Arc::new(SqlGateSource::new(database.clone(), clock.clone()));
    let redis = RedisStockGate::connect(&config.redis_url(), source, clock.clone())?;
    // A gate that is not there at the start is a wrong setting more often than an outage: say so at once.
    redis.ping().await?;
    Ok(Gate { gate: redis.clone(), redis: Some(redis), mode: StockMode::Reserved })
}

struct KafkaProbe(Arc<KafkaPublisher>);

#[async_trait]
impl BusProbe for KafkaProbe {
    async fn probe(&self) -> PortResult<Vec<String>> {
        self.0.check().await
    }
}

fn open_bus(config: &Config) -> PortResult<Bus> {
    let Some(brokers) = config.bus.url.strip_prefix("kafka://") else {
        let bus = Arc::new(MemoryBus::new());
        return Ok(Bus { publisher: bus.clone(), subscriber: bus, probe: None });
    };
    let mut settings = KafkaSettings::new(brokers);
    settings.topic_prefix.clone_from(&config.bus.topic_prefix);
    settings.group_prefix = format!("{}sluice.", config.bus.topic_prefix);
    settings.partitions = config.bus.partitions;
    settings.replication = config.bus.replication;
    let publisher = Arc::new(KafkaPublisher::new(settings.clone())?);
    let subscriber = Arc::new(KafkaSubscriber::new(settings, publisher.clone()));
    Ok(Bus { publisher: publisher.clone(), subscriber, probe: Some(Arc::new(KafkaProbe(publisher))) })
}
