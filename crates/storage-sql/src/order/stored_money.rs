//! Money that is stored for an order closes its door: a cancellation looks for it in its own transaction.
//!
//! Contract: whoever stores money changes the payment's row, and whoever cancels holds that row from before the look until the
//! commit. So one of them comes first: money that was stored first refuses the cancellation, and money that comes second
//! finds the order cancelled and is late.

use std::collections::HashSet;

use sluice_kernel::OrderNo;
use sluice_order::{OrderStatus, Transition};

use crate::{
    error::StoreResult,
    multi_row::{InList, column},
    statement::Dialect,
    unit_of_work::UnitOfWork,
};

/// `payments.status` of a payment whose money is stored.
const PAID: i64 = 2;

static OF_ORDERS: InList = InList::new("SELECT payment_id, order_no, status FROM payments WHERE order_no IN", |_| "");
// By its key: the notice that is being stored takes the same lock first.
static LOCKED: InList = InList::new("SELECT payment_id, order_no, status FROM payments WHERE payment_id IN", Dialect::for_update);

/// Those of the orders that are to be cancelled whose money is stored; the payments of the others are held.
pub(super) async fn stored_money(unit: &UnitOfWork, transitions: &[Transition]) -> StoreResult<HashSet<OrderNo>> {
    let cancelling = transitions.iter().filter(|transition| transition.to.status() == OrderStatus::Cancelled);
    let mut orders: Vec<i64> = cancelling.map(|transition| transition.order_no.id()).collect();
    if orders.is_empty() {
        return Ok(HashSet::new());
    }
    orders.sort_unstable();
    let mut rows = OF_ORDERS.rows(unit, &orders).await?;
    if unit.dialect() == Dialect::MySql && !rows.is_empty() {
        let mut payments: Vec<String> = rows.iter().map(|row| column(row, 0)).collect::<StoreResult<_>>()?;
        payments.sort_unstable();
        payments.dedup();
        rows = LOCKED.rows(unit, &payments).await?;
    }
    let mut stored = HashSet::new();
    for row in &rows {
        if column::<i64>(row, 2)? == PAID {
            stored.insert(OrderNo::from_id(column(row, 1)?));
        }
    }
    Ok(stored)
}
