//! Carts.

use super::table;
use crate::stored::At;

table! {
    /// A cart and its version.
    carts = "carts", key(store_id: i64, user_id: String) {
        version: i64,
    }
}

table! {
    /// A line of a cart.
    cart_lines = "cart_lines", key(store_id: i64, user_id: String, sku_id: i64) {
        quantity: i64,
        selected: bool,
        added_at: At,
    }
}
