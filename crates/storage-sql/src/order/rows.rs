//! The rows of new orders: one statement a table for a whole batch.
//!
//! An order's rows are worked out by whoever submits it, before it waits for its batch: the lane that writes batches has
//! the one task that nobody else can do at the same time.

use std::time::Duration;

use sea_orm::Value;
use sluice_events::{Fact, OrderCreated, OrderLine, PaymentSettled};
use sluice_kernel::{OrderNo, PaymentHandle, ReservationId};
use sluice_order::{NewOrder, OrderState, Recipient};

use super::{
    activity::{PARTS, part_row},
    claims::Scope,
    codes::{kind_code, status_code},
    placement::Placement,
};
use crate::{
    error::StoreResult,
    messaging::outbox::outbox_values,
    multi_row::{InList, MultiRow},
    settlements,
    statement::Dialect,
    unit_of_work::UnitOfWork,
};

/// Who placed an order that costs nothing pays it at once; afterwards a sweeper does.
const FREE_PAID_WITHIN: Duration = Duration::from_secs(2);
/// Deductions begin with a message; an order that is confirming for longer is looked at.
const DEDUCTED_WITHIN: Duration = Duration::from_mins(1);

/// Bind parameters of a main order.
const MAIN: usize = 26;
const MAIN_HEAD: &str = "INSERT INTO orders (order_no, store_id, user_id, kind, currency, total, points_total, profit_total, \
    created_at, expires_at, due_at, store_code, rq, cookie_id, referrer, redirect_type, status, recipient_name, recipient_phone, \
    recipient_id_card, recipient_province, recipient_city, recipient_district, recipient_address, key_scope, key_fingerprint, \
    attempt, refunded, refund_state, version) VALUES ";
// A new order is in its first attempt, with nothing refunded, in version 0.
const MAIN_ROW: &str = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 0, 0, 0)";

/// Fails where a key was used before, as hardly any was.
static ORDERS: MultiRow = MultiRow::insert(MAIN_HEAD, MAIN_ROW, MAIN);
/// Leaves orders out whose keys were used before.
static ORDERS_OF_NEW_KEYS: MultiRow = MultiRow::with_tail(MAIN_HEAD, MAIN_ROW, MAIN, |dialect| dialect.keep_existing("key_scope"));
static TAKE_BACK: InList = InList::new("DELETE FROM orders WHERE order_no IN", |_| "");
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
// A new payment is pending (1) and the order's live one (1), with nothing refunded.
static PAYMENTS: MultiRow = MultiRow::insert(
    "INSERT INTO payments (payment_id, provider, store_id, user_id, order_no, amount, currency, url, expires_at, created_at, \
     status, live, refunded) VALUES ",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 1, 0)",
    10,
);
// The payment of an order that costs nothing is paid (2) from the start; nobody is sent to a cashier.
static FREE_PAYMENTS: MultiRow = MultiRow::insert(
    "INSERT INTO payments (payment_id, provider, store_id, user_id, order_no, amount, currency, expires_at, created_at, settled_at, \
     status, live, refunded) VALUES ",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 2, NULL, 0)",
    10,
);
static OUTBOX: MultiRow =
    MultiRow::insert("INSERT INTO outbox (slice, available_at, payload, traceparent) VALUES ", "(?, ?, ?, ?)", 4);

/// What one or several new orders write beside their main orders, table by table.
#[derive(Debug, Default)]
pub(super) struct Rows {
    children: Vec<Value>,
    items: Vec<Value>,
    parts: Vec<Value>,
    payments: Vec<Value>,
    free_payments: Vec<Value>,
    settlements: Vec<Value>,
    outbox: Vec<Value>,
}

impl Rows {
    /// Children, items, what an activity order keeps, the first payment and the fact.
    pub(super) fn of(order: &NewOrder) -> StoreResult<Self> {
        let mut rows = Self {
            children: Vec::with_capacity(order.terms.children.len() * 7),
            items: Vec::with_capacity(order.items.len() * 17),
            parts: part_row(order).map(Vec::from).unwrap_or_default(),
            payments: order.first_payment.as_ref().map(|payment| payment_row(order, payment).into()).unwrap_or_default(),
            free_payments: Vec::new(),
            settlements: Vec::new(),
            outbox: outbox_values(&placed(order), order.traceparent.as_deref(), order.terms.created_at)?.into(),
        };
        if let Some(free) = order.free_settlement() {
            rows.free_payments = free_payment_row(order, &free).into();
            rows.settlements = settlements::row(&free, order.terms.created_at.plus(FREE_PAID_WITHIN))?.into();
        }
        children_rows(order, &mut rows.children);
        item_rows(order, &mut rows.items);
        Ok(rows)
    }

    pub(super) fn append(&mut self, mut other: Self) {
        self.children.append(&mut other.children);
        self.items.append(&mut other.items);
        self.parts.append(&mut other.parts);
        self.payments.append(&mut other.payments);
        self.free_payments.append(&mut other.free_payments);
        self.settlements.append(&mut other.settlements);
        self.outbox.append(&mut other.outbox);
    }

