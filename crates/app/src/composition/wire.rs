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
    SqlDeadLetterStore, SqlFollowTickets, SqlGateEffects, SqlHousekeeping, SqlLedger, SqlOrderRepository, SqlOrderWriter,
    SqlOutboxStore, SqlParkedStore, SqlPaymentRepository, SqlPromotionRepository, SqlRecordCheck, SqlRefundRepository,
    SqlReservationOutcomes, SqlSandboxChannels, SqlSeenTimes, SqlSettlements, SqlTraces, SqlTrial, StockMode, WriterSettings,
};
use tokio::sync::Notify;

use super::{bus::Bus, gate::Gate, partner::open_partner, points::open_points};
use crate::{
    Cashier, Config, Secrets, Shop,
    bridges::{
        CartToCatalog, CatalogToInventory, ChangeNotifier, OrderToCart, OrderToCatalog, OrderToInventory, OrderToMember,
        OrderToPay, OrderToPoints, OrderToPromotion, RulesCache,
    },
    health::Readiness,
    operations::housekeeping::ExpiredRows,
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

/// What every service is built upon.
pub(super) struct Foundation<'a> {
    pub(super) config: &'a Config,
    pub(super) secrets: &'a Secrets,
    pub(super) public_url: &'a str,
    pub(super) database: &'a Database,
    pub(super) gate: &'a Gate,
    pub(super) bus: &'a Bus,
    /// Notified when the gate must be told of a committed change.
    pub(super) effects: &'a Arc<Notify>,
    /// Notified when a points task is due.
    pub(super) points_due: &'a Arc<Notify>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn IdGenerator>,
}

