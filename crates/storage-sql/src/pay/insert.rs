//! Payments are inserted in groups: where a provider must be asked, one stands on the path of every order.
//!
//! Contract: the group's rows are committed before closures and stored money are looked up. Whoever closes an order commits
//! the closure before looking for live payments, so of a closure and an insertion at least one sees the other. An order whose
//! money is stored takes no second payment.

use std::collections::{HashMap, HashSet};

use sea_orm::{ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _, Value, sea_query::ExprTrait as _};
use sluice_kernel::{OrderNo, PaymentId, PortResult};
use sluice_pay::{InsertAnswer, Payment, PaymentStatus};

use super::row;
use crate::{
    database::Database,
    error::StoreResult,
    group::together_or_each,
    multi_row::{MultiRow, tuple},
    statement::{padded, placeholders},
    stored::{Stored, code},
    table::payments::{ActiveModel, Column, Entity, Model},
    unit_of_work::UnitOfWork,
};

static NEW_PAYMENTS: MultiRow<Model> = MultiRow::with_tail(|dialect| dialect.keep_existing("order_no, live"));

/// Inserts a group; a row that breaks its group is inserted alone, so that it fails alone.
pub(super) async fn insert_group(database: Database, group: Vec<Payment>) -> Vec<PortResult<InsertAnswer>> {
    together_or_each("inserting a payment", group, |payments| {
        let database = database.clone();
        Box::pin(async move { insert_together(&database, payments).await })
    })
    .await
}

async fn insert_together(database: &Database, group: &[Payment]) -> StoreResult<Vec<InsertAnswer>> {
    let live = database.transact(move |unit, _| Box::pin(insert_rows(unit, group))).await?;
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
    NEW_PAYMENTS.run(unit, sorted.iter().map(|payment| row::new_payment(payment))).await?;

    let orders: Vec<OrderNo> = sorted.iter().map(|payment| payment.order_no).collect();
    let live = Entity::find().filter(Column::OrderNo.is_in(padded(&orders).map(Stored))).filter(Column::Live.eq(1));
    Ok(live.all(unit).await?.into_iter().map(row::payment).map(|payment| (payment.order_no, payment)).collect())
}

async fn closed_orders(database: &Database, group: &[Payment]) -> StoreResult<HashSet<OrderNo>> {
    let orders: Vec<i64> = group.iter().map(|payment| payment.order_no.id()).collect();
    let list = placeholders(orders.len());
    let select = format!(
        "SELECT order_no FROM payment_closures WHERE order_no IN ({list}) \
         UNION SELECT order_no FROM payments WHERE order_no IN ({list}) AND status = ?"
    );
    let numbers = || padded(&orders).map(Value::from);
    let values = numbers().chain(numbers()).chain([code(PaymentStatus::Paid).into()]).collect();
    let rows = database.rows(select, values).await?;
    rows.iter().map(|found| Ok(OrderNo::from_id(tuple(found)?))).collect()
}

/// pending → closed; `false` where it was not pending.
pub(super) async fn mark_closed(database: &Database, id: &PaymentId) -> StoreResult<bool> {
    let closed = Entity::update_many()
        .set(ActiveModel { status: Set(Stored(PaymentStatus::Closed)), live: Set(None), ..Default::default() })
        .filter(Column::PaymentId.eq(id.as_str()).and(Column::Status.eq(Stored(PaymentStatus::Pending))));
    Ok(closed.exec(database).await?.rows_affected > 0)
}
