//! The inventory context: the stock gate, reservations and the ledger.
//!
//! Contract: spec.md, Words, *stock*. `usable + locked + sold = received`, none negative, at every quiet point. A
//! reservation takes all its lines or none; reserve, sell, release and restock happen once, however often they are asked.

mod effects;
mod error;
mod model;
mod ports;
mod service;
#[cfg(feature = "testing")]
pub mod testing;

pub use error::InventoryError;
pub use model::{
    Adjustment, AdjustmentId, AdjustmentState, Figures, GateAnswer, GateEffect, GateStatus, Listing, Movement, ReserveLine,
    SaleWindow, Settled, Short, StockTrace, Terms, UserLimit,
};
pub use ports::{
    AdjustmentBegin, AdjustmentLog, BoundGate, Checked, GateEffectRow, GateEffects, GateSnapshot, GateSource, Ledger, RecordCheck,
    ReservationOutcomes, StockGate, TakenOfLimit,
};
pub use service::{Adjusted, Inventory, InventoryService, MAX_CHECKED, Stock, Swept};
