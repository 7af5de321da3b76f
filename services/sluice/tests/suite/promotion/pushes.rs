//! Rules 6, 9 and 10: partners and the promotion system are told, signed, until they accept.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use sluice_testkit::{Received, WebhookTarget, unique_name, wait_for};

use super::stage::{POINTS, PRICE, expect_refused, recipient, take};
use crate::floor;
use crate::on_every_profile;
use crate::world::{Profile, SOON, Storefront, World};

const ALL: [&str; 4] = ["order.paid", "order.cancelled", "order.refunded", "referral"];

struct Partner {
    target: WebhookTarget,
    secret: String,
    path: String,
}

/// A shop that may push to this machine, and pauses little.
async fn open_shop(profile: Profile) -> World {
    let plan = profile.plan().setting("push.allow_private_targets", "true");
    plan.setting("push.first_pause", "200ms").setting("push.longest_pause", "1s").start().await
}

async fn subscribe(storefront: &Storefront, events: &[&str]) -> Partner {
    let target = WebhookTarget::start().await;
    let body = json!({"url": target.url(), "event_types": events});
    let made = storefront.staff().post("/admin/webhooks", body).await.expect_status(201);
    let path = format!("/admin/webhooks/{}", made.text("/id"));
    Partner { target, secret: made.text("/secret"), path }
}

impl Partner {
    /// What came of a type about an order, once it has come.
    async fn told(&self, kind: &str, order_no: &str) -> Value {
        wait_for(&format!("{kind} of {order_no} is told"), SOON, async || self.find(kind, order_no)).await
    }

    fn find(&self, kind: &str, order_no: &str) -> Option<Value> {
        let about = |received: &Received| {
            assert!(received.is_signed_with(&self.secret), "the signature of {}", received.body);
            let body: Value = serde_json::from_str(&received.body).expect("JSON");
            (body["type"] == json!(kind) && body["data"]["order_no"] == json!(order_no)).then_some(body)
        };
        self.target.received().iter().find_map(about)
    }
}

async fn tell_everything(profile: Profile) {
    let _floor = floor::among_others().await;
    let world = open_shop(profile).await;
    let storefront = world.storefront();
    let partner = subscribe(&storefront, &ALL).await;
    s1_rules_6_and_9_a_points_order_is_pushed(&storefront, &partner).await;
    s1_rules_6_and_10_a_cash_order_and_its_referral(&storefront, &partner).await;
    cancelled_and_failed_orders_are_pushed(&storefront, &partner).await;
    a_cart_order_is_pushed_without_a_referral(&storefront, &partner).await;
    the_trace_tells_the_pushes(&world, &storefront, &partner).await;
}

async fn s1_rules_6_and_9_a_points_order_is_pushed(storefront: &Storefront, partner: &Partner) {
    let buyer = storefront.somebody_with_points(1, 10_000).await;
    let body = json!({"recipient": recipient()});
    let order = take(&buyer, "1", "1002", 2, "points", body).await.expect_status(201);
    let paid = partner.told("order.paid", &order.order_no()).await;
    let data = &paid["data"];
    // 500 points × 0.8 at [1, 100]: 4 yuan a unit.
    assert_eq!(data["unit_price"]["amount"], json!(400), "{data}");
    assert_eq!(data["total"]["amount"], json!(800), "{data}");
    assert_eq!(data["pay_money"]["amount"], json!(0), "{data}");
    assert_eq!(data["freight"], json!("0.00"));
    assert_eq!(data["receiver_type"], json!("physical"));
    assert_eq!((&data["product_id"], &data["count"]), (&json!("1002"), &json!(2)));
    assert_eq!(data["recipient"]["name"], json!("韩梅梅"));
    assert!(data["customer_product_id"].is_string() && data["title"].is_string(), "{data}");
    let referral = partner.told("referral", &order.order_no()).await;
    assert_eq!(referral["data"]["points"], json!(2 * POINTS * 8 / 10), "{referral}");
    assert_eq!(referral["data"]["promoter"], Value::Null, "{referral}");
}

