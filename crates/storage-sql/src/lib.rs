//! SQLite and MySQL/MariaDB adapters of every context's storage ports.
//!
//! Contract: one schema (`sluice-migrations`), one set of statements in the common subset of both dialects, one contract
//! suite per port run on both. Every state change is a compare-and-set whose affected rows are checked; locks are taken
//! in one order everywhere: order → payment → stock → limits. sea-orm types appear in no signature outside this crate.

mod cart;
mod catalog;
mod connection;
mod database;
mod database_time;
mod error;
mod group;
#[cfg(test)]
mod growth_tests;
mod held;
mod inventory;
mod member;
mod messaging;
mod multi_row;
mod order;
mod page;
mod partner;
mod pay;
mod promotion;
mod session;
mod settlements;
mod sqlite;
mod statement;
mod trial;
mod unit_of_work;

pub use cart::SqlCartRepository;
pub use catalog::{SeedProduct, SqlCatalogRepository};
pub use database::{Database, DatabasePlace, DatabaseSettings};
pub use inventory::{
    Difference, GateMismatch, LimitDifference, SqlAdjustmentLog, SqlGateEffects, SqlGateSource, SqlGateState, SqlLedger,
    SqlReconciler, SqlRecordCheck, SqlReservationOutcomes, SqlStockGate, SqlStories, StockMode, StoryLine,
};
pub use member::{SqlAccountBook, SqlAddressBook, SqlCodeRepository, SqlPointsLedger, SqlPointsTasks};
pub use messaging::{
    LongestPauses, Purged, SqlDeadLetterStore, SqlFutureTimes, SqlHousekeeping, SqlNodeLease, SqlOutboxStore, SqlParkedStore,
    SqlSeenTimes,
};
pub use order::{SqlOrderRepository, SqlOrderWriter, WriterSettings};
pub use partner::{SqlDeliveryQueue, SqlSubscriptionRepository};
pub use pay::{SqlPaymentRepository, SqlRefundRepository, SqlSandboxChannels};
pub use promotion::SqlPromotionRepository;
pub use settlements::SqlSettlements;
pub use trial::{ServerLimits, SqlTrial, TrialFailed};
