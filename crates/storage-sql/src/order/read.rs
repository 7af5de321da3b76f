//! Orders as they are read: one query a table, however many orders a page has.

use std::collections::HashMap;

use sea_orm::{QueryResult, Value};
use sluice_kernel::{
    Currency, Money, OrderNo, PaymentId, Points, ProductId, Quantity, ReservationId, SkuId, StoreId, Timestamp, UserId,
};
use sluice_order::{
    Attribution, ChildOrder, ItemLine, Order, OrderItem, OrderKind, OrderQuery, OrderState, OrderStatus, OrderTerms, Recipient,
};

use super::{
    activity::{PART, read_part},
    codes::{kind_of, reason_of, refund_of, status_code, status_of},
};
use crate::{
    Database,
    error::{StoreError, StoreResult},
    multi_row::column,
    page::leave_out,
    statement::{padded, placeholders},
};

const ORDER: &str = "SELECT order_no, store_id, user_id, kind, status, cancel_reason, attempt, currency, total, points_total, \
                     profit_total, refunded, refund_state, created_at, expires_at, paid_at, payment_id, store_code, rq, cookie_id, \
                     referrer, redirect_type, version, recipient_name, recipient_phone, recipient_id_card, recipient_province, \
                     recipient_city, recipient_district, recipient_address FROM orders";
const CHILD: &str =
    "SELECT main_no, order_no, delivery_place, total, points_total, profit_total FROM order_children WHERE main_no IN";
const ITEM: &str = "SELECT main_no, sku_id, product_id, title, picture, spec, code, quantity, unit_price, unit_points, line_total, \
                    supplier_price, allotable_profit, delivery_place, revision, restocked FROM order_items WHERE main_no IN";

pub(super) async fn find(database: &Database, store: StoreId, order: OrderNo) -> StoreResult<Option<Order>> {
    let rows =
        database.rows(format!("{ORDER} WHERE order_no = ? AND store_id = ?"), vec![order.id().into(), store.0.into()]).await?;
    Ok(complete(database, rows).await?.pop())
}

/// Up to `limit + 1` orders, newest first.
pub(super) async fn list(database: &Database, query: &OrderQuery) -> StoreResult<Vec<Order>> {
    let rows = page(database, ORDER, query, query.page.after).await?;
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
        let numbers = rows.iter().map(|row| column(row, 0)).collect::<StoreResult<Vec<i64>>>()?;
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
        let code = status_code(*status);
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
    database.rows(sql, values).await?.iter().map(|row| column(row, 0)).collect()
}

/// Adds children, items and, where there are orders of activities, what those keep: two or three queries more, none for an
/// empty page.
async fn complete(database: &Database, rows: Vec<QueryResult>) -> StoreResult<Vec<Order>> {
    let mut orders = rows.iter().map(read_order).collect::<StoreResult<Vec<Order>>>()?;
    if orders.is_empty() {
        return Ok(orders);
    }
    let numbers: Vec<i64> = orders.iter().map(|order| order.order_no.id()).collect();
    let of_main = |select: &str, tail: &str| format!("{select} ({}){tail}", placeholders(numbers.len()));
    let keys = || padded(&numbers).map(Value::from).collect::<Vec<Value>>();
    let children = database.rows(of_main(CHILD, " ORDER BY order_no"), keys()).await?;
    let items = database.rows(of_main(ITEM, " ORDER BY main_no, sku_id"), keys()).await?;
    let has_parts = orders.iter().any(|order| order.terms.kind == OrderKind::Activity);
    let parts = if has_parts { database.rows(of_main(PART, ""), keys()).await? } else { Vec::new() };

    let mut by_number: HashMap<i64, &mut Order> = orders.iter_mut().map(|order| (order.order_no.id(), order)).collect();
    for row in children {
        let Some(order) = by_number.get_mut(&column::<i64>(&row, 0)?) else { continue };
        let child = read_child(&row, order.terms.total.currency)?;
        order.terms.children.push(child);
    }
    for row in items {
        let Some(order) = by_number.get_mut(&column::<i64>(&row, 0)?) else { continue };
        let item = read_item(&row, order.terms.total.currency)?;
        order.items.push(item);
    }
    for row in parts {
        let Some(order) = by_number.get_mut(&column::<i64>(&row, 0)?) else { continue };
        order.terms.activity = Some(read_part(&row, order.terms.total.currency)?);
    }
    drop(by_number);
    if orders.iter().any(|order| (order.terms.kind == OrderKind::Activity) != order.terms.activity.is_some()) {
        return Err(StoreError::Corrupt("order_activities.order_no"));
    }
    Ok(orders)
}

