//! Wiring: adapters meet contexts, contexts meet each other through bridges.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use sluice_cart::Carts;
use sluice_catalog::{CatalogService, Catalogue};
use sluice_events::ParkingPlace;
use sluice_gateways::{LogCodeSender, SandboxGateway, SandboxSettings};
use sluice_inventory::{Inventory, InventoryService};
use sluice_kernel::{Clock, IdGenerator, PaymentId, PortError, PortResult};
use sluice_member::Members;
use sluice_order::{OrderPorts, OrderTimings, Orders};
use sluice_pay::{PayError, Payments, SandboxOutcome};
use sluice_promotion::{PromotionPorts, PromotionService, Promotions};
use sluice_storage_sql::{
    Database, SqlAccountBook, SqlAddressBook, SqlAdjustmentLog, SqlCartRepository, SqlCatalogRepository, SqlCodeRepository,
    SqlDeadLetterStore, SqlGateEffects, SqlHousekeeping, SqlLedger, SqlOrderRepository, SqlOrderWriter, SqlOutboxStore,
    SqlParkedStore, SqlPaymentRepository, SqlPromotionRepository, SqlRecordCheck, SqlRefundRepository, SqlReservationOutcomes,
    SqlSandboxChannels, SqlSeenTimes, SqlSettlements, SqlTrial, StockMode, WriterSettings,
};
use tokio::sync::Notify;

use crate::{
    Cashier, Config, Secrets, Shop,
    bridges::{
        ActivityBridge, CartBridge, CatalogBridge, CodeBridge, ListingBridge, PayBridge, PointsBridge, RulesCache, ShelfBridge,
        StaffNews, StockBridge,
    },
    health::Readiness,
    house::House,
    open::{Bus, Gate},
    partners::open_partners,
    points::open_points,
    referrers::referrer_seal,
};

/// The embedded provider behind the cashier's port.
struct SandboxCashier(Arc<SandboxGateway>);

#[async_trait]
impl Cashier for SandboxCashier {
    async fn choose(&self, id: &PaymentId, outcome: SandboxOutcome) -> Result<(), PayError> {
        self.0.choose(id, outcome).await
    }

    async fn deliver_owed(&self) -> Result<usize, PayError> {
        self.0.deliver_owed().await
    }
}

