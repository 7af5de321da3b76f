//! SQLite and MySQL/MariaDB adapters of every context's storage ports.
//!
//! Contract: one schema (`sluice-migrations`), each table said once (`table`), one set of statements in the common subset of both
//! dialects, one contract suite per port run on both. Every state change is a compare-and-set whose affected rows are checked; locks are taken
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
mod held_rows;
mod inventory;
mod member;
mod messaging;
mod multi_row;
mod operations;
mod order;
mod page;
mod partner;
mod pay;
mod promotion;
mod runner;
mod session;
mod settings;
mod settlements;
mod sqlite;
mod statement;
mod stored;
mod table;
mod unit_of_work;

pub use cart::SqlCartRepository;
pub use catalog::{SeedProduct, SqlCatalogRepository};
pub use database::Database;
pub use inventory::{
    GateMismatch, SqlAdjustmentLog, SqlGateEffects, SqlGateState, SqlLedger, SqlReservationOutcomes, SqlStockGate, StockMode,
};
pub use member::{SqlAccountBook, SqlAddressBook, SqlCodeRepository, SqlPointsLedger, SqlPointsTasks};
pub use messaging::{SqlDeadLetterStore, SqlNodeLease, SqlOutboxStore, SqlParkedStore, SqlSeenTimes};
pub use operations::{
    Difference, LimitDifference, LongestPauses, Purged, ServerLimits, SqlFutureTimes, SqlGateSource, SqlHousekeeping,
    SqlReconciler, SqlRecordCheck, SqlTraces, SqlTrial, TraceLine, TrialFailed,
};
pub use order::{SqlFollowTickets, SqlOrderRepository, SqlOrderWriter, WriterSettings};
pub use partner::{SqlDeliveryQueue, SqlSubscriptionRepository};
pub use pay::{SqlPaymentRepository, SqlRefundRepository, SqlSandboxChannels};
pub use promotion::SqlPromotionRepository;
pub use settings::{DatabasePlace, DatabaseSettings};
pub use settlements::SqlSettlements;
