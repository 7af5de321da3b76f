//! Orders as they are read: one query a table, however many orders a page has.

use std::collections::HashMap;

use sea_orm::{QueryResult, Value};
use sluice_kernel::{
    Currency, Money, OrderNo, PaymentId, Points, ProductId, Quantity, ReservationId, SkuId, StoreId, Timestamp, UserId,
};
use sluice_order::{
    Attribution, ChildOrder, ItemLine, Order, OrderItem, OrderKind, OrderQuery, OrderState, OrderStatus, Recipient,
};

use super::{
    activity::{PART, read_part},
    codes::{kind_of, reason_of, refund_of, status_code, status_of},
};
use crate::{
    Database,
    error::{StoreError, StoreResult},
    multi_row::column,
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

/// Up to `limit + 1` orders, newest first. The filters make a handful of shapes.
pub(super) async fn list(database: &Database, query: &OrderQuery) -> StoreResult<Vec<Order>> {
    let mut sql = format!("{ORDER} WHERE store_id = ?");
    let mut values: Vec<Value> = vec![query.store.0.into()];
    let mut filter = |condition: &str, value: Value| {
        sql.push_str(condition);
        values.push(value);
    };
    if let Some(user) = &query.user {
        filter(" AND user_id = ?", user.as_str().into());
    }
    if let Some(status) = query.status {
        filter(" AND status = ?", status_code(status).into());
    }
    if let Some(after) = query.page.after {
        filter(" AND order_no < ?", after.into());
    }
    filter(" ORDER BY order_no DESC LIMIT ?", (i64::from(query.page.limit) + 1).into());
    let rows = database.rows(sql, values).await?;
    complete(database, rows).await
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
    let has_parts = orders.iter().any(|order| order.kind == OrderKind::Activity);
    let parts = if has_parts { database.rows(of_main(PART, ""), keys()).await? } else { Vec::new() };

    let mut by_number: HashMap<i64, &mut Order> = orders.iter_mut().map(|order| (order.order_no.id(), order)).collect();
    for row in children {
        let Some(order) = by_number.get_mut(&column::<i64>(&row, 0)?) else { continue };
        let child = read_child(&row, order.total.currency)?;
        order.children.push(child);
    }
    for row in items {
        let Some(order) = by_number.get_mut(&column::<i64>(&row, 0)?) else { continue };
        let item = read_item(&row, order.total.currency)?;
        order.items.push(item);
    }
    for row in parts {
        let Some(order) = by_number.get_mut(&column::<i64>(&row, 0)?) else { continue };
        order.activity = Some(read_part(&row, order.total.currency)?);
    }
    drop(by_number);
    if orders.iter().any(|order| (order.kind == OrderKind::Activity) != order.activity.is_some()) {
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
        kind: kind_of(column(row, 3)?)?,
        state,
        cancel_reason,
        reservation: ReservationId { order: order_no, attempt },
        total: Money::new(column(row, 8)?, currency),
        points_total: Points(column(row, 9)?),
        profit_total: column(row, 10)?,
        refunded: column(row, 11)?,
        refund_state: refund_of(column(row, 12)?)?,
        created_at: Timestamp::from_millis(column(row, 13)?),
        expires_at: Timestamp::from_millis(column(row, 14)?),
        paid_at: column::<Option<i64>>(row, 15)?.map(Timestamp::from_millis),
        recipient: read_recipient(row)?,
        store_code: column(row, 17)?,
        attribution: Attribution { rq: column(row, 18)?, cookie_id: column(row, 19)? },
        referrer: column(row, 20)?,
        redirect_type: column(row, 21)?,
        activity: None,
        items: Vec::new(),
        children: Vec::new(),
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