fn read_order(row: &QueryResult) -> StoreResult<Order> {
    let order_no = OrderNo::from_id(column(row, 0)?);
    let cancel_reason = column::<Option<i16>>(row, 5)?.map(reason_of).transpose()?;
    let payment = column::<Option<String>>(row, 16)?.map(PaymentId);
    let paid = || payment.clone().ok_or(StoreError::Corrupt("orders.payment_id"));
    let state = match status_of(column(row, 4)?)? {
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
    let attempt = u16::try_from(column::<i16>(row, 6)?).map_err(|_| StoreError::Corrupt("orders.attempt"))?;
    let currency: Currency = column::<String>(row, 7)?.parse().map_err(|_| StoreError::Corrupt("orders.currency"))?;
    Ok(Order {
        order_no,
        store: StoreId(column(row, 1)?),
        user: UserId(column(row, 2)?),
        terms: OrderTerms {
            kind: kind_of(column(row, 3)?)?,
            total: Money::new(column(row, 8)?, currency),
            points_total: Points(column(row, 9)?),
            profit_total: column(row, 10)?,
            created_at: Timestamp::from_millis(column(row, 13)?),
            expires_at: Timestamp::from_millis(column(row, 14)?),
            recipient: read_recipient(row)?,
            store_code: column(row, 17)?,
            attribution: Attribution { rq: column(row, 18)?, cookie_id: column(row, 19)? },
            referrer: column(row, 20)?,
            redirect_type: column(row, 21)?,
            activity: None,
            children: Vec::new(),
        },
        state,
        cancel_reason,
        reservation: ReservationId { order: order_no, attempt },
        refunded: column(row, 11)?,
        refund_state: refund_of(column(row, 12)?)?,
        paid_at: column::<Option<i64>>(row, 15)?.map(Timestamp::from_millis),
        items: Vec::new(),
        version: column(row, 22)?,
    })
}

fn read_child(row: &QueryResult, currency: Currency) -> StoreResult<ChildOrder> {
    Ok(ChildOrder {
        order_no: OrderNo::from_id(column(row, 1)?),
        delivery_place: column::<String>(row, 2)?.into(),
        total: Money::new(column(row, 3)?, currency),
        points_total: Points(column(row, 4)?),
        profit_total: column(row, 5)?,
    })
}

fn read_item(row: &QueryResult, currency: Currency) -> StoreResult<OrderItem> {
    let line = ItemLine {
        sku_id: SkuId(column(row, 1)?),
        product_id: ProductId(column(row, 2)?),
        title: column::<String>(row, 3)?.into(),
        picture: column::<Option<String>>(row, 4)?.map(Into::into),
        spec: column::<String>(row, 5)?.into(),
        code: column::<String>(row, 6)?.into(),
        quantity: Quantity::new(column(row, 7)?).map_err(|_| StoreError::Corrupt("order_items.quantity"))?,
        unit_price: Money::new(column(row, 8)?, currency),
        unit_points: Points(column(row, 9)?),
        line_total: Money::new(column(row, 10)?, currency),
        supplier_price: column(row, 11)?,
        allotable_profit: column(row, 12)?,
        delivery_place: column::<String>(row, 13)?.into(),
        revision: column(row, 14)?,
    };
    Ok(OrderItem { line, restocked: column(row, 15)? })
}

fn read_recipient(row: &QueryResult) -> StoreResult<Recipient> {
    Ok(Recipient {
        name: column(row, 23)?,
        phone: column(row, 24)?,
        id_card: column(row, 25)?,
        province: column(row, 26)?,
        city: column(row, 27)?,
        district: column(row, 28)?,
        address: column(row, 29)?,
    })
}