impl Foundation<'_> {
    /// One service after the other, those that others need first.
    pub(super) async fn wire(&self) -> PortResult<Shop> {
        let (database, clock, ids) = (self.database, &self.clock, &self.ids);
        let inventory = self.inventory();
        let rules = Arc::new(RulesCache::default());
        let notifier = self.change_notifier(&inventory, &rules);
        let catalog = self.catalog(notifier.clone());
        let promotion = self.promotion(notifier)?;
        let member = self.member();
        let points = open_points(&self.config.points, database, self.points_due, clock.clone(), ids.clone())?;
        let cart = self.cart(&catalog, &inventory);
        let (pay, sandbox) = self.pay()?;

        let mut writer = WriterSettings::new(self.gate.mode);
        writer.queue = usize::try_from(self.config.order.commit_queue).unwrap_or(usize::MAX);
        let orders = Arc::new(Orders::new(OrderPorts {
            catalog: Arc::new(OrderToCatalog::new(catalog.clone())),
            cart: Arc::new(OrderToCart(cart.clone())),
            codes: Arc::new(OrderToMember(member.clone())),
            stock: Arc::new(OrderToInventory {
                gate: self.gate.gate.clone(),
                inventory: inventory.clone(),
                in_commit: self.gate.redis.is_none(),
                effects: self.effects.clone(),
            }),
            writer: Arc::new(SqlOrderWriter::start(database, writer, clock.clone()).await?),
            orders: Arc::new(SqlOrderRepository::new(database.clone(), self.gate.mode)),
            settlements: Arc::new(SqlSettlements::new(database.clone())),
            tickets: Arc::new(SqlFollowTickets::new(database.clone())),
            activities: Arc::new(OrderToPromotion::new(promotion.clone(), catalog.clone(), rules)),
            payments: Arc::new(OrderToPay { pay: pay.clone(), member: member.clone(), clock: clock.clone() }),
            points: Arc::new(OrderToPoints(points.clone(), clock.clone())),
            clock: clock.clone(),
            ids: ids.clone(),
            timings: OrderTimings { payment_window: self.config.order.payment_window.0, timer_repeat: Duration::from_secs(1) },
            limits: self.config.limits.unpaid(),
        }));
        let partner = open_partner(&self.config.push, database, orders.clone(), catalog.clone(), clock.clone(), ids.clone())?;
        let expired = ExpiredRows::new(SqlHousekeeping::new(database.clone()), SqlSeenTimes::new(database.clone()), clock.clone());
        let trial = SqlTrial::new(database.clone());
        let health = Readiness::new(trial, self.gate.gate.clone(), self.bus.probe.clone(), clock.clone(), ids.clone());
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
            publisher: self.bus.publisher.clone(),
            housekeeping: Arc::new(expired),
            traces: Arc::new(SqlTraces::new(database.clone())),
            health: Arc::new(health),
            clock: clock.clone(),
            ids: ids.clone(),
        })
    }

    fn inventory(&self) -> Arc<Inventory> {
        let database = self.database;
        Arc::new(Inventory {
            gate: self.gate.gate.clone(),
            ledger: Arc::new(SqlLedger::new(database.clone(), self.gate.mode)),
            adjustments: Arc::new(SqlAdjustmentLog::new(database.clone(), self.gate.mode)),
            effects: Arc::new(SqlGateEffects::new(database.clone(), self.ids.token())),
            outcomes: Arc::new(SqlReservationOutcomes::new(database.clone())),
            records: Arc::new(SqlRecordCheck::new(database.clone())),
            clock: self.clock.clone(),
        })
    }

    fn change_notifier(&self, inventory: &Arc<Inventory>, rules: &Arc<RulesCache>) -> ChangeNotifier {
        let told: Option<Arc<dyn InventoryService>> = match self.gate.mode {
            StockMode::InCommit => None,
            StockMode::Reserved => Some(inventory.clone()),
        };
        ChangeNotifier { inventory: told, rules: rules.clone() }
    }

    fn catalog(&self, notifier: ChangeNotifier) -> Arc<dyn CatalogService> {
        let repository = SqlCatalogRepository::new(self.database.clone(), self.gate.redis.is_some());
        let catalog = Arc::new(Catalogue::new(Arc::new(repository), self.clock.clone()));
        Arc::new(CatalogToInventory { catalog, notifier })
    }

    fn promotion(&self, notifier: ChangeNotifier) -> PortResult<Arc<dyn PromotionService>> {
        let seal = referrer_seal(self.config, self.secrets, self.ids.clone());
        Ok(Arc::new(Promotions::new(PromotionPorts {
            repository: Arc::new(SqlPromotionRepository::new(self.database.clone(), self.gate.redis.is_some())),
            seal: Arc::new(seal.map_err(|error| PortError::internal("reading the referrer keys", error))?),
            listener: Arc::new(notifier),
            clock: self.clock.clone(),
        })))
    }

    fn member(&self) -> Arc<Members> {
        Arc::new(Members {
            codes: Arc::new(SqlCodeRepository::new(self.database.clone())),
            code_limits: self.config.limits.codes(),
            sender: Arc::new(LogCodeSender),
            accounts: Arc::new(SqlAccountBook::new(self.database.clone())),
            addresses: Arc::new(SqlAddressBook::new(self.database.clone())),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
        })
    }

    fn cart(&self, catalog: &Arc<dyn CatalogService>, inventory: &Arc<Inventory>) -> Arc<Carts> {
        let shelf = Arc::new(CartToCatalog { catalog: catalog.clone(), inventory: inventory.clone() });
        Arc::new(Carts::new(Arc::new(SqlCartRepository::new(self.database.clone())), shelf, self.clock.clone()))
    }

    /// The payments, and the sandbox as the one provider.
    fn pay(&self) -> PortResult<(Arc<Payments>, Arc<SandboxGateway>)> {
        let payments = Arc::new(SqlPaymentRepository::new(self.database.clone()));
        let callback_url = self.config.pay.sandbox_callback_url.as_deref().unwrap_or(self.public_url);
        let settings = SandboxSettings {
            secret: self.secrets.sandbox.expose().to_owned(),
            public_url: self.public_url.to_owned(),
            callback_url: callback_url.trim_end_matches('/').to_owned(),
        };
        let channels = Arc::new(SqlSandboxChannels::new(self.database.clone()));
        let sandbox = SandboxGateway::new(settings, channels, payments.clone(), self.clock.clone(), self.ids.clone())?;
        let sandbox = Arc::new(sandbox);
        let pay = Payments {
            payments,
            refunds: Arc::new(SqlRefundRepository::new(self.database.clone())),
            gateways: vec![sandbox.clone()],
            clock: self.clock.clone(),
            ids: self.ids.clone(),
        };
        Ok((Arc::new(pay), sandbox))
    }
}
