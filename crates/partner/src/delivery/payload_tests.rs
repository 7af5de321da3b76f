use std::{fs, path::Path};

use serde_json::Value;
use sluice_events::OrderLine;

use super::*;

const ORDER: i64 = 1_234_567_890_123_456_789;

fn at(text: &str) -> Timestamp {
    serde_json::from_value(Value::from(text)).unwrap()
}

fn cny(amount: i64) -> Money {
    Money::new(amount, Currency::CNY)
}

fn activity() -> ActivityOrder {
    ActivityOrder {
        activity_id: ActivityId(1),
        product_id: ProductId(1002),
        campaign_id: Some(CampaignId(7)),
        pay_type: PayType::Points,
        discount: "0.8".to_owned(),
        quantity: 2,
        promoter: Some("promoter-9".to_owned()),
        unit_profit: 150,
        total_profit: 300,
    }
}

fn facts() -> OrderFacts {
    OrderFacts {
        total: cny(0),
        points_total: Points(800),
        recipient: Recipient {
            name: Some("李雷".to_owned()),
            phone: Some("13800000000".to_owned()),
            province: Some("上海".to_owned()),
            city: Some("上海".to_owned()),
            district: Some("徐汇".to_owned()),
            address: Some("1 Main Road".to_owned()),
            id_card: None,
        },
        physical: true,
        partner_price: Some((400, 800)),
        lines: vec![line(1002, 0, 0)],
    }
}

fn cart_facts() -> OrderFacts {
    OrderFacts {
        total: cny(5_970),
        points_total: Points(15),
        recipient: Recipient::default(),
        physical: false,
        partner_price: None,
        lines: vec![line(1, 1_990, 3_980), FactLine { customer_product_id: None, count: 1, ..line(17, 1_990, 1_990) }],
    }
}

fn line(sku: i64, unit_price: i64, total: i64) -> FactLine {
    FactLine {
        sku_id: SkuId(sku),
        product_id: ProductId(sku),
        title: format!("Product {sku}"),
        spec: "red / 64 GB".to_owned(),
        customer_product_id: Some(format!("C-{sku}")),
        count: 2,
        unit_price: cny(unit_price),
        total: cny(total),
    }
}

fn order_line(sku: i64, quantity: i64) -> OrderLine {
    OrderLine { sku_id: SkuId(sku), product_id: ProductId(sku), quantity, unit_price: cny(1_990), unit_points: Points(5) }
}

fn order_paid(activity: Option<ActivityOrder>, facts: &OrderFacts) -> OrderChange {
    let order = OrderPaid {
        order_no: OrderNo::from_id(ORDER),
        kind: if activity.is_some() { OrderKind::Activity } else { OrderKind::Cart },
        store_id: StoreId(1),
        user_id: UserId::from("42"),
        total: facts.total,
        points_total: facts.points_total,
        payment_id: "p1".into(),
        lines: vec![],
        activity,
        paid_at: at("2026-11-22T10:00:03.250Z"),
    };
    OrderChange::Paid { event_id: "e1".to_owned(), order }
}

fn order_cancelled(activity: Option<ActivityOrder>, status: &str, reason: Option<&str>) -> OrderChange {
    let order = OrderCancelled {
        order_no: OrderNo::from_id(ORDER),
        kind: if activity.is_some() { OrderKind::Activity } else { OrderKind::Cart },
        store_id: StoreId(1),
        user_id: UserId::from("42"),
        status: status.to_owned(),
        reason: reason.map(str::to_owned),
        lines: vec![order_line(1, 2), order_line(17, 1)],
        activity,
        at: at("2026-11-22T10:15:00.500Z"),
    };
    OrderChange::Cancelled { event_id: "e2".to_owned(), order }
}

