//! Bridges: where one context needs another, its own port is implemented here over the other's service.

mod cart;
mod catalog;
mod code;
mod listing;
mod pay;
mod shelf;
mod stock;

pub use cart::CartBridge;
pub use catalog::CatalogBridge;
pub use code::CodeBridge;
pub use listing::ListingBridge;
pub use pay::PayBridge;
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
