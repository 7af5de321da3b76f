//! Bridges: where one context needs another, its own port is implemented here over the other's service.

mod activity;
mod cart;
mod catalog;
mod code;
mod listing;
mod news;
mod offer_cache;
mod partner;
mod pay;
mod points;
mod shelf;
mod stock;

pub use activity::{ActivityBridge, RulesCache};
pub use cart::CartBridge;
pub use catalog::CatalogBridge;
pub use code::CodeBridge;
pub use listing::ListingBridge;
pub use news::StaffNews;
pub use partner::OrderFactsBridge;
pub use pay::PayBridge;
pub use points::PointsBridge;
pub use shelf::ShelfBridge;
pub use stock::StockBridge;

use sluice_kernel::{Classified, ErrorKind, PortError};

/// What a port of one context is told of another context's error: only port failures cross as they are.
pub fn port_error(what: &'static str, error: impl Classified + Send + Sync + 'static) -> PortError {
    match error.kind() {
        ErrorKind::Unavailable | ErrorKind::RateLimited => PortError::unavailable(what, error),
        ErrorKind::Overloaded => PortError::Overloaded { what },
        ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::Conflict | ErrorKind::Internal => PortError::internal(what, error),
    }
}
