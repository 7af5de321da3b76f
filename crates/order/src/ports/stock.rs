//! The stock gate as the order context sees it.

use std::collections::HashMap;

use async_trait::async_trait;
use sluice_kernel::{PortResult, ReservationId, SkuId, StoreId, Timestamp, UserId, Window};

/// Why the stock says no; nothing was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StockRefusal {
    OffShelf(Vec<SkuId>),
    /// The revision the order was priced at is not the present one.
    Outdated(Vec<SkuId>),
    /// The gate decided outside the activity's window.
    OutsideWindow,
    /// The user's limit leaves no room.
    LimitReached,
    /// SKU and what is usable.
    Short(Vec<(SkuId, i64)>),
}

/// The terms of an activity that the gate checks with the stock, and the user whose limit it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReserveTerms {
    /// `None` for late money: the order was placed in time.
    pub window: Option<Window>,
    pub sku: SkuId,
    pub user: UserId,
    pub units: i64,
    pub most_orders: Option<i64>,
    pub most_units: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReserveAnswer {
    Held {
        epoch: i64,
    },
    Refused(StockRefusal),
    /// The reservation was given back before this call arrived.
    Gone,
}

/// The stock gate as placing sees it.
#[async_trait]
pub trait StockReserver: Send + Sync {
    /// True where the commit itself decides (database gate): `reserve` is then never called.
    fn decides_in_commit(&self) -> bool;
    /// `lines`: SKU, units, revision priced at (`None` for late money).
    async fn reserve(
        &self,
        store: StoreId,
        id: ReservationId,
        lines: &[(SkuId, i64, Option<i64>)],
        terms: Option<&ReserveTerms>,
        now: Timestamp,
    ) -> PortResult<ReserveAnswer>;
    /// The epoch in which a gate outside the database stands now for this store. An order that is read after this is at most
    /// as old as what the gate of this epoch counts.
    async fn epoch(&self, store: StoreId) -> PortResult<i64>;
    /// As `reserve`, but only in this epoch; fails with `PortError::GateClosed` in any other one. For orders that may have
    /// held units before: a gate that was counted anew since the order was read may have counted them.
    async fn reserve_in(
        &self,
        epoch: i64,
        store: StoreId,
        id: ReservationId,
        lines: &[(SkuId, i64, Option<i64>)],
        terms: Option<&ReserveTerms>,
        now: Timestamp,
    ) -> PortResult<ReserveAnswer>;
    /// What could be reserved of these now; SKUs without stock may be absent.
    async fn usable(&self, store: StoreId, skus: &[SkuId]) -> PortResult<HashMap<SkuId, i64>>;
    async fn release(&self, store: StoreId, id: ReservationId, now: Timestamp) -> PortResult<()>;
    /// This instant of the caller's clock by the gate's clock, which decides over windows; as far as it was measured.
    fn instant(&self, now: Timestamp) -> Timestamp {
        now
    }
    /// Committed changes wait in the effects queue: apply them soon. Never fails; the sweeper is the backstop.
    fn hint_effects(&self);
}
