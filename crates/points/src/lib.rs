//! The points context: the points account, what is asked of it, and the tasks that stand until an answer is known.
//!
//! Contract: docs/domain.md S1 rule 9. An operation moves points once, whatever is repeated; a platform that is away delays, and
//! loses nothing.

mod accounts;
mod error;
mod model;
mod platform;
mod ports;
mod service;
#[cfg(feature = "testing")]
pub mod testing;

pub use accounts::{PointsAccounts, PointsRoute};
pub use error::PointsError;
pub use model::{
    PointsAnswer, PointsEntry, PointsKind, PointsOperation, PointsStats, PointsTask, RefundKept, StandingTask, TaskName, TaskState,
    points_payment,
};
pub use platform::PlatformPace;
pub use ports::{PointsAccount, PointsTasks};
pub use service::{Granted, PointsDeduction, PointsGrant, PointsRefundBegun, PointsService, PointsStatement, RefundOfPoints};
