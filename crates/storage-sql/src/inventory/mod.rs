//! Stock in the database: the gate, the ledger, and what a gate outside the database needs.
//!
//! Contract: whoever changes figures locks the stock rows in SKU order first, and writes figures and ledger rows in one
//! transaction. A stock row guards what users have taken of its SKU, too (`limits`). The same functions (`stock`) decide
//! in the group commit, in order transitions and in the gate.

mod adjustments;
#[cfg(test)]
mod batch_tests;
mod effects;
mod gate;
pub(crate) mod gate_state;
pub(crate) mod ledger;
pub(crate) mod limits;
mod outcomes;
pub(crate) mod stock;

pub use adjustments::SqlAdjustmentLog;
pub use effects::SqlGateEffects;
pub use gate::SqlStockGate;
pub use gate_state::{GateMismatch, SqlGateState};
pub use ledger::SqlLedger;
pub use outcomes::SqlReservationOutcomes;

pub(crate) use effects::queue_effect;
pub(crate) use gate_state::{Epoch, shared_epoch};
pub(crate) use outcomes::commit_outcomes;
pub(crate) use stock::empty_stock;

/// Where the decision over the stock is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StockMode {
    /// In the order's own transaction: the database gate.
    InCommit,
    /// Before the commit, at a gate outside the database; stock and ledger follow through `stock-sync`.
    Reserved,
}
