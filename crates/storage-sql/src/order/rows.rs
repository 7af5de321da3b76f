//! The rows of new orders: one statement a table for a whole batch.

use sea_orm::Value;
use sluice_events::{Fact, OrderCreated, OrderLine};
use sluice_kernel::{OrderNo, ReservationId};
use sluice_order::{NewOrder, Prepared, Recipient};

use super::{
    activity::{PARTS, part_row},
    codes::{kind_code, status_code},
};
use crate::{error::StoreResult, messaging::outbox::outbox_values, multi_row::MultiRow, unit_of_work::UnitOfWork};

// A new order is in its first attempt, with nothing refunded, in version 0.
static ORDERS: MultiRow = MultiRow::insert(
    "INSERT INTO orders (order_no, store_id, user_id, kind, currency, total, points_total, profit_total, created_at, expires_at, \
     due_at, store_code, rq, cookie_id, referrer, redirect_type, status, attempt, refunded, refund_state, version) VALUES ",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 0, 0, 0)",
    17,
);
static CHILDREN: MultiRow = MultiRow::insert(
    "INSERT INTO order_children (order_no, main_no, store_id, delivery_place, total, points_total, profit_total) VALUES ",
    "(?, ?, ?, ?, ?, ?, ?)",
    7,
);
static ITEMS: MultiRow = MultiRow::insert(
    "INSERT INTO order_items (main_no, sku_id, store_id, child_no, product_id, title, picture, spec, code, quantity, unit_price, \
     unit_points, line_total, supplier_price, allotable_profit, delivery_place, revision, restocked) VALUES ",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
    17,
);
static ADDRESSES: MultiRow = MultiRow::insert(
    "INSERT INTO order_addresses (main_no, name, phone, id_card, province, city, district, address) VALUES ",
    "(?, ?, ?, ?, ?, ?, ?, ?)",
    8,
);
// A new payment is pending (1) and the order's live one (1), with nothing refunded.
static PAYMENTS: MultiRow = MultiRow::insert(
    "INSERT INTO payments (payment_id, provider, store_id, user_id, order_no, amount, currency, url, expires_at, created_at, \
     status, live, refunded) VALUES ",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 1, 0)",
    10,
);
static OUTBOX: MultiRow =
    MultiRow::insert("INSERT INTO outbox (slice, available_at, payload, traceparent) VALUES ", "(?, ?, ?, ?)", 4);

/// Writes main orders, children, items, addresses, what activity orders keep, first payments and facts.
pub(super) async fn insert(unit: &UnitOfWork, orders: &[&NewOrder]) -> StoreResult<()> {
    let mut main: Vec<Value> = Vec::with_capacity(orders.len() * 17);
    let mut children: Vec<Value> = Vec::with_capacity(orders.len() * 7);
    let mut items: Vec<Value> = Vec::with_capacity(orders.len() * 2 * 17);
    let mut addresses: Vec<Value> = Vec::new();
    let mut parts: Vec<Value> = Vec::new();
    let mut payments: Vec<Value> = Vec::with_capacity(orders.len() * 10);
    let mut outbox: Vec<Value> = Vec::with_capacity(orders.len() * 4);
    for order in orders {
        main.extend(main_row(order));
        children_rows(order, &mut children);
        item_rows(order, &mut items);
        if order.recipient != Recipient::default() {
            addresses.extend(address_row(order));
        }
        parts.extend(part_row(order).into_iter().flatten());
        payments.extend(order.first_payment.iter().flat_map(|payment| payment_row(order, payment)));
        outbox.extend(outbox_values(&placed(order), order.traceparent.as_deref(), order.created_at)?);
    }
    ORDERS.run(unit, main).await?;
    CHILDREN.run(unit, children).await?;
    ITEMS.run(unit, items).await?;
    ADDRESSES.run(unit, addresses).await?;
    // Like every statement here, none where the batch has nothing of it.
    PARTS.run(unit, parts).await?;
    PAYMENTS.run(unit, payments).await?;
    OUTBOX.run(unit, outbox).await?;
    unit.leaves_facts();
    Ok(())
}