async fn s1_rules_6_and_10_a_cash_order_and_its_referral(storefront: &Storefront, partner: &Partner) {
    let offer = storefront.offer("cash", json!({"discount": 0.8, "receiving_way": 1}), 9).await;
    let buyer = storefront.somebody();
    let sealed = storefront.staff().post("/admin/referrers", json!({"promoter": "promoter-7"})).await.text("/referrer");
    let order = offer.take_with(&buyer, 3, "cash", json!({"referrer": sealed})).await.expect_status(201);
    let _ = buyer.pay(&order).await.expect_status(200);
    let paid = partner.told("order.paid", &order.order_no()).await;
    assert_eq!(paid["data"]["unit_price"]["amount"], json!(PRICE), "{paid}");
    assert_eq!(paid["data"]["pay_money"]["amount"], json!(4_776), "{paid}");
    assert_eq!(paid["data"]["receiver_type"], json!("virtual"), "{paid}");
    let referral = partner.told("referral", &order.order_no()).await;
    let data = &referral["data"];
    assert_eq!(data["promoter"], json!("promoter-7"), "{data}");
    assert_eq!((&data["unit_profit"]["amount"], &data["total_profit"]["amount"]), (&json!(150), &json!(450)), "{data}");
    assert_eq!((&data["count"], &data["state"]), (&json!(3), &json!("paid")), "{data}");

    let path = format!("/admin/orders/{}/refunds", order.order_no());
    let refund = json!({"reason": "came back", "restock": true});
    let _ = storefront.staff().post_with_key(&path, &unique_name("key"), refund).await.expect_status(201);
    partner.told("order.refunded", &order.order_no()).await;
    wait_for("the promotion system is told again", SOON, async || {
        let states = partner.target.received().into_iter().filter_map(|received| {
            let body: Value = serde_json::from_str(&received.body).ok()?;
            let referral = body["type"] == json!("referral") && body["data"]["order_no"] == json!(order.order_no());
            referral.then(|| body["data"]["state"].as_str().unwrap_or_default().to_owned())
        });
        states.collect::<Vec<_>>().contains(&"refunded".to_owned()).then_some(())
    })
    .await;
}

async fn cancelled_and_failed_orders_are_pushed(storefront: &Storefront, partner: &Partner) {
    let buyer = storefront.somebody();
    let order = take(&buyer, "1", "1001", 1, "cash", json!({})).await.expect_status(201);
    let _ = buyer.cancel(&order.order_no()).await.expect_status(200);
    let cancelled = partner.told("order.cancelled", &order.order_no()).await;
    assert_eq!((&cancelled["data"]["status"], &cancelled["data"]["reason"]), (&json!("cancelled"), &json!("user")));
    let poor = take(&buyer, "1", "1002", 1, "points", json!({})).await.expect_status(201);
    let failed = partner.told("order.cancelled", &poor.order_no()).await;
    assert_eq!(failed["data"]["status"], json!("failed"), "{failed}");
    assert!(partner.find("order.paid", &poor.order_no()).is_none());
}

async fn a_cart_order_is_pushed_without_a_referral(storefront: &Storefront, partner: &Partner) {
    let buyer = storefront.somebody();
    let order = buyer.place(&[("1", 2), ("2", 1)]).await.expect_status(201);
    let _ = buyer.pay(&order).await.expect_status(200);
    let paid = partner.told("order.paid", &order.order_no()).await;
    assert_eq!(paid["data"]["items"].as_array().map(Vec::len), Some(2), "{paid}");
    assert!(partner.find("referral", &order.order_no()).is_none());
}

