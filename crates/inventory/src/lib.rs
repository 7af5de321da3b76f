//! The inventory context: the stock gate, reservations and the ledger.
//!
//! Contract: docs/domain.md, Words, *stock*. `usable + locked + sold = received`, none negative, at every quiet point. A
//! reservation takes all its lines or none; reserve, sell, release and restock happen once, however often they are asked.

mod adjustment;
mod error;
mod gate;
mod ledger;
mod service;
#[cfg(feature = "testing")]
pub mod testing;

pub use adjustment::{Adjustment, AdjustmentBegin, AdjustmentId, AdjustmentLog, AdjustmentState};
pub use error::InventoryError;
pub use gate::{
    BoundGate, Figures, GateAnswer, GateEffect, GateEffectRow, GateEffects, GateSnapshot, GateSource, GateStatus, Listing,
    ReservationOutcomes, ReserveLine, SaleWindow, Settled, Short, StockGate, TakenOfLimit, Terms, UserLimit,
};
pub use ledger::{Checked, Ledger, Movement, RecordCheck, StockTrace};
pub use service::{Adjusted, Inventory, InventoryService, MAX_CHECKED, Stock, Swept};
