//! `/cart`: the caller's cart. Every change answers the cart.

pub mod clear;
pub mod get;
pub mod put_item;
pub mod remove_item;
