//! Placing orders: the hot path (docs/architecture.md follows one order through it).
//!
//! `cart` and `activity` check and price what is asked for, by rules that are plain functions; `commit` takes the units and writes
//! the order, both or neither. `preview` asks the same checks and takes nothing.

mod activity;
#[cfg(test)]
mod activity_tests;
mod cart;
#[cfg(test)]
mod cart_tests;
mod commit;
mod discount;
#[cfg(test)]
mod discount_tests;
mod in_flight;
mod lines;
mod offer;
#[cfg(test)]
mod offer_tests;
mod preview;
#[cfg(test)]
mod preview_tests;
mod pricing;
mod request;
#[cfg(test)]
mod request_tests;
mod required_fields;
#[cfg(test)]
mod required_fields_tests;
mod unpaid;
#[cfg(test)]
mod unpaid_tests;

use std::str::FromStr;

pub(crate) use in_flight::{InFlightKey, InFlightKeys};
pub use pricing::{DeliveryPart, Priced};
pub(crate) use request::{check_activity_order, check_cart_order};
pub(crate) use unpaid::UnpaidShares;
pub use unpaid::{Unpaid, UnpaidLimits};

/// An id as the client wrote it. It is opaque to the client: one that cannot be ours names nothing.
fn parse_id<T: FromStr + ToString>(text: &str) -> Option<T> {
    text.parse::<T>().ok().filter(|id| id.to_string() == text)
}