#[expect(clippy::too_many_arguments, reason = "everything meets here once; a struct for one call would only rename it")]
#[expect(clippy::too_many_lines, reason = "one service after the other, each with its ports")]
pub(crate) async fn wire(
    config: &Config,
    secrets: &Secrets,
    public_url: &str,
    database: &Database,
    gate: &Gate,
    bus: &Bus,
    effects: &Arc<Notify>,
    points_due: &Arc<Notify>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
) -> PortResult<Shop> {
    let repository = Arc::new(SqlCatalogRepository::new(database.clone(), gate.redis.is_some()));
    let catalog: Arc<dyn CatalogService> = Arc::new(Catalogue::new(repository, clock.clone()));
    let inventory = Arc::new(Inventory {
        gate: gate.gate.clone(),
        ledger: Arc::new(SqlLedger::new(database.clone(), gate.mode)),
        adjustments: Arc::new(SqlAdjustmentLog::new(database.clone(), gate.mode)),
        effects: Arc::new(SqlGateEffects::new(database.clone(), ids.token())),
        outcomes: Arc::new(SqlReservationOutcomes::new(database.clone())),
        records: Arc::new(SqlRecordCheck::new(database.clone())),
        clock: clock.clone(),
    });
    let rules = Arc::new(RulesCache::default());
    let told: Option<Arc<dyn InventoryService>> = match gate.mode {
        StockMode::InCommit => None,
        StockMode::Reserved => Some(inventory.clone()),
    };
    let news = StaffNews { inventory: told, rules: rules.clone() };
    let catalog: Arc<dyn CatalogService> = Arc::new(ListingBridge { catalog, news: news.clone() });
    let seal = referrer_seal(config, secrets, ids.clone());
    let promotion: Arc<dyn PromotionService> = Arc::new(Promotions::new(PromotionPorts {
        repository: Arc::new(SqlPromotionRepository::new(database.clone(), gate.redis.is_some())),
        seal: Arc::new(seal.map_err(|error| PortError::internal("reading the referrer keys", error))?),
        listener: Arc::new(news),
        clock: clock.clone(),
    }));
    let member = Arc::new(Members {
        codes: Arc::new(SqlCodeRepository::new(database.clone())),
        code_limits: config.limits.codes(),
        sender: Arc::new(LogCodeSender),
        accounts: Arc::new(SqlAccountBook::new(database.clone())),
        addresses: Arc::new(SqlAddressBook::new(database.clone())),
        clock: clock.clone(),
        ids: ids.clone(),
    });
    let points = open_points(&config.points, database, points_due, clock.clone(), ids.clone())?;
    let shelf = Arc::new(ShelfBridge { catalog: catalog.clone(), inventory: inventory.clone() });
    let cart = Arc::new(Carts::new(Arc::new(SqlCartRepository::new(database.clone())), shelf, clock.clone()));

    let payments = Arc::new(SqlPaymentRepository::new(database.clone()));
    let callback_url = config.pay.sandbox_callback_url.clone().unwrap_or_else(|| public_url.to_owned());
    let sandbox = SandboxSettings {
        secret: secrets.sandbox.expose().to_owned(),
        public_url: public_url.to_owned(),
        callback_url: callback_url.trim_end_matches('/').to_owned(),
    };
    let channels = Arc::new(SqlSandboxChannels::new(database.clone()));
    let sandbox = Arc::new(SandboxGateway::new(sandbox, channels, payments.clone(), clock.clone(), ids.clone())?);
    let pay = Arc::new(Payments {
        payments,
        refunds: Arc::new(SqlRefundRepository::new(database.clone())),
        gateways: vec![sandbox.clone()],
        clock: clock.clone(),
        ids: ids.clone(),
    });

    let mut writer = WriterSettings::new(gate.mode);
    writer.queue = usize::try_from(config.order.commit_queue).unwrap_or(usize::MAX);
    let orders = Arc::new(Orders::new(OrderPorts {
        catalog: Arc::new(CatalogBridge::new(catalog.clone())),
        cart: Arc::new(CartBridge(cart.clone())),
        codes: Arc::new(CodeBridge(member.clone())),
        stock: Arc::new(StockBridge {
            gate: gate.gate.clone(),
            inventory: inventory.clone(),
            in_commit: gate.redis.is_none(),
            effects: effects.clone(),
        }),
        writer: Arc::new(SqlOrderWriter::start(database, writer, clock.clone()).await?),
        orders: Arc::new(SqlOrderRepository::new(database.clone(), gate.mode)),
        settlements: Arc::new(SqlSettlements::new(database.clone())),
        activities: Arc::new(ActivityBridge::new(promotion.clone(), catalog.clone(), rules)),
        payments: Arc::new(PayBridge { pay: pay.clone(), member: member.clone(), clock: clock.clone() }),
        points: Arc::new(PointsBridge(points.clone(), clock.clone())),
        clock: clock.clone(),
        ids: ids.clone(),
        timings: OrderTimings { payment_window: config.order.payment_window.0, timer_repeat: Duration::from_secs(1) },
        limits: config.limits.unpaid(),
    }));
    let partner = open_partners(&config.push, database, orders.clone(), catalog.clone(), clock.clone(), ids.clone())?;
    Ok(Shop {
        catalog,
        cart,
        inventory,
        member,
        points,
        orders,
        pay,
        promotion,
        partner,
        cashier: Arc::new(SandboxCashier(sandbox)),
        outbox: Arc::new(SqlOutboxStore::new(database.clone())),
        dead_letters: Arc::new(SqlDeadLetterStore::new(database.clone())),
        parking: ParkingPlace::new(Arc::new(SqlParkedStore::new(database.clone()))),
        publisher: bus.publisher.clone(),
        housekeeping: Arc::new(House::new(
            SqlHousekeeping::new(database.clone()),
            SqlSeenTimes::new(database.clone()),
            clock.clone(),
        )),
        health: Arc::new(Readiness::new(
            SqlTrial::new(database.clone()),
            gate.gate.clone(),
            bus.probe.clone(),
            clock.clone(),
            ids.clone(),
        )),
        clock,
        ids,
    })
}
