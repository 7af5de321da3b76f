//! Everything a running process offers to the API, the worker and the command line.

use std::sync::Arc;

use async_trait::async_trait;
use sluice_cart::CartService;
use sluice_catalog::CatalogService;
use sluice_events::{DeadLetterStore, OutboxStore, ParkingPlace, Publisher};
use sluice_inventory::InventoryService;
use sluice_kernel::{Clock, IdGenerator, OrderNo, PaymentId, PortResult};
use sluice_member::MemberService;
use sluice_order::OrderService;
use sluice_partner::PartnerService;
use sluice_pay::{PayError, PayService, SandboxOutcome};
use sluice_points::PointsService;
use sluice_promotion::PromotionService;
use sluice_storage_sql::{SqlTraces, TraceLine};

/// The wired services of one process.
#[derive(Clone)]
pub struct Shop {
    pub catalog: Arc<dyn CatalogService>,
    pub cart: Arc<dyn CartService>,
    pub inventory: Arc<dyn InventoryService>,
    pub member: Arc<dyn MemberService>,
    pub points: Arc<dyn PointsService>,
    pub orders: Arc<dyn OrderService>,
    pub pay: Arc<dyn PayService>,
    pub promotion: Arc<dyn PromotionService>,
    pub partner: Arc<dyn PartnerService>,
    /// The embedded provider's cashier.
    pub cashier: Arc<dyn Cashier>,
    pub outbox: Arc<dyn OutboxStore>,
    pub dead_letters: Arc<dyn DeadLetterStore>,
    /// Events that stepped aside, as all of this process shares them.
    pub parking: ParkingPlace,
    pub publisher: Arc<dyn Publisher>,
    pub health: Arc<dyn HealthProbe>,
    pub housekeeping: Arc<dyn Housekeeping>,
    pub traces: Arc<dyn OrderTraces>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdGenerator>,
}

/// The embedded `sandbox` provider as its cashier page uses it.
#[async_trait]
pub trait Cashier: Send + Sync {
    /// Notes the buyer's choice and sends the signed callback; answers once the callback was accepted or is left to the
    /// sweeper. `PayError::Closed` where the payment takes no money any more, `PayError::NotFound` where there is none.
    async fn choose(&self, id: &PaymentId, outcome: SandboxOutcome) -> Result<(), PayError>;
    /// Sends callbacks that were not accepted yet; returns how many it tried.
    async fn deliver_owed(&self) -> Result<usize, PayError>;
}

/// Everything that happened to an order, as `sluice trace order` tells it.
#[async_trait]
pub trait OrderTraces: Send + Sync {
    /// In the order it happened; a bounded number of lines of each kind. Whose order it is, is not asked.
    async fn of_order(&self, order: OrderNo) -> PortResult<Vec<TraceLine>>;
}

#[async_trait]
impl OrderTraces for SqlTraces {
    async fn of_order(&self, order: OrderNo) -> PortResult<Vec<TraceLine>> {
        Self::of_order(self, order).await
    }
}

/// Deletes rows that have served their time (docs/operations.md).
#[async_trait]
pub trait Housekeeping: Send + Sync {
    /// Deletes a bounded number of each table's; `true` where more are left.
    async fn delete_some(&self) -> PortResult<bool>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartState {
    Up,
    /// Away or wrong, but orders still flow (the bus, the clock): ready, degraded.
    Degraded,
    Down,
}

/// One part this process depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartHealth {
    /// `database`, `gate`, `bus`, `outbox`, `clock`.
    pub name: &'static str,
    pub state: PartState,
    pub detail: String,
}

/// Asks every part within a bounded time.
#[async_trait]
pub trait HealthProbe: Send + Sync {
    async fn check(&self) -> Vec<PartHealth>;
}