    /// No statement for a table that the batch has nothing of.
    pub(super) async fn insert(self, unit: &UnitOfWork) -> StoreResult<()> {
        CHILDREN.run(unit, self.children).await?;
        ITEMS.run(unit, self.items).await?;
        PARTS.run(unit, self.parts).await?;
        PAYMENTS.run(unit, self.payments).await?;
        FREE_PAYMENTS.run(unit, self.free_payments).await?;
        settlements::write(unit, self.settlements).await?;
        OUTBOX.run(unit, self.outbox).await?;
        unit.leaves_facts();
        Ok(())
    }
}

/// Writes main orders, each of another key; `false` where a key was used before and its order was left out.
pub(super) async fn insert_main(unit: &UnitOfWork, placements: &[&Placement]) -> StoreResult<bool> {
    let values = || placements.iter().flat_map(|placement| placement.main_row()).collect();
    match unit.dialect() {
        // Counts written rows alone.
        Dialect::Sqlite => Ok(usize::try_from(ORDERS_OF_NEW_KEYS.run(unit, values()).await?) == Ok(placements.len())),
        Dialect::MySql => match ORDERS.run(unit, values()).await {
            Ok(_) => Ok(true),
            // The statement alone was undone.
            Err(error) if error.is_unique_violation() => {
                ORDERS_OF_NEW_KEYS.run(unit, values()).await?;
                Ok(false)
            }
            Err(error) => Err(error),
        },
    }
}

/// Forgets main orders of this transaction that were refused: their keys may try again.
pub(super) async fn take_back(unit: &UnitOfWork, mut orders: Vec<i64>) -> StoreResult<()> {
    orders.sort_unstable();
    TAKE_BACK.execute(unit, &orders).await?;
    Ok(())
}

/// The values of a main order.
pub(super) fn main_row(order: &NewOrder, key: &Scope) -> Vec<Value> {
    let expires_at = order.terms.expires_at.as_millis();
    let first = order.terms.first_state();
    let due_at =
        if first == OrderState::Confirming { order.terms.created_at.plus(DEDUCTED_WITHIN).as_millis() } else { expires_at };
    let Recipient { name, phone, id_card, province, city, district, address } = &order.terms.recipient;
    let values: [Value; MAIN] = [
        order.order_no.id().into(),
        order.store.0.into(),
        order.user.as_str().into(),
        kind_code(order.terms.kind).into(),
        order.terms.total.currency.as_str().into(),
        order.terms.total.amount.into(),
        order.terms.points_total.0.into(),
        order.terms.profit_total.into(),
        order.terms.created_at.as_millis().into(),
        expires_at.into(),
        due_at.into(),
        order.terms.store_code.clone().into(),
        order.terms.attribution.rq.clone().into(),
        order.terms.attribution.cookie_id.clone().into(),
        order.terms.referrer.clone().into(),
        order.terms.redirect_type.as_str().into(),
        status_code(first.status()).into(),
        name.clone().into(),
        phone.clone().into(),
        id_card.clone().into(),
        province.clone().into(),
        city.clone().into(),
        district.clone().into(),
        address.clone().into(),
        key.to_vec().into(),
        order.key.fingerprint.to_vec().into(),
    ];
    values.into()
}

fn children_rows(order: &NewOrder, values: &mut Vec<Value>) {
    for child in &order.terms.children {
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
        let child = order.terms.children.iter().find(|child| child.delivery_place == item.delivery_place);
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

fn payment_row(order: &NewOrder, payment: &PaymentHandle) -> [Value; 10] {
    [
        payment.payment_id.as_str().into(),
        payment.provider.as_str().into(),
        order.store.0.into(),
        order.user.as_str().into(),
        order.order_no.id().into(),
        order.terms.total.amount.into(),
        order.terms.total.currency.as_str().into(),
        payment.url.as_str().into(),
        payment.expires_at.as_millis().into(),
        order.terms.created_at.as_millis().into(),
    ]
}

fn free_payment_row(order: &NewOrder, free: &PaymentSettled) -> [Value; 10] {
    [
        free.payment_id.as_str().into(),
        free.provider.as_str().into(),
        order.store.0.into(),
        order.user.as_str().into(),
        order.order_no.id().into(),
        free.amount.amount.into(),
        free.amount.currency.as_str().into(),
        order.terms.expires_at.as_millis().into(),
        order.terms.created_at.as_millis().into(),
        free.at.as_millis().into(),
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
            kind: order.terms.kind,
            store_id: order.store,
            user_id: order.user.clone(),
            total: order.terms.total,
            points_total: order.terms.points_total,
            lines: lines.collect(),
            activity: order.activity_fact(),
            created_at: order.terms.created_at,
            expires_at: order.terms.expires_at,
        },
    }
}

/// The reservation a new order holds its units under.
pub(super) fn reservation(order_no: OrderNo) -> String {
    ReservationId::first(order_no).to_string()
}
