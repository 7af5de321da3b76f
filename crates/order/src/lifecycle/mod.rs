//! What happens to an order after it was placed: settlement, cancellation, expiry, refunds.
//!
//! Callback, client, timer and sweeper all end in the same idempotent commands here. Each reads the order, decides by
//! the state machine, and writes a compare-and-set; who loses reads again. Only money that pay has verified arrives.

mod attempt;
mod cancel;
mod fulfilment;
mod late_money;
mod payment;
#[cfg(test)]
mod payment_tests;
mod points;
#[cfg(test)]
mod points_tests;
mod refund;
#[cfg(test)]
mod refund_tests;
mod waiting;

use sluice_events::OrderLine;

pub(crate) use refund::check_refund_request;

use crate::Order;

/// The order's lines as events carry them.
fn lines(order: &Order) -> Vec<OrderLine> {
    order
        .items
        .iter()
        .map(|item| OrderLine {
            sku_id: item.line.sku_id,
            product_id: item.line.product_id,
            quantity: item.line.quantity.get(),
            unit_price: item.line.unit_price,
            unit_points: item.line.unit_points,
        })
        .collect()
}
