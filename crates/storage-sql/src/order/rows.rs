//! The rows of new orders: one statement a table for a whole batch.
//!
//! An order's rows are worked out by whoever submits it, before it waits for its batch: the lane that writes batches has
//! the one task that nobody else can do at the same time.

use std::time::Duration;

use sluice_events::{Fact, OrderCreated, OrderLine, PaymentSettled};
use sluice_kernel::{Currency, OrderKind, OrderNo, PaymentHandle, ReservationId};
use sluice_order::{ChildOrder, ItemLine, NewOrder, OrderState, OrderStatus, Recipient};

use super::{
    activity::{PARTS, part_row},
    scope::Scope,
};
use crate::{
    error::StoreResult,
    messaging::outbox,
    multi_row::{MultiRow, Values},
    settlements,
    stored::{At, Stored},
    table::{order_activities, order_children, order_items, order_settlements, outbox as facts, row},
    unit_of_work::UnitOfWork,
};

/// Who placed an order that costs nothing pays it at once; afterwards a sweeper does.
const FREE_PAID_WITHIN: Duration = Duration::from_secs(2);
/// Deductions begin with a message; an order that is confirming for longer is looked at.
const DEDUCTED_WITHIN: Duration = Duration::from_mins(1);

row! {
    /// A new main order.
    pub(super) struct NewMain of orders {
        order_no: Stored<OrderNo>,
        store_id: i64,
        user_id: String,
        kind: Stored<OrderKind>,
        currency: Stored<Currency>,
        total: i64,
        points_total: i64,
        profit_total: i64,
        created_at: At,
        expires_at: At,
        due_at: At,
        store_code: Option<String>,
        rq: Option<String>,
        cookie_id: Option<String>,
        referrer: Option<String>,
        redirect_type: String,
        status: Stored<OrderStatus>,
        recipient_name: Option<String>,
        recipient_phone: Option<String>,
        recipient_id_card: Option<String>,
        recipient_province: Option<String>,
        recipient_city: Option<String>,
        recipient_district: Option<String>,
        recipient_address: Option<String>,
        key_scope: Option<Vec<u8>>,
        key_fingerprint: Option<Vec<u8>>,
    }
}
/// A new order is in its first attempt, with nothing refunded, in version 0.
pub(super) const OF_NEW_ORDERS: &[(&str, &str)] = &[("attempt", "1"), ("refunded", "0"), ("refund_state", "0"), ("version", "0")];

row! {
    struct NewPayment of payments {
        payment_id: String,
        provider: String,
        store_id: i64,
        user_id: String,
        order_no: Stored<OrderNo>,
        amount: i64,
        currency: Stored<Currency>,
        url: Option<String>,
        expires_at: At,
        created_at: At,
    }
}

row! {
    struct FreePayment of payments {
        payment_id: String,
        provider: String,
        store_id: i64,
        user_id: String,
        order_no: Stored<OrderNo>,
        amount: i64,
        currency: Stored<Currency>,
        expires_at: At,
        created_at: At,
        settled_at: Option<At>,
    }
}

static CHILDREN: MultiRow<order_children::Model> = MultiRow::insert();
static ITEMS: MultiRow<order_items::Model> = MultiRow::insert();
// A new payment is pending (1) and the order's live one (1), with nothing refunded.
static PAYMENTS: MultiRow<NewPayment> = MultiRow::with(&[("status", "1"), ("live", "1"), ("refunded", "0")], |_| String::new());
// The payment of an order that costs nothing is paid (2) from the start; nobody is sent to a cashier.
static FREE_PAYMENTS: MultiRow<FreePayment> =
    MultiRow::with(&[("status", "2"), ("live", "NULL"), ("refunded", "0")], |_| String::new());

/// What one or several new orders write beside their main orders, table by table.
#[derive(Default)]
pub(super) struct Rows {
    children: Values<order_children::Model>,
    items: Values<order_items::Model>,
    parts: Values<order_activities::Model>,
    payments: Values<NewPayment>,
    free_payments: Values<FreePayment>,
    settlements: Values<order_settlements::Model>,
    outbox: Values<facts::New>,
}

