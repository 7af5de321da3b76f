//! Adjustments: units that staff receive or write off, once under their name.

use async_trait::async_trait;
use sluice_kernel::{PortResult, SkuId, StoreId, Timestamp};

/// Names one adjustment; repeating it changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AdjustmentId(pub String);

/// What became of an adjustment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdjustmentState {
    /// Asked, and not known to be finished.
    Pending,
    Done,
    Rejected,
}

/// Staff receive units (positive) or write them off (negative).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjustment {
    pub id: AdjustmentId,
    pub store: StoreId,
    pub sku: SkuId,
    pub delta: i64,
    pub reason: String,
    pub at: Timestamp,
}

/// How an adjustment stands when it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdjustmentBegin {
    /// Noted now.
    Begun,
    /// Noted before, for the same change, and neither completed nor rejected.
    Unfinished,
    /// Completed before, for the same change.
    Done,
    /// Rejected before: nothing ever happens under this id.
    Rejected,
    /// The id stands for another change.
    KeyReused,
}

/// Adjustments from the moment they are asked until they stand in the database, so that a crash between gate and
/// database is finished by the sweeper and never drifts.
#[async_trait]
pub trait AdjustmentLog: Send + Sync {
    /// Notes the intent, or answers how the one that was noted under this id stands.
    async fn begin(&self, adjustment: &Adjustment) -> PortResult<AdjustmentBegin>;
    /// What became of it; `None` where it was never noted.
    async fn state(&self, id: &AdjustmentId) -> PortResult<Option<AdjustmentState>>;
    /// The gate agreed: ledger and outbox in one transaction; with the database gate they stand already.
    /// `false` where the gate was rebuilt since `epoch`: nothing was written, the gate must be asked again.
    async fn complete(&self, adjustment: &Adjustment, epoch: i64) -> PortResult<bool>;
    /// The gate refused. `false` where it was rebuilt since `epoch`: nothing was written, the gate must be asked again.
    async fn reject(&self, adjustment: &Adjustment, epoch: i64) -> PortResult<bool>;
    /// Intents older than `before` that were neither completed nor rejected and are due, oldest first.
    async fn unfinished(&self, before: Timestamp, now: Timestamp, limit: u32) -> PortResult<Vec<Adjustment>>;
    /// Could not be finished: due again at `until`, so that it hides no other.
    async fn put_off(&self, id: &AdjustmentId, until: Timestamp) -> PortResult<()>;
}
