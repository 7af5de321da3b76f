//! Money that is stored for an order closes its door: a cancellation looks for it in its own transaction.
//!
//! Contract: whoever stores money changes the payment's row, and whoever cancels holds that row from before the look until the
//! commit. So one of them comes first: money that was stored first refuses the cancellation, and money that comes second
//! finds the order cancelled and is late.

use std::collections::HashSet;

use sea_orm::QueryResult;
use sluice_kernel::OrderNo;
use sluice_order::{OrderStatus, Transition};
use sluice_pay::PaymentStatus;

use crate::{
    error::StoreResult,
    multi_row::InList,
    statement::Dialect,
    stored::Stored,
    table::{Row as _, row},
    unit_of_work::UnitOfWork,
};

row! {
    struct Money of payments {
        payment_id: String,
        order_no: Stored<OrderNo>,
        status: Stored<PaymentStatus>,
    }
}

static OF_ORDERS: InList = InList::new(Money::select, "order_no");
// By its key: the notice that is being stored takes the same lock first.
static LOCKED: InList = InList::with(Money::select, "payment_id", "", Dialect::for_update);

/// Those of the orders that are to be cancelled whose money is stored; the payments of the others are held.
pub(super) async fn stored_money(unit: &UnitOfWork, transitions: &[Transition]) -> StoreResult<HashSet<OrderNo>> {
    let cancelling = transitions.iter().filter(|transition| transition.to.status() == OrderStatus::Cancelled);
    let mut orders: Vec<i64> = cancelling.map(|transition| transition.order_no.id()).collect();
    if orders.is_empty() {
        return Ok(HashSet::new());
    }
    orders.sort_unstable();
    let mut found = read(&OF_ORDERS.rows(unit, &orders).await?)?;
    if unit.dialect() == Dialect::MySql && !found.is_empty() {
        let mut payments: Vec<String> = found.into_iter().map(|money| money.payment_id).collect();
        payments.sort_unstable();
        payments.dedup();
        found = read(&LOCKED.rows(unit, &payments).await?)?;
    }
    let stored = found.into_iter().filter(|money| money.status.0 == PaymentStatus::Paid);
    Ok(stored.map(|money| money.order_no.0).collect())
}

fn read(rows: &[QueryResult]) -> StoreResult<Vec<Money>> {
    rows.iter().map(Money::read).collect()
}
