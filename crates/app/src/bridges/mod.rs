//! Bridges: where one context needs another, its own port is implemented here over the other's service.

mod cart_to_catalog;
mod catalog_to_inventory;
mod change_notifier;
mod offer_cache;
mod order_to_cart;
mod order_to_catalog;
mod order_to_inventory;
mod order_to_member;
mod order_to_pay;
mod order_to_points;
mod order_to_promotion;
mod partner_to_order;

pub use cart_to_catalog::CartToCatalog;
pub use catalog_to_inventory::CatalogToInventory;
pub use change_notifier::ChangeNotifier;
pub use order_to_cart::OrderToCart;
pub use order_to_catalog::OrderToCatalog;
pub use order_to_inventory::OrderToInventory;
pub use order_to_member::OrderToMember;
pub use order_to_pay::OrderToPay;
pub use order_to_points::OrderToPoints;
pub use order_to_promotion::{OrderToPromotion, RulesCache};
pub use partner_to_order::PartnerToOrder;

use sluice_kernel::{Classified, ErrorKind, PortError};

/// What a port of one context is told of another context's error: only port failures cross as they are.
pub fn port_error(what: &'static str, error: impl Classified + Send + Sync + 'static) -> PortError {
    match error.kind() {
        ErrorKind::Unavailable | ErrorKind::RateLimited => PortError::unavailable(what, error),
        ErrorKind::Overloaded => PortError::Overloaded { what },
        ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::Conflict | ErrorKind::Internal => PortError::internal(what, error),
    }
}
