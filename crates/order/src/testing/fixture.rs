//! What the suite needs of an adapter, and orders to place.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "a suite fails by panicking")]

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use rust_decimal::Decimal;
use sluice_kernel::{
    ActivityId, Attribution, CampaignId, Currency, ManualClock, Money, OrderKind, OrderNo, PayType, Points, ProductId, Quantity,
    SkuId, StoreId, Timestamp, UserId, Window,
};

use crate::{
    ActivityPart, ChildOrder, CommitOutcome, FollowTickets, IdempotencyKey, ItemLine, NewOrder, Order, OrderRepository, OrderState,
    OrderTerms, OrderWriter, Recipient, StockStep, Transition,
};

#[async_trait]
pub trait OrderFixture: Send + Sync {
    /// Two writers over one database, as two processes have them.
    fn writers(&self) -> [Arc<dyn OrderWriter>; 2];
    fn orders(&self) -> Arc<dyn OrderRepository>;
    fn tickets(&self) -> Arc<dyn FollowTickets>;
    /// The clock of both writers, at the instant orders are placed at; a case that turns it turns it back.
    fn clock(&self) -> Arc<ManualClock>;
    async fn put_sku(&self, store: StoreId, sku: SkuId, units: i64, buyable: bool, revision: i64);
    /// Usable, locked, sold.
    async fn figures(&self, store: StoreId, sku: SkuId) -> (i64, i64, i64);
    async fn put_code(&self, store: StoreId, phone: &str, sent_at: Timestamp, expires_at: Timestamp);
    async fn code_is_used(&self, store: StoreId, phone: &str) -> bool;
    /// How many rows of any table name this order: main order, children, items, address, what an activity adds, keys,
    /// movements, outbox.
    async fn rows_of(&self, order: OrderNo) -> u64;
}

pub(super) const STORE: StoreId = StoreId(1);
pub(super) const OTHER_STORE: StoreId = StoreId(2);
pub(super) const REVISION: i64 = 3;
pub(super) const PRICE: i64 = 1_990;

pub(super) fn now() -> Timestamp {
    Timestamp::from_millis(1_795_305_600_000)
}

/// Number of the n-th order of a case; its child has the next one.
pub(super) fn number(case: i64, n: i64) -> i64 {
    5_000_000_000_000 + case * 1_000_000 + n * 10
}

/// An order for these SKUs and quantities, under a key of its own.
pub fn new_order(number: i64, lines: &[(SkuId, i64)]) -> NewOrder {
    let (user, price) = (UserId::from("42"), Money::new(PRICE, Currency::CNY));
    let mut items: Vec<ItemLine> = lines.iter().map(|(sku, quantity)| item(*sku, *quantity, price)).collect();
    items.sort_by_key(|item| item.sku_id);
    let units: i64 = lines.iter().map(|(_, quantity)| quantity).sum();
    let (total, points_total, profit_total) = (Money::new(PRICE * units, Currency::CNY), Points(5 * units), 150 * units);
    NewOrder {
        order_no: OrderNo::from_id(number),
        store: STORE,
        user: user.clone(),
        terms: OrderTerms {
            kind: OrderKind::Cart,
            total,
            points_total,
            profit_total,
            created_at: now(),
            expires_at: now().plus(Duration::from_mins(15)),
            recipient: Recipient { name: Some("Ada".to_owned()), phone: Some("13800000000".to_owned()), ..Recipient::default() },
            store_code: Some("S1".to_owned()),
            attribution: Attribution { rq: Some("rq".to_owned()), cookie_id: None },
            referrer: None,
            redirect_type: "2".to_owned(),
            activity: None,
            children: vec![ChildOrder {
                order_no: OrderNo::from_id(number + 1),
                delivery_place: "1".into(),
                total,
                points_total,
                profit_total,
            }],
        },
        items,
        key: IdempotencyKey { route: "orders", store: STORE, user, key: format!("key-{number}"), fingerprint: [1; 32] },
        cart_version: None,
        uses_code: None,
        first_payment: None,
        reserved_in_epoch: None,
        traceparent: None,
    }
}

/// An order of an activity that runs from an hour before now to an hour after it, for one user, under no limit.
pub fn activity_order(number: i64, sku: SkuId, user: &str, quantity: i64) -> NewOrder {
    let order = new_order(number, &[(sku, quantity)]);
    let hour = Duration::from_hours(1);
    let part = ActivityPart {
        activity_id: ActivityId(7),
        product_id: ProductId(sku.0),
        campaign_id: Some(CampaignId(9)),
        pay_type: PayType::Cash,
        discount: Decimal::ONE,
        price: Money::new(PRICE, Currency::CNY),
        points_price: Points(500),
        quantity: Quantity::new(quantity).unwrap(),
        receiving_way: 1,
        own_form: Some("blue, 蓝".to_owned()),
        promoter: Some("promoter 7".to_owned()),
        customer_product_id: Some("C-1".into()),
        partner_unit_price: PRICE,
        partner_total: PRICE * quantity,
        window: Window { starts_at: now().minus(hour), ends_at: now().plus(hour) },
        most_orders: None,
        most_units: None,
    };
    let user = UserId::from(user);
    let key = IdempotencyKey { route: "activity", user: user.clone(), ..order.key };
    let terms = OrderTerms { kind: OrderKind::Activity, activity: Some(part), redirect_type: "1".to_owned(), ..order.terms };
    NewOrder { user, terms, key, ..order }
}

fn item(sku: SkuId, quantity: i64, price: Money) -> ItemLine {
    let quantity = Quantity::new(quantity).unwrap();
    ItemLine {
        sku_id: sku,
        product_id: ProductId(sku.0),
        title: "Tea, 茶".into(),
        picture: Some("/tea.png".into()),
        spec: "red / 64 GB".into(),
        code: "T-1".into(),
        quantity,
        unit_price: price,
        unit_points: Points(5),
        line_total: price.times(quantity).unwrap(),
        supplier_price: 900,
        allotable_profit: 150,
        delivery_place: "1".into(),
        revision: REVISION,
    }
}

/// A change of `order` to `to` that moves stock by `stock` and says nothing.
pub fn plain_transition(order: &Order, to: OrderState, stock: StockStep) -> Transition {
    Transition {
        store: order.store,
        order_no: order.order_no,
        version: order.version,
        from: order.status(),
        to,
        paid_at: None,
        stock,
        refund: None,
        settles: None,
        fact: None,
        traceparent: None,
        now: now(),
    }
}

pub(super) async fn place(fixture: &dyn OrderFixture, order: NewOrder) -> CommitOutcome {
    let [writer, _] = fixture.writers();
    writer.commit(order.into()).await.unwrap()
}

/// Places an order that must be committed, and reads it.
pub(super) async fn placed(fixture: &dyn OrderFixture, order: NewOrder) -> Order {
    let order_no = order.order_no;
    assert_eq!(place(fixture, order).await, CommitOutcome::Committed);
    fixture.orders().find(STORE, order_no).await.unwrap().unwrap()
}
