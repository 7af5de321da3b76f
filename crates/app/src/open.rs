//! Opening a shop: adapters are chosen by the settings' URLs, contexts are joined by bridges, the result is a [`Shop`].

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use sluice_events::{Publisher, Subscriber};
use sluice_gate_redis::RedisStockGate;
use sluice_inventory::StockGate;
use sluice_kernel::{Clock, IdGenerator, NodeIds, PortError, PortResult, StoreId, SystemClock};
use sluice_messaging_kafka::{KafkaPublisher, KafkaSettings, KafkaSubscriber};
use sluice_messaging_memory::MemoryBus;
use sluice_storage_sql::{
    Database, DatabaseSettings, SqlCatalogRepository, SqlGateSource, SqlGateState, SqlHousekeeping, SqlReconciler, SqlStockGate,
    SqlStories, StockMode,
};
use tokio::{sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{Config, Secrets, Shop, demo, health::BusProbe, leased_ids::LeasedIds, wire::wire};

const HOUSEKEEPING_EVERY: Duration = Duration::from_mins(5);
const EFFECTS_AT_ONCE: u32 = 500;

/// What a process needs of the shop.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenOptions {
    /// Bring the schema up to date; otherwise a schema that is behind is refused.
    pub migrate: bool,
    /// Load the demo data into an empty database.
    pub demo: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the database's schema is not up to date; run `sluice migrate`")]
    SchemaBehind,
    #[error(transparent)]
    Port(#[from] PortError),
}

/// What a process takes from outside: time and ids.
pub struct Surroundings {
    pub clock: Arc<dyn Clock>,
    /// `None` leases a node number in the database and makes ids from it.
    pub ids: Option<Arc<dyn IdGenerator>>,
}

impl Surroundings {
    fn real() -> Self {
        Self { clock: Arc::new(SystemClock), ids: None }
    }
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
    housekeeping: SqlHousekeeping,
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
        Self::open_in(config, secrets, public_url, options, Surroundings::real()).await
    }

    /// With a clock and ids of the caller's: tests turn them by hand.
    pub async fn open_in(
        config: &Config,
        secrets: &Secrets,
        public_url: &str,
        options: OpenOptions,
        Surroundings { clock, ids }: Surroundings,
    ) -> Result<Self, OpenError> {
        let names = NodeIds::new(clock.clone(), 0);
        let database = open_database(config, options).await?;
        let stop = CancellationToken::new();
        let mut background = JoinSet::new();
        let ids = if let Some(ids) = ids {
            ids
        } else {
            let (ids, lease) = LeasedIds::acquire(database.clone(), clock.clone(), &names).await?;
            background.spawn(ids.clone().keep(lease, database.clone(), stop.clone()));
            ids
        };
        let gate = open_gate(config, &database, &clock).await?;
        let bus = open_bus(config)?;

        if let Some(redis) = &gate.redis {
            let (redis, stop) = (redis.clone(), stop.clone());
            background.spawn(async move { redis.keep_open(stop).await });
        }

        let clock_of_source = clock.clone();
        let outbox = database.outbox_hint();
        let effects = Arc::new(Notify::new());
        let points = Arc::new(Notify::new());
        let catalog = SqlCatalogRepository::new(database.clone(), gate.redis.is_some());
        let shop = wire(config, secrets, public_url, &database, &gate, &bus, &effects, &points, clock, ids).await?;
        let open = Self {
            shop,
            bus: bus.subscriber,
            bus_in_process: !config.parts().kafka,
            outbox,
            effects,
            points,
            reconciler: SqlReconciler::new(database.clone()),
            stories: SqlStories::new(database.clone()),
            housekeeping: SqlHousekeeping::new(database.clone()),
            source: SqlGateSource::new(database, clock_of_source),
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

    /// Makes a gate outside the database count anew from orders and adjustments; nothing to do for the database gate.
    pub async fn rebuild_gate(&self) -> PortResult<()> {
        match &self.redis_gate {
            Some(gate) => gate.renew().await,
            None => Ok(()),
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

    /// Deletes what has served its time (docs/operations.md), now and then until the shop is closed.
    pub fn keep_house(&mut self) {
        let (housekeeping, clock, stop) = (self.housekeeping.clone(), self.shop.clock.clone(), self.stop.clone());
        self.background.spawn(async move {
            while stop.run_until_cancelled(tokio::time::sleep(HOUSEKEEPING_EVERY)).await.is_some() {
                match housekeeping.purge(clock.now()).await {
                    Ok(purged) => tracing::debug!(purged = ?purged, "Expired rows were deleted."),
                    Err(error) => tracing::warn!(error = %error, "Expired rows could not be deleted; the next round tries again."),
                }
            }
        });
    }

    /// Ends the background work and gives leases back.
    pub async fn close(mut self) {
        self.stop.cancel();
        while self.background.join_next().await.is_some() {}
    }
}

async fn open_database(config: &Config, options: OpenOptions) -> Result<Database, OpenError> {
    let url = config.database_url();
    if url.starts_with("sqlite:") {
        let created = std::fs::create_dir_all(&config.data_dir);
        created.map_err(|error| PortError::unavailable("the data folder", error))?;
    }
    let settings = DatabaseSettings {
        url,
        max_connections: config.database.max_connections,
        acquire_timeout: config.database.acquire_timeout.0,
    };
    let database = Database::connect(&settings).await?;
    if options.migrate {
        database.migrate().await?;
    } else if !database.is_up_to_date().await? {
        return Err(OpenError::SchemaBehind);
    }
    Ok(database)
}

async fn open_gate(config: &Config, database: &Database, clock: &Arc<dyn Clock>) -> PortResult<Gate> {
    let redis_chosen = config.parts().redis_gate;
    let kind = if redis_chosen { "redis" } else { "database" };
    SqlGateState::new(database.clone()).claim(kind, clock.now()).await?;
    if !redis_chosen {
        return Ok(Gate { gate: Arc::new(SqlStockGate::new(database.clone())), redis: None, mode: StockMode::InCommit });
    }
    let source = Arc::new(SqlGateSource::new(database.clone(), clock.clone()));
    let redis = RedisStockGate::connect(&config.redis_url(), source)?;
    // A gate that is not there at the start is a wrong setting more often than an outage: say so at once.
    redis.ping().await?;
    Ok(Gate { gate: redis.clone(), redis: Some(redis), mode: StockMode::Reserved })
}

struct KafkaProbe(Arc<KafkaPublisher>);

#[async_trait]
impl BusProbe for KafkaProbe {
    async fn probe(&self) -> PortResult<()> {
        self.0.probe(Duration::from_millis(1_500)).await
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