fn main_row(order: &NewOrder) -> [Value; 17] {
    let expires_at = order.expires_at.as_millis();
    [
        order.order_no.id().into(),
        order.store.0.into(),
        order.user.as_str().into(),
        kind_code(order.kind).into(),
        order.total.currency.as_str().into(),
        order.total.amount.into(),
        order.points_total.0.into(),
        order.profit_total.into(),
        order.created_at.as_millis().into(),
        expires_at.into(),
        expires_at.into(),
        order.store_code.clone().into(),
        order.attribution.rq.clone().into(),
        order.attribution.cookie_id.clone().into(),
        order.referrer.clone().into(),
        order.redirect_type.as_str().into(),
        status_code(order.first_state().status()).into(),
    ]
}

fn children_rows(order: &NewOrder, values: &mut Vec<Value>) {
    for child in &order.children {
        values.extend::<[Value; 7]>([
            child.order_no.id().into(),
            order.order_no.id().into(),
            order.store.0.into(),
            child.delivery_place.as_ref().into(),
            child.total.amount.into(),
            child.points_total.0.into(),
            child.profit_total.into(),
        ]);
    }
}

fn item_rows(order: &NewOrder, values: &mut Vec<Value>) {
    for item in &order.items {
        let child = order.children.iter().find(|child| child.delivery_place == item.delivery_place);
        values.extend::<[Value; 17]>([
            order.order_no.id().into(),
            item.sku_id.0.into(),
            order.store.0.into(),
            child.map_or(order.order_no, |child| child.order_no).id().into(),
            item.product_id.0.into(),
            item.title.as_ref().into(),
            item.picture.as_deref().map(str::to_owned).into(),
            item.spec.as_ref().into(),
            item.code.as_ref().into(),
            item.quantity.get().into(),
            item.unit_price.amount.into(),
            item.unit_points.0.into(),
            item.line_total.amount.into(),
            item.supplier_price.into(),
            item.allotable_profit.into(),
            item.delivery_place.as_ref().into(),
            item.revision.into(),
        ]);
    }
}

fn address_row(order: &NewOrder) -> [Value; 8] {
    let Recipient { name, phone, id_card, province, city, district, address } = &order.recipient;
    [
        order.order_no.id().into(),
        name.clone().into(),
        phone.clone().into(),
        id_card.clone().into(),
        province.clone().into(),
        city.clone().into(),
        district.clone().into(),
        address.clone().into(),
    ]
}

fn payment_row(order: &NewOrder, payment: &Prepared) -> [Value; 10] {
    [
        payment.payment_id.as_str().into(),
        payment.provider.as_str().into(),
        order.store.0.into(),
        order.user.as_str().into(),
        order.order_no.id().into(),
        order.total.amount.into(),
        order.total.currency.as_str().into(),
        payment.url.as_str().into(),
        payment.expires_at.as_millis().into(),
        order.created_at.as_millis().into(),
    ]
}

fn placed(order: &NewOrder) -> Fact {
    let lines = order.items.iter().map(|item| OrderLine {
        sku_id: item.sku_id,
        product_id: item.product_id,
        quantity: item.quantity.get(),
        unit_price: item.unit_price,
        unit_points: item.unit_points,
    });
    Fact::OrderPlaced {
        order: OrderCreated {
            order_no: order.order_no,
            kind: order.kind.as_str().to_owned(),
            store_id: order.store,
            user_id: order.user.clone(),
            total: order.total,
            points_total: order.points_total,
            lines: lines.collect(),
            activity: order.activity_told(),
            created_at: order.created_at,
            expires_at: order.expires_at,
        },
    }
}

/// The reservation a new order holds its units under.
pub(super) fn reservation(order_no: OrderNo) -> String {
    ReservationId::first(order_no).to_string()
}