fn order_refunded(activity: Option<ActivityOrder>, refund_status: RefundState) -> OrderChange {
    let order = OrderRefunded {
        order_no: OrderNo::from_id(ORDER),
        kind: if activity.is_some() { OrderKind::Activity } else { OrderKind::Cart },
        store_id: StoreId(1),
        user_id: UserId::from("42"),
        status: if refund_status == RefundState::Full { "refunded" } else { "paid" }.to_owned(),
        refund_status,
        refund_id: "a0b1c2d3e4f5061728394a5b6c7d8e9f".into(),
        amount: cny(if activity.is_some() { 0 } else { 1_990 }),
        restocked: vec![RestockLine { sku_id: SkuId(1), quantity: 1 }],
        points: activity.is_some().then_some(Points(800)),
        activity,
        at: at("2026-11-23T09:00:00.000Z"),
    };
    OrderChange::Refunded { event_id: "e3".to_owned(), order }
}

/// Every kind of message, by the name of its sample.
fn messages() -> Vec<(&'static str, String)> {
    let (facts, cart) = (facts(), cart_facts());
    let write = |change: &OrderChange, kind, facts| body_of(change, kind, facts).unwrap();
    let (paid, refunded) = (order_paid(Some(activity()), &facts), order_refunded(Some(activity()), RefundState::Full));
    let unnamed = order_paid(Some(ActivityOrder { promoter: None, campaign_id: None, ..activity() }), &facts);
    vec![
        ("order.paid.activity", write(&paid, EventType::OrderPaid, &facts)),
        ("order.paid.cart", write(&order_paid(None, &cart), EventType::OrderPaid, &cart)),
        ("order.cancelled", write(&order_cancelled(None, "cancelled", Some("expired")), EventType::OrderCancelled, &cart)),
        ("order.cancelled.failed", write(&order_cancelled(Some(activity()), "failed", None), EventType::OrderCancelled, &facts)),
        ("order.refunded", write(&order_refunded(None, RefundState::Partial), EventType::OrderRefunded, &cart)),
        ("order.refunded.activity", write(&refunded, EventType::OrderRefunded, &facts)),
        ("referral.paid", write(&paid, EventType::Referral, &facts)),
        ("referral.paid.no-promoter", write(&unnamed, EventType::Referral, &facts)),
        ("referral.refunded", write(&refunded, EventType::Referral, &facts)),
        ("ping", ping_body(StoreId(1), SubscriptionId(7), at("2026-11-22T10:00:00.000Z")).unwrap()),
    ]
}

fn sample(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("samples/{name}.json"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn s1_rule_6_and_10_every_message_is_written_as_its_sample() {
    for (name, written) in messages() {
        assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), sample(name), "{name}: {written}");
    }
    let stored = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("samples")).unwrap().count();
    assert_eq!(stored, messages().len(), "a sample nobody writes");
}

/// The page for partners shows messages as they are sent.
#[test]
fn the_documentation_shows_the_samples() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/partners.md")).unwrap();
    let shown: Vec<Value> = page
        .split("```json")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .filter_map(|block| serde_json::from_str::<Value>(block).ok())
        .collect();
    for name in ["order.paid.activity", "order.paid.cart", "order.cancelled", "order.refunded", "referral.paid"] {
        assert!(shown.contains(&sample(name)), "docs/partners.md does not show the sample {name}");
    }
}

#[test]
fn s1_rule_10_the_promotion_system_hears_of_activity_orders_when_paid_and_when_refunded() {
    let (facts, cart) = (facts(), cart_facts());
    let told =
        |change: &OrderChange| change.events().into_iter().map(|(kind, id)| format!("{} {id}", kind.as_str())).collect::<Vec<_>>();
    assert_eq!(told(&order_paid(Some(activity()), &facts)), ["order.paid e1", "referral e1/referral"]);
    assert_eq!(told(&order_paid(None, &cart)), ["order.paid e1"]);
    assert_eq!(told(&order_cancelled(Some(activity()), "failed", None)), ["order.cancelled e2"]);
    assert_eq!(told(&order_refunded(Some(activity()), RefundState::Full)), ["order.refunded e3", "referral e3/referral"]);
    assert_eq!(told(&order_refunded(Some(activity()), RefundState::Partial)), ["order.refunded e3"]);
    assert_eq!(told(&order_refunded(None, RefundState::Full)), ["order.refunded e3"]);
}