impl Rows {
    /// Children, items, what an activity order keeps, the first payment and the fact.
    pub(super) fn of(order: &NewOrder) -> StoreResult<Self> {
        let fact = outbox::new_fact(&placed(order), order.traceparent.as_deref(), order.terms.created_at)?;
        let mut rows = Self {
            children: order.terms.children.iter().map(|child| child_row(order, child)).collect(),
            items: order.items.iter().map(|item| item_row(order, item)).collect(),
            parts: part_row(order).into(),
            payments: order.first_payment.as_ref().map(|payment| payment_row(order, payment)).into(),
            outbox: [fact].into(),
            ..Self::default()
        };
        if let Some(free) = order.free_settlement() {
            rows.free_payments.push(free_payment_row(order, &free));
            rows.settlements.push(settlements::row(&free, order.terms.created_at.plus(FREE_PAID_WITHIN))?);
        }
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
        outbox::write(unit, self.outbox).await
    }
}

pub(super) fn main_row(order: &NewOrder, key: &Scope) -> Values<NewMain> {
    let first = order.terms.first_state();
    let is_confirming = first == OrderState::Confirming;
    let due_at = if is_confirming { order.terms.created_at.plus(DEDUCTED_WITHIN) } else { order.terms.expires_at };
    let Recipient { name, phone, id_card, province, city, district, address } = order.terms.recipient.clone();
    let row = NewMain {
        order_no: Stored(order.order_no),
        store_id: order.store.0,
        user_id: order.user.0.clone(),
        kind: Stored(order.terms.kind),
        currency: Stored(order.terms.total.currency),
        total: order.terms.total.amount,
        points_total: order.terms.points_total.0,
        profit_total: order.terms.profit_total,
        created_at: Stored(order.terms.created_at),
        expires_at: Stored(order.terms.expires_at),
        due_at: Stored(due_at),
        store_code: order.terms.store_code.clone(),
        rq: order.terms.attribution.rq.clone(),
        cookie_id: order.terms.attribution.cookie_id.clone(),
        referrer: order.terms.referrer.clone(),
        redirect_type: order.terms.redirect_type.clone(),
        status: Stored(first.status()),
        recipient_name: name,
        recipient_phone: phone,
        recipient_id_card: id_card,
        recipient_province: province,
        recipient_city: city,
        recipient_district: district,
        recipient_address: address,
        key_scope: Some(key.to_vec()),
        key_fingerprint: Some(order.key.fingerprint.to_vec()),
    };
    [row].into()
}

fn child_row(order: &NewOrder, child: &ChildOrder) -> order_children::Model {
    order_children::Model {
        order_no: Stored(child.order_no),
        main_no: Stored(order.order_no),
        store_id: order.store.0,
        delivery_place: child.delivery_place.to_string(),
        total: child.total.amount,
        points_total: child.points_total.0,
        profit_total: child.profit_total,
    }
}

fn item_row(order: &NewOrder, item: &ItemLine) -> order_items::Model {
    let child = order.terms.children.iter().find(|child| child.delivery_place == item.delivery_place);
    order_items::Model {
        main_no: Stored(order.order_no),
        sku_id: item.sku_id.0,
        store_id: order.store.0,
        child_no: Stored(child.map_or(order.order_no, |child| child.order_no)),
        product_id: item.product_id.0,
        title: item.title.to_string(),
        picture: item.picture.as_deref().map(str::to_owned),
        spec: item.spec.to_string(),
        code: item.code.to_string(),
        quantity: item.quantity.get(),
        unit_price: item.unit_price.amount,
        unit_points: item.unit_points.0,
        line_total: item.line_total.amount,
        supplier_price: item.supplier_price,
        allotable_profit: item.allotable_profit,
        delivery_place: item.delivery_place.to_string(),
        revision: item.revision,
        restocked: 0,
    }
}

fn payment_row(order: &NewOrder, payment: &PaymentHandle) -> NewPayment {
    NewPayment {
        payment_id: payment.payment_id.as_str().to_owned(),
        provider: payment.provider.clone(),
        store_id: order.store.0,
        user_id: order.user.0.clone(),
        order_no: Stored(order.order_no),
        amount: order.terms.total.amount,
        currency: Stored(order.terms.total.currency),
        url: Some(payment.url.clone()),
        expires_at: Stored(payment.expires_at),
        created_at: Stored(order.terms.created_at),
    }
}

fn free_payment_row(order: &NewOrder, free: &PaymentSettled) -> FreePayment {
    FreePayment {
        payment_id: free.payment_id.as_str().to_owned(),
        provider: free.provider.clone(),
        store_id: order.store.0,
        user_id: order.user.0.clone(),
        order_no: Stored(order.order_no),
        amount: free.amount.amount,
        currency: Stored(free.amount.currency),
        expires_at: Stored(order.terms.expires_at),
        created_at: Stored(order.terms.created_at),
        settled_at: Some(Stored(free.at)),
    }
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
