//! Orders as they are read: one query a table, however many orders a page has.

use std::collections::HashMap;

use sea_orm::{QueryResult, Value};
use sluice_kernel::{Currency, Money, OrderNo, PaymentId, Points, ProductId, Quantity, ReservationId, SkuId, StoreId, UserId};
use sluice_order::{
    Attribution, ChildOrder, ItemLine, Order, OrderItem, OrderKind, OrderQuery, OrderState, OrderStatus, OrderTerms, Recipient,
};

use super::activity::read_part;
use crate::{
    Database,
    error::{StoreError, StoreResult},
    multi_row::tuple,
    page::leave_out,
    statement::{padded, placeholders},
    stored::code,
    table::{Row as _, order_activities, order_children, order_items, orders},
};

pub(super) async fn find(database: &Database, store: StoreId, order: OrderNo) -> StoreResult<Option<Order>> {
    let rows = database
        .rows(format!("{} WHERE order_no = ? AND store_id = ?", orders::Model::select()), vec![order.id().into(), store.0.into()])
        .await?;
    Ok(complete(database, rows).await?.pop())
}

/// Up to `limit + 1` orders, newest first.
pub(super) async fn list(database: &Database, query: &OrderQuery) -> StoreResult<Vec<Order>> {
    let rows = page(database, &orders::Model::select(), query, query.page.after).await?;
    match complete(database, rows).await {
        Err(error) if !error.is_unavailable() => {
            leave_out("orders", &error);
            list_one_by_one(database, query).await
        }
        listed => listed,
    }
}

/// Where an order cannot be read: the others of the page, and older ones in its place.
async fn list_one_by_one(database: &Database, query: &OrderQuery) -> StoreResult<Vec<Order>> {
    let wanted = usize::try_from(query.page.limit).unwrap_or(usize::MAX).saturating_add(1);
    let mut orders = Vec::new();
    let mut after = query.page.after;
    while orders.len() < wanted {
        let rows = page(database, "SELECT order_no FROM orders", query, after).await?;
        let numbers = rows.iter().map(tuple).collect::<StoreResult<Vec<i64>>>()?;
        for number in &numbers {
            match find(database, query.store, OrderNo::from_id(*number)).await {
                Ok(order) => orders.extend(order),
                Err(error) if error.is_unavailable() => return Err(error),
                Err(error) => leave_out("orders", &error),
            }
        }
        after = numbers.last().copied();
        if numbers.len() < wanted {
            break;
        }
    }
    orders.truncate(wanted);
    Ok(orders)
}

/// These orders, as many as can be read, newest first.
pub(super) async fn these(database: &Database, store: StoreId, numbers: &[i64]) -> StoreResult<Vec<Order>> {
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let (select, list) = (orders::Model::select(), placeholders(numbers.len()));
    let sql = format!("{select} WHERE store_id = ? AND order_no IN ({list}) ORDER BY order_no DESC");
    let values = std::iter::once(store.0).chain(padded(numbers)).map(Value::from).collect();
    match complete(database, database.rows(sql, values).await?).await {
        Err(error) if !error.is_unavailable() => leave_out("orders", &error),
        read => return read,
    }
    let mut orders = Vec::with_capacity(numbers.len());
    for number in numbers {
        match find(database, store, OrderNo::from_id(*number)).await {
            Ok(order) => orders.extend(order),
            Err(error) if error.is_unavailable() => return Err(error),
            Err(error) => leave_out("orders", &error),
        }
    }
    Ok(orders)
}

/// Up to `limit + 1` rows beyond `after`, newest first; `select` ends in FROM orders.
async fn page(database: &Database, select: &str, query: &OrderQuery, after: Option<i64>) -> StoreResult<Vec<QueryResult>> {
    let numbers = newest(database, query, after).await?;
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!("{select} WHERE order_no IN ({}) ORDER BY order_no DESC", placeholders(numbers.len()));
    database.rows(sql, padded(&numbers).map(Value::from).collect()).await
}

/// The numbers of the newest orders of a store, or of one of its users: the newest of each status that is asked for, put
/// together, since both indexes go by status. Nothing but numbers is asked for, so that the index alone answers: for whole
/// rows MariaDB would rather go through all orders, newest first, until it has found enough of a rare status.
async fn newest(database: &Database, query: &OrderQuery, after: Option<i64>) -> StoreResult<Vec<i64>> {
    let limit: Value = (i64::from(query.page.limit) + 1).into();
    let of_user = if query.user.is_some() { " AND user_id = ?" } else { "" };
    let statuses: &[OrderStatus] = query.status.as_ref().map_or(&OrderStatus::ALL, std::slice::from_ref);
    let (mut parts, mut values) = (Vec::new(), Vec::new());
    for status in statuses {
        let code = code(*status);
        parts.push(format!(
            "SELECT order_no FROM (SELECT order_no FROM orders WHERE store_id = ?{of_user} AND status = ? AND order_no < ? \
             ORDER BY order_no DESC LIMIT ?) AS status_{code}"
        ));
        values.push(query.store.0.into());
        values.extend(query.user.as_ref().map(|user| Value::from(user.as_str())));
        values.extend([code.into(), after.unwrap_or(i64::MAX).into(), limit.clone()]);
    }
    let sql = format!("{} ORDER BY order_no DESC LIMIT ?", parts.join(" UNION ALL "));
    values.push(limit);
    database.rows(sql, values).await?.iter().map(tuple).collect()
}