async fn the_trace_tells_the_pushes(world: &World, storefront: &Storefront, partner: &Partner) {
    let buyer = storefront.somebody_with_points(1, 400).await;
    let order = take(&buyer, "1", "1002", 1, "points", json!({})).await.expect_status(201);
    partner.told("order.paid", &order.order_no()).await;
    wait_for("the trace tells the push", SOON, async || {
        let trace = world.printed(&["trace", "order", &order.order_no()]);
        (trace.contains("order.paid") && trace.contains("delivered")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn partners_are_told_everything_embedded() {
    tell_everything(Profile::Embedded).await;
}

#[tokio::test]
async fn partners_are_told_everything_on_mariadb() {
    tell_everything(Profile::MariaDb).await;
}

#[tokio::test]
async fn partners_are_told_everything_with_the_redis_gate() {
    tell_everything(Profile::Redis).await;
}

#[tokio::test]
async fn a_target_that_was_away_gets_everything_once_it_returns() {
    let _floor = floor::among_others().await;
    let world = open_shop(Profile::MariaDb).await;
    let storefront = world.storefront();
    let mut partner = subscribe(&storefront, &["order.paid"]).await;
    let healthy = subscribe(&storefront, &["order.paid"]).await;
    partner.target.go_away().await;
    let buyer = storefront.somebody_with_points(1, 40_000).await;
    let mut orders = Vec::new();
    for _ in 0..40 {
        orders.push(take(&buyer, "1", "1002", 1, "points", json!({})).await.expect_status(201).order_no());
    }
    for order in &orders {
        healthy.told("order.paid", order).await;
    }
    assert_eq!(partner.target.received().len(), 0);
    partner.target.answer(503);
    partner.target.return_again();
    wait_for("the target is probed", SOON, async || (!partner.target.received().is_empty()).then_some(())).await;
    partner.target.answer(204);
    for order in &orders {
        partner.told("order.paid", order).await;
    }
    let mut accepted: BTreeMap<String, String> = BTreeMap::new();
    for received in partner.target.received().iter().filter(|received| received.status == 204) {
        let before = accepted.insert(received.id.clone(), received.body.clone());
        assert!(before.is_none(), "{} was accepted twice", received.id);
    }
    assert_eq!(accepted.len(), 40, "each with one id");
    // What was received is noted a moment later.
    let page = wait_for("all are noted as delivered", SOON, async || {
        let page = storefront.staff().get(&format!("{}/deliveries?limit=100", partner.path)).await.expect_status(200);
        let states = page.body["data"].as_array().unwrap().iter().map(|delivery| delivery["state"].as_str().unwrap());
        (states.clone().count() == 40 && states.clone().all(|state| state == "delivered")).then_some(page)
    })
    .await;

    let id = page.text("/data/0/id");
    let _ = storefront.staff().post(&format!("/admin/webhook-deliveries/{id}/replay"), json!({})).await;
    wait_for("a replay comes under the same id", SOON, async || {
        let times = partner.target.received().iter().filter(|received| received.status == 204 && received.id == id).count();
        (times == 2).then_some(())
    })
    .await;
}

async fn private_targets_are_refused(world: &World) {
    let staff = world.storefront().staff();
    for url in [
        "http://127.0.0.1:9/x",
        "http://[::1]/x",
        "http://10.0.0.1/x",
        "http://169.254.169.254/latest",
        "http://192.168.0.9/",
        "http://[::ffff:127.0.0.1]/",
        "ftp://example.org/x",
        "not a url",
        "http://user:pw@example.org/",
    ] {
        let refused = staff.post("/admin/webhooks", json!({"url": url, "event_types": ["order.paid"]})).await;
        assert_eq!((refused.status, refused.code()), (422, "invalid_field"), "{url}: {}", refused.body);
    }
    let unknown = json!({"url": "https://example.org/hooks", "event_types": ["order.eaten"]});
    expect_refused(&staff.post("/admin/webhooks", unknown).await, 422, "invalid_field");
    let customer = world.storefront().somebody();
    expect_refused(&customer.get("/admin/webhooks").await, 403, "forbidden");
}

async fn a_subscription_is_the_stores_own(world: &World) {
    let storefront = world.storefront();
    let body =
        json!({"url": format!("https://{}.example.org/hooks", unique_name("p").replace('_', "-")), "event_types": ["referral"]});
    let made = storefront.staff().post("/admin/webhooks", body).await.expect_status(201);
    assert!(made.text("/secret").starts_with("whsec_"));
    let path = format!("/admin/webhooks/{}", made.text("/id"));
    let shown = storefront.staff().get(&path).await.expect_status(200);
    assert!(shown.body.get("secret").is_none_or(Value::is_null), "the secret is shown once: {}", shown.body);
    assert_eq!(storefront.staff_of(2).get(&path).await.status, 404);
    let paused = storefront.patch(1, &path, json!({"active": false})).await;
    assert_eq!((paused.status, &paused.body["active"]), (200, &json!(false)), "{}", paused.body);
    let gone = storefront.staff().delete(&path).await;
    assert!(matches!(gone.status, 200 | 204), "{}", gone.body);
    assert_eq!(storefront.staff().get(&path).await.status, 404);
}

on_every_profile!(private_targets_are_refused, a_subscription_is_the_stores_own);

/// What a test waits for at most when a target is slow.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_slow_target_holds_up_nobody_else() {
    let _floor = floor::among_others().await;
    let world = open_shop(Profile::Embedded).await;
    let storefront = world.storefront();
    let slow = subscribe(&storefront, &["order.cancelled"]).await;
    slow.target.delay(Duration::from_secs(5));
    let quick = subscribe(&storefront, &["order.cancelled"]).await;
    let buyer = storefront.somebody();
    let mut orders = Vec::new();
    for _ in 0..30 {
        let order = buyer.place(&[("1", 1)]).await.expect_status(201);
        let _ = buyer.cancel(&order.order_no()).await.expect_status(200);
        orders.push(order.order_no());
    }
    wait_for("the quick target has everything", PATIENCE, async || {
        orders.iter().all(|order| quick.find("order.cancelled", order).is_some()).then_some(())
    })
    .await;
    assert!(slow.target.received().len() < 30, "the slow one cannot have been waited for");
}
