//! What an idempotency key or the claim to a cart is stored as: a hash of whose it is and what it says.

use sha2::{Digest as _, Sha256};
use sluice_kernel::{StoreId, UserId};
use sluice_order::{IdempotencyKey, NewOrder};

pub(super) type Scope = [u8; 16];

const CART_ROUTE: &str = "cart-checkout";

/// The first 16 bytes of SHA-256 over `route \n store \n user \n key`: keys of any length stand in an index of fixed width.
fn scope_of(route: &str, store: StoreId, user: &UserId, key: &str) -> Scope {
    let mut hash = Sha256::new();
    hash.update(route);
    hash.update("\n");
    hash.update(store.to_string());
    hash.update("\n");
    hash.update(user.as_str());
    hash.update("\n");
    hash.update(key);
    let mut scope = Scope::default();
    for (byte, from) in scope.iter_mut().zip(hash.finalize()) {
        *byte = from;
    }
    scope
}

pub(super) fn key_scope(key: &IdempotencyKey) -> Scope {
    scope_of(key.route, key.store, &key.user, &key.key)
}

pub(super) fn cart_scope(order: &NewOrder) -> Option<Scope> {
    order.cart_version.map(|version| scope_of(CART_ROUTE, order.store, &order.user, &version.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_tells_route_store_user_and_key_apart() {
        let scope = |route, store, user: &str, key| scope_of(route, StoreId(store), &UserId::from(user), key);
        let base = scope("orders", 1, "42", "k");
        for other in [
            scope("refunds", 1, "42", "k"),
            scope("orders", 2, "42", "k"),
            scope("orders", 1, "43", "k"),
            scope("orders", 1, "42", "l"),
        ] {
            assert_ne!(base, other);
        }
        assert_eq!(base, scope("orders", 1, "42", "k"));
    }
}