/// Adds children, items and, where there are orders of activities, what those keep: two or three queries more, none for an
/// empty page.
async fn complete(database: &Database, rows: Vec<QueryResult>) -> StoreResult<Vec<Order>> {
    let mut orders = rows.iter().map(read_order).collect::<StoreResult<Vec<Order>>>()?;
    if orders.is_empty() {
        return Ok(orders);
    }
    let numbers: Vec<i64> = orders.iter().map(|order| order.order_no.id()).collect();
    let of_main =
        |select: String, key: &str, order: &str| format!("{select} WHERE {key} IN ({}){order}", placeholders(numbers.len()));
    let keys = || padded(&numbers).map(Value::from).collect::<Vec<Value>>();
    let children = database.rows(of_main(order_children::Model::select(), "main_no", " ORDER BY order_no"), keys()).await?;
    let items = database.rows(of_main(order_items::Model::select(), "main_no", " ORDER BY main_no, sku_id"), keys()).await?;
    let has_parts = orders.iter().any(|order| order.terms.kind == OrderKind::Activity);
    let parts = of_main(order_activities::Model::select(), "order_no", "");
    let parts = if has_parts { database.rows(parts, keys()).await? } else { Vec::new() };

    let mut by_number: HashMap<OrderNo, &mut Order> = orders.iter_mut().map(|order| (order.order_no, order)).collect();
    for row in &children {
        let child = order_children::Model::read(row)?;
        let Some(order) = by_number.get_mut(&child.main_no.0) else { continue };
        order.terms.children.push(read_child(child, order.terms.total.currency));
    }
    for row in &items {
        let item = order_items::Model::read(row)?;
        let Some(order) = by_number.get_mut(&item.main_no.0) else { continue };
        order.items.push(read_item(item, order.terms.total.currency)?);
    }
    for row in &parts {
        let part = order_activities::Model::read(row)?;
        let Some(order) = by_number.get_mut(&part.order_no.0) else { continue };
        order.terms.activity = Some(read_part(part, order.terms.total.currency)?);
    }
    drop(by_number);
    if orders.iter().any(|order| (order.terms.kind == OrderKind::Activity) != order.terms.activity.is_some()) {
        return Err(StoreError::Corrupt("order_activities.order_no"));
    }
    Ok(orders)
}

fn read_order(row: &QueryResult) -> StoreResult<Order> {
    let row = orders::Model::read(row)?;
    let order_no = row.order_no.0;
    let cancel_reason = row.cancel_reason.map(|reason| reason.0);
    let payment = row.payment_id.map(PaymentId);
    let paid = || payment.clone().ok_or(StoreError::Corrupt("orders.payment_id"));
    let state = match row.status.0 {
        OrderStatus::Unpaid => OrderState::Unpaid,
        OrderStatus::Confirming => OrderState::Confirming,
        OrderStatus::Paid => OrderState::Paid { payment: paid()? },
        OrderStatus::Fulfilled => OrderState::Fulfilled { payment: paid()? },
        OrderStatus::Completed => OrderState::Completed { payment: paid()? },
        OrderStatus::Cancelled => {
            OrderState::Cancelled { reason: cancel_reason.ok_or(StoreError::Corrupt("orders.cancel_reason"))? }
        }
        OrderStatus::Failed => OrderState::Failed,
        OrderStatus::PaidAfterClose => OrderState::PaidAfterClose { payment: paid()? },
        OrderStatus::Refunded => OrderState::Refunded { payment: paid()? },
    };
    let attempt = u16::try_from(row.attempt).map_err(|_| StoreError::Corrupt("orders.attempt"))?;
    Ok(Order {
        order_no,
        store: StoreId(row.store_id),
        user: UserId(row.user_id),
        terms: OrderTerms {
            kind: row.kind.0,
            total: Money::new(row.total, row.currency.0),
            points_total: Points(row.points_total),
            profit_total: row.profit_total,
            created_at: row.created_at.0,
            expires_at: row.expires_at.0,
            recipient: Recipient {
                name: row.recipient_name,
                phone: row.recipient_phone,
                id_card: row.recipient_id_card,
                province: row.recipient_province,
                city: row.recipient_city,
                district: row.recipient_district,
                address: row.recipient_address,
            },
            store_code: row.store_code,
            attribution: Attribution { rq: row.rq, cookie_id: row.cookie_id },
            referrer: row.referrer,
            redirect_type: row.redirect_type,
            activity: None,
            children: Vec::new(),
        },
        state,
        cancel_reason,
        reservation: ReservationId { order: order_no, attempt },
        refunded: row.refunded,
        refund_state: row.refund_state.0,
        paid_at: row.paid_at.map(|at| at.0),
        items: Vec::new(),
        version: row.version,
    })
}

fn read_child(row: order_children::Model, currency: Currency) -> ChildOrder {
    ChildOrder {
        order_no: row.order_no.0,
        delivery_place: row.delivery_place.into(),
        total: Money::new(row.total, currency),
        points_total: Points(row.points_total),
        profit_total: row.profit_total,
    }
}

fn read_item(row: order_items::Model, currency: Currency) -> StoreResult<OrderItem> {
    let line = ItemLine {
        sku_id: SkuId(row.sku_id),
        product_id: ProductId(row.product_id),
        title: row.title.into(),
        picture: row.picture.map(Into::into),
        spec: row.spec.into(),
        code: row.code.into(),
        quantity: Quantity::new(row.quantity).map_err(|_| StoreError::Corrupt("order_items.quantity"))?,
        unit_price: Money::new(row.unit_price, currency),
        unit_points: Points(row.unit_points),
        line_total: Money::new(row.line_total, currency),
        supplier_price: row.supplier_price,
        allotable_profit: row.allotable_profit,
        delivery_place: row.delivery_place.into(),
        revision: row.revision,
    };
    Ok(OrderItem { line, restocked: row.restocked })
}
