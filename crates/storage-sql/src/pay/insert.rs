//! Payments are inserted in groups: where a provider must be asked, one stands on the path of every order.
//!
//! Contract: the group's rows are committed before closures and stored money are looked up. Whoever closes an order commits
//! the closure before looking for live payments, so of a closure and an insertion at least one sees the other. An order whose
//! money is stored takes no second payment.

use std::collections::{HashMap, HashSet};

use sea_orm::Value;
use sluice_kernel::{OrderNo, PaymentId, PortResult};
use sluice_pay::{InsertAnswer, Payment};

use super::row::{self, PAID, PAYMENT_COLUMNS, PENDING};
use crate::{
    database::Database,
    error::StoreResult,
    group::together_or_each,
    statement::{insert_into, padded, placeholders, power_chunks},
    unit_of_work::UnitOfWork,
};

/// Inserts a group; a row that breaks its group is inserted alone, so that it fails alone.
pub(super) async fn insert_group(database: Database, group: Vec<Payment>) -> Vec<PortResult<InsertAnswer>> {
    together_or_each("inserting a payment", group, |payments| {
        let database = database.clone();
        Box::pin(async move { insert_together(&database, payments).await })
    })
    .await
}

async fn insert_together(database: &Database, group: &[Payment]) -> StoreResult<Vec<InsertAnswer>> {
    let live = database.try_transact(move |unit, _| Box::pin(insert_rows(unit, group))).await?;
    let closed = closed_orders(database, group).await?;

    let mut answers = Vec::with_capacity(group.len());
    for payment in group {
        // A payment that a lost answer made come again may have been settled meanwhile; it counts as inserted.
        let standing = live.get(&payment.order_no).filter(|standing| standing.id != payment.id);
        if closed.contains(&payment.order_no) {
            mark_closed(database, &payment.id).await?;
            answers.push(InsertAnswer::Closed);
        } else if let Some(standing) = standing {
            answers.push(InsertAnswer::Live(standing.clone()));
        } else {
            answers.push(InsertAnswer::Inserted);
        }
    }
    Ok(answers)
}

/// Writes the rows and returns the live payment of each order.
async fn insert_rows(unit: &UnitOfWork, group: &[Payment]) -> StoreResult<HashMap<OrderNo, Payment>> {
    // Sorted, so that two groups that meet in several orders wait for each other instead of dying.
    let mut sorted: Vec<&Payment> = group.iter().collect();
    sorted.sort_by_key(|payment| payment.order_no);
    let keep = unit.dialect().keep_existing("order_no, live");
    for chunk in power_chunks(&sorted) {
        let statement = insert_into("payments", &PAYMENT_COLUMNS, chunk.len()) + &keep;
        unit.execute(statement, chunk.iter().flat_map(|payment| row::insert_values(payment)).collect()).await?;
    }

    let orders: Vec<i64> = sorted.iter().map(|payment| payment.order_no.id()).collect();
    let select = format!(
        "SELECT {} FROM payments WHERE order_no IN ({}) AND live = 1",
        PAYMENT_COLUMNS.join(", "),
        placeholders(orders.len())
    );
    let rows = unit.rows(select, padded(&orders).map(Value::from).collect()).await?;
    rows.iter().map(|found| row::payment(found).map(|payment| (payment.order_no, payment))).collect()
}

async fn closed_orders(database: &Database, group: &[Payment]) -> StoreResult<HashSet<OrderNo>> {
    let orders: Vec<i64> = group.iter().map(|payment| payment.order_no.id()).collect();
    let list = placeholders(orders.len());
    let select = format!(
        "SELECT order_no FROM payment_closures WHERE order_no IN ({list}) \
         UNION SELECT order_no FROM payments WHERE order_no IN ({list}) AND status = ?"
    );
    let numbers = || padded(&orders).map(Value::from);
    let rows = database.rows(select, numbers().chain(numbers()).chain([PAID.into()]).collect()).await?;
    rows.iter().map(|found| Ok(OrderNo::from_id(found.try_get_by("order_no")?))).collect()
}

/// pending → closed; `false` where it was not pending.
pub(super) async fn mark_closed(database: &Database, id: &PaymentId) -> StoreResult<bool> {
    let update = "UPDATE payments SET status = ?, live = NULL WHERE payment_id = ? AND status = ?";
    let changed = database.execute(update, vec![row::CLOSED.into(), id.as_str().into(), PENDING.into()]).await?;
    Ok(changed.rows_affected() > 0)
}
