//! The stock gate: it alone decides who gets units.

mod effects;
mod model;
mod ports;

pub use model::{Figures, GateAnswer, GateEffect, GateStatus, Listing, ReserveLine, SaleWindow, Settled, Short, Terms, UserLimit};
pub use ports::{BoundGate, GateEffectRow, GateEffects, GateSnapshot, GateSource, ReservationOutcomes, StockGate, TakenOfLimit};
