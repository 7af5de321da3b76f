//! SQLite and MySQL/MariaDB adapters of every context's storage ports.
//!
//! Contract: one schema (`sluice-migrations`), one set of statements in the common subset of both dialects, one contract
//! suite per port run on both. Every state change is a compare-and-set whose affected rows are checked; locks are taken
//! in one order everywhere: order → stock → limits. sea-orm types appear in no signature outside this crate.

mod cart;
mod catalog;
mod database;
mod error;
mod group;
mod inventory;
mod member;
mod messaging;
mod multi_row;
mod order;
mod partner;
mod pay;
mod promotion;
mod statement;
mod unit_of_work;

pub use cart::SqlCartRepository;
pub use catalog::{SeedProduct, SqlCatalogRepository};
pub use database::{Database, DatabaseSettings};
pub use inventory::{
    Difference, GateMismatch, LimitDifference, SqlAdjustmentLog, SqlGateEffects, SqlGateSource, SqlGateState, SqlLedger,
    SqlReconciler, SqlReservationOutcomes, SqlStockGate, SqlStories, StockMode, StoryLine,
};
pub use member::{SqlAccountBook, SqlAddressBook, SqlCodeRepository, SqlPointsLedger, SqlPointsTasks};
pub use messaging::{Purged, SqlDeadLetterStore, SqlHousekeeping, SqlNodeLease, SqlOutboxStore};
pub use order::{SqlOrderRepository, SqlOrderWriter, WriterSettings};
pub use partner::{SqlDeliveryQueue, SqlSubscriptionRepository};
pub use pay::{SqlPaymentRepository, SqlRefundRepository, SqlSandboxChannels};
pub use promotion::SqlPromotionRepository;
