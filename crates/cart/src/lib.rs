//! The cart context: lines and their selection, shown at current prices.
//!
//! Contract: docs/domain.md S2 rule 6: what was ordered leaves the cart, asynchronously, never below 0.

mod error;
mod model;
mod ports;
mod service;
#[cfg(feature = "testing")]
pub mod testing;

pub use error::CartError;
pub use model::{Cart, CartItem, CartLine, OrderedLines, SelectedLines, ShelfEntry};
pub use ports::{CartRepository, PutOutcome, ShelfReader};
pub use service::{CartService, Carts};
