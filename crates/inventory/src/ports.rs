//! The stock gate and the ledger, as inventory needs them.

use std::collections::HashMap;

use async_trait::async_trait;
use sluice_events::{RestockLine, StockMoved};
use sluice_kernel::{PortResult, ReservationId, SkuId, StoreId, Timestamp, UserId};

use crate::{
    Adjustment, AdjustmentId, Figures, GateAnswer, GateEffect, GateStatus, Listing, ReserveLine, Settled, Short, StockTrace, Terms,
    UserLimit,
};

/// Decides who gets the units. Two adapters, one contract suite (`testing`): the database gate and the Redis gate.
/// Every call is idempotent by the id it names.
#[async_trait]
pub trait StockGate: Send + Sync {
    /// All lines and the user's limit, or nothing. `now` is the instant of the decision. Of several reasons to refuse the
    /// first is answered: off shelf, outdated, outside the window, limit reached, short. Fails with
    /// `PortError::GateClosed` while the gate is in doubt.
    async fn reserve(
        &self,
        store: StoreId,
        id: ReservationId,
        lines: &[ReserveLine],
        terms: &Terms,
        now: Timestamp,
    ) -> PortResult<GateAnswer>;
    /// locked → sold, for all lines of the reservation; what was taken of the user's limit stays taken. An unknown
    /// reservation is refused.
    async fn sell(&self, store: StoreId, id: ReservationId, now: Timestamp) -> PortResult<Settled>;
    /// locked → usable, and what was taken of the user's limit is free again. An unknown reservation leaves a tombstone,
    /// so that a reserve that arrives late takes nothing.
    async fn release(&self, store: StoreId, id: ReservationId, now: Timestamp) -> PortResult<Settled>;
    /// sold → usable, once per refund.
    async fn restock(&self, store: StoreId, refund: &str, lines: &[RestockLine], now: Timestamp) -> PortResult<Settled>;
    /// Changes usable and received, once per adjustment; refused where usable would fall below zero.
    /// Answers the epoch it was counted in.
    async fn adjust(
        &self,
        store: StoreId,
        id: &AdjustmentId,
        sku: SkuId,
        delta: i64,
        now: Timestamp,
    ) -> PortResult<Result<i64, Short>>;
    /// Takes over what the catalog says; an older revision than the known one changes nothing.
    async fn set_listing(&self, store: StoreId, sku: SkuId, listing: Listing) -> PortResult<()>;
    /// Figures of those SKUs the gate knows.
    async fn figures(&self, store: StoreId, skus: &[SkuId]) -> PortResult<HashMap<SkuId, Figures>>;
    /// Everything that users have taken of the limits of this store's SKUs, by SKU and user, for comparing with the orders:
    /// nothing on the path of an order asks for it. Who has nothing taken is absent.
    async fn taken(&self, store: StoreId) -> PortResult<Vec<TakenOfLimit>>;
    /// Reservations older than `before` that were neither settled nor confirmed. The database gate has none: its
    /// reservations commit together with their orders.
    async fn unconfirmed(&self, before: Timestamp, limit: u32) -> PortResult<Vec<(StoreId, ReservationId)>>;
    /// Their orders exist: the sweeper need not look at them again.
    async fn confirm(&self, reservations: &[(StoreId, ReservationId)]) -> PortResult<()>;
    async fn status(&self) -> PortResult<GateStatus>;
}

/// The row a placement and the sweeper race for: the group commit writes `committed`, the sweeper `released`; the
/// reservation id is unique, so only one of them wins (design.md, trap 6).
#[async_trait]
pub trait ReservationOutcomes: Send + Sync {
    /// Writes `released` for those that have no outcome yet and returns all whose outcome is `released`.
    async fn abandon(&self, reservations: &[(StoreId, ReservationId)], now: Timestamp)
    -> PortResult<Vec<(StoreId, ReservationId)>>;
}

/// Orders and units that a user holds or has bought of one SKU of an activity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenOfLimit {
    pub store: StoreId,
    pub sku: SkuId,
    pub user: UserId,
    pub orders: i64,
    pub units: i64,
}

/// Everything a gate outside the database is rebuilt from, read in one consistent view. Orders and completed
/// adjustments are counted, not the stock rows, which may lag.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GateSnapshot {
    pub skus: Vec<(StoreId, SkuId, Figures, Listing)>,
    /// Reservations that hold locked units, with what they took of a user's limit.
    pub held: Vec<(StoreId, ReservationId, Vec<ReserveLine>, Option<UserLimit>)>,
    /// What every user has taken of the SKUs of activities.
    pub taken: Vec<TakenOfLimit>,
    /// Restocks that are counted in `skus` but still stand in the effects queue: they must not count twice.
    pub restocked: Vec<(StoreId, String)>,
}

/// The gate's epoch and its rebuild, as the database sees it (promise P7).
#[async_trait]
pub trait GateSource: Send + Sync {
    /// Present epoch and whether the gate is open.
    async fn epoch(&self) -> PortResult<(i64, bool)>;
    /// Raises the epoch and closes the gate, after every commit under the old one has ended. `None` where the
    /// present epoch is not `expected`: somebody else was faster.
    async fn close(&self, expected: i64) -> PortResult<Option<i64>>;
    async fn snapshot(&self) -> PortResult<GateSnapshot>;
    /// Opens the gate under `epoch`; `false` where the epoch has moved on.
    async fn open(&self, epoch: i64) -> PortResult<bool>;
}

/// The stock rows and the ledger in the database.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// True where rows follow what `stock-sync` tells; false where they stand in the orders' own transactions, so that
    /// [`Ledger::record`] has nothing to add.
    fn follows_messages(&self) -> bool;
    /// Takes over movements that `stock-sync` tells: each once (unique by movement, SKU and kind), the figures of a
    /// SKU changed by one guarded UPDATE per batch. A movement whose predecessor is missing is kept and applied later.
    async fn record(&self, movements: &[StockMoved]) -> PortResult<()>;
    async fn figures(&self, store: StoreId, skus: &[SkuId]) -> PortResult<HashMap<SkuId, Figures>>;
    /// Newest movements first, at most `limit`; the sums cover all. `None` where the SKU does not exist in the store.
    async fn trace(&self, store: StoreId, sku: SkuId, limit: u32) -> PortResult<Option<StockTrace>>;
}

/// Adjustments from the moment they are asked until they stand in the database, so that a crash between gate and
/// database is finished by the sweeper and never drifts.
#[async_trait]
pub trait AdjustmentLog: Send + Sync {
    /// Notes the intent. `false` where this adjustment was noted before.
    async fn begin(&self, adjustment: &Adjustment) -> PortResult<bool>;
    /// The gate agreed: ledger and outbox in one transaction; with the database gate they stand already.
    /// `false` where the gate was rebuilt since `epoch`: nothing was written, the gate must be asked again.
    async fn complete(&self, adjustment: &Adjustment, epoch: i64) -> PortResult<bool>;
    /// The gate refused.
    async fn reject(&self, id: &AdjustmentId) -> PortResult<()>;
    /// Intents older than `before` that were neither completed nor rejected.
    async fn unfinished(&self, before: Timestamp, limit: u32) -> PortResult<Vec<Adjustment>>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateEffectRow {
    pub id: i64,
    pub effect: GateEffect,
}

/// Committed changes that a gate outside the database must still be told, in the order they were committed. With the
/// database gate there are never any.
#[async_trait]
pub trait GateEffects: Send + Sync {
    async fn pending(&self, limit: u32) -> PortResult<Vec<GateEffectRow>>;
    async fn done(&self, ids: &[i64]) -> PortResult<()>;
}
