//! The stock gate, what it is counted from, and the queue of what it must be told.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use sluice_events::RestockLine;
use sluice_kernel::{PortResult, ReservationId, SkuId, StoreId, Timestamp, UserId};

use crate::{AdjustmentId, Figures, GateAnswer, GateEffect, GateStatus, Listing, ReserveLine, Settled, Short, Terms, UserLimit};

/// A gate in one epoch, see [`StockGate::bound`].
#[derive(Clone)]
pub struct BoundGate {
    pub epoch: i64,
    pub gate: Arc<dyn StockGate>,
}

/// Decides who gets the units. Two adapters, one contract suite (`testing`): the database gate and the Redis gate.
/// Every call is idempotent by the id it names.
#[async_trait]
pub trait StockGate: Send + Sync {
    /// All lines and the user's limit, or nothing. The instant of the decision is the gate's: `now` for the database
    /// gate, which decides in the caller's process, and the time of Redis for a gate there. Of several reasons to refuse the
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
    /// The same gate, bound to the epoch in which it stands now for this store. Whoever reads the database after this and
    /// then calls the bound gate can't tell something to a gate that was counted anew in between, and has it counted
    /// twice: such a call fails with `PortError::GateClosed`, and the caller begins again with this.
    async fn bound(&self, store: StoreId) -> PortResult<BoundGate>;
    /// The gate contradicts what was committed, as far as a bound gate stands for it: it closes for this store and is
    /// counted anew. Nothing to do for the database gate.
    async fn distrust(&self, store: StoreId, why: &str) -> PortResult<()>;
    /// locked → sold, for all lines of the reservation; what was taken of the user's limit stays taken. An unknown
    /// reservation is answered as such.
    async fn sell(&self, store: StoreId, id: ReservationId, now: Timestamp) -> PortResult<Settled>;
    /// locked → usable, and what was taken of the user's limit is free again. An unknown reservation leaves a tombstone,
    /// so that a reserve that arrives late takes nothing, and is answered as unknown however often it is asked.
    async fn release(&self, store: StoreId, id: ReservationId, now: Timestamp) -> PortResult<Settled>;
    /// sold → usable, once per refund.
    async fn restock(&self, store: StoreId, refund: &str, lines: &[RestockLine], now: Timestamp) -> PortResult<Settled>;
    /// Changes usable and received, once per adjustment; refused where usable would fall below zero, and then for good
    /// in this epoch. Answers the epoch it was counted in.
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
    /// Reservations of at least this age, by the gate's clock, that were neither settled nor confirmed. The database gate has none: its
    /// reservations commit together with their orders.
    async fn unconfirmed(&self, older_than: Duration, limit: u32) -> PortResult<Vec<(StoreId, ReservationId)>>;
    /// Their orders exist: the sweeper need not look at them again.
    async fn confirm(&self, reservations: &[(StoreId, ReservationId)]) -> PortResult<()>;
    async fn status(&self) -> PortResult<GateStatus>;
    /// This instant of the caller's clock by the gate's clock, as far as it was measured.
    fn instant(&self, now: Timestamp) -> Timestamp {
        now
    }
}

/// The row a placement and the sweeper race for: the group commit writes `committed`, the sweeper `released`; the
/// reservation id is unique, so only one of them wins.
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

/// Everything a gate outside the database is rebuilt from, read in one consistent view: the stock rows with what they do
/// not have yet, and what is open. Its size and the work to read it do not grow with the orders that are closed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GateSnapshot {
    pub skus: Vec<(StoreId, SkuId, Figures, Listing)>,
    /// Reservations that hold locked units, with what they took of a user's limit.
    pub held: Vec<(StoreId, ReservationId, Vec<ReserveLine>, Option<UserLimit>)>,
    /// What the users of `held` have taken of the SKUs of activities. The others' is asked for when they come,
    /// [`GateSource::taken_by`]: until then it does not change.
    pub taken: Vec<TakenOfLimit>,
    /// SKUs of which nobody ever took anything: nobody needs to be asked for.
    pub untouched: Vec<(StoreId, SkuId)>,
    /// Restocks that are counted in `skus` but still stand in the effects queue: they must not count twice.
    pub restocked: Vec<(StoreId, String)>,
    /// Sales (true) and releases (false) that are counted in `skus` but still stand in the effects queue. What the queue
    /// tells of later the gate must know.
    pub settled: Vec<(StoreId, ReservationId, bool)>,
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
    /// Orders and units that the user's orders hold or have bought of this SKU.
    async fn taken_by(&self, store: StoreId, sku: SkuId, user: &UserId) -> PortResult<(i64, i64)>;
    /// Opens the gate under `epoch`; `false` where the epoch has moved on.
    async fn open(&self, epoch: i64) -> PortResult<bool>;
}

/// A committed change that a gate outside the database must still be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateEffectRow {
    pub id: i64,
    /// The order (or `sku ID`) it belongs to: what belongs to one is told in the order it was committed.
    pub lane: String,
    /// `None` where it can't be read.
    pub effect: Option<GateEffect>,
    /// How often it failed by itself, while the gate answered.
    pub attempts: u32,
}

/// Committed changes that a gate outside the database must still be told. With the database gate there are never any.
/// Order is kept within an order or SKU only; what fails steps aside, alone with what must follow it.
#[async_trait]
pub trait GateEffects: Send + Sync {
    /// Stores with changes, due or not, at most `limit` of them, those with the lowest ids after `after` first.
    async fn stores(&self, after: Option<StoreId>, limit: u32) -> PortResult<Vec<StoreId>>;
    /// Takes at most `limit` of the store's due changes, the oldest of each lane, for the time of a bounded lease:
    /// nobody else is given them meanwhile.
    async fn claim(&self, store: StoreId, limit: u32, now: Timestamp) -> PortResult<Vec<GateEffectRow>>;
    /// The gate has them.
    async fn done(&self, ids: &[i64]) -> PortResult<()>;
    /// Not told, for no fault of theirs: due again at `until`.
    async fn put_off(&self, ids: &[i64], until: Timestamp) -> PortResult<()>;
    /// Failed by itself: due again at `until`, or (`None`) given up and shown to staff with `why`.
    async fn failed(&self, id: i64, why: &str, until: Option<Timestamp>) -> PortResult<()>;
    /// How many were given up.
    async fn given_up(&self) -> PortResult<u64>;
    /// Forgets those; the gate was counted anew since, with what they told of.
    async fn forget_given_up(&self) -> PortResult<u64>;
}
