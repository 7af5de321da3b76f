//! The ledger: every movement of stock, once.

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use sluice_events::{MovementKind, StockMoved};
use sluice_kernel::{OrderNo, PortResult, SkuId, StoreId, Timestamp};

use crate::{Figures, Listing};

/// One line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// Reservation, refund or adjustment.
    pub movement_id: String,
    pub sku: SkuId,
    pub kind: MovementKind,
    pub quantity: i64,
    pub order_no: Option<OrderNo>,
    pub reason: Option<String>,
    pub at: Timestamp,
    /// False while the movement waits for its predecessor before it can change the figures.
    pub applied: bool,
}

/// Every movement of a SKU and the proof that they add up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockTrace {
    pub movements: Vec<Movement>,
    /// Recomputed from all movements alone.
    pub computed: Figures,
    /// As the stock row says.
    pub ledger: Figures,
    /// `computed` equals `ledger` and both hold.
    pub adds_up: bool,
    /// True where the list was cut: the sums still cover all movements.
    pub truncated: bool,
}

/// What one look at reservations whose movements may be missing in the ledger came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// Reservations that were looked at.
    pub looked: usize,
    /// What the ledger lacked and has now.
    pub recorded: Vec<StockMoved>,
}

/// Behind a gate outside the database the ledger follows by message. A message may be lost; what it told of follows from
/// the order, and is recorded here, once.
#[async_trait]
pub trait RecordCheck: Send + Sync {
    /// Compares at most `limit` reservations that were committed, or looked at, at least so long ago with the ledger,
    /// records what it lacks, and forgets those of closed orders.
    async fn check(&self, older_than: Duration, now: Timestamp, limit: u32) -> PortResult<Checked>;
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
    /// What the catalog says of those SKUs that the store has.
    async fn listings(&self, store: StoreId, skus: &[SkuId]) -> PortResult<HashMap<SkuId, Listing>>;
    /// Newest movements first, at most `limit`; the sums cover all. `None` where the SKU does not exist in the store.
    async fn trace(&self, store: StoreId, sku: SkuId, limit: u32) -> PortResult<Option<StockTrace>>;
}
