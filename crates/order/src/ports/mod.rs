//! What the order context needs from others; bridged or adapted outside.

mod activities;
mod cart;
mod catalog;
mod codes;
mod payments;
mod points;
mod repository;
mod settlements;
mod stock;
mod tickets;
mod writer;

pub use activities::{Activities, OfferCard, OfferLookup, StoreRules};
pub use cart::CartReader;
pub use catalog::{Catalog, ShelfCard};
pub use codes::{CodeVerdict, CodeVerifier};
pub use payments::{PaymentRefund, Payments, RestockRequest};
pub use points::{PointsAccount, PointsRefund};
pub use repository::{Applied, MAX_LOOKED_AT, OrderRepository, StockStep, Transition};
pub use settlements::{Settlements, WaitingSettlement};
pub use stock::{ReserveAnswer, ReserveTerms, StockRefusal, StockReserver};
pub use tickets::{FollowTickets, KeptTicket};
pub use writer::{CommitOutcome, OrderWriter};
