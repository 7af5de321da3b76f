//! Rule 9: points move once, asynchronously; the order is confirmed, or fails and gives everything back.

use serde_json::{Value, json};
use sluice_testkit::{unique_name, wait_for};
use tokio::task::JoinSet;

use super::stage::{balance, expect_refused};
use crate::on_every_profile;
use crate::world::{SOON, World};

async fn s1_rule_9_points_are_deducted_and_the_order_is_paid(world: &World) {
    let storefront = world.storefront();
    let offer = storefront.offer("points", json!({"points": 500, "discount": 0.8}), 10).await;
    let buyer = storefront.somebody_with_points(1, 1_000).await;
    let order = offer.take(&buyer, 2, "points").await.expect_status(201);
    assert_eq!(order.text("/status"), "confirming", "the answer comes at once");
    assert_eq!(order.body["payment"], Value::Null);
    assert_eq!(order.text("/redirect_type"), "1");
    buyer.wait_for_status(&order.order_no(), "paid", SOON).await;
    assert_eq!(balance(&buyer).await, 200);
    storefront.expect_stock(&offer.sku, [8, 0, 2, 10]).await;
    let account = buyer.get("/points").await.expect_status(200);
    let moved: Vec<i64> = account.body["data"].as_array().unwrap().iter().map(|entry| entry["points"].as_i64().unwrap()).collect();
    assert_eq!(moved, [-800, 1_000], "newest first: {}", account.body);
    storefront.expect_trace_adds_up(&offer.sku, &["adjust", "reserve", "sell"]).await;
}

async fn s1_rule_9_refused_points_fail_the_order_and_return_everything(world: &World) {
    let storefront = world.storefront();
    let offer = storefront.offer("points", json!({"points": 500, "per_user_limit": 1}), 10).await;
    let buyer = storefront.somebody_with_points(1, 499).await;
    let order = offer.take(&buyer, 1, "points").await.expect_status(201);
    buyer.wait_for_status(&order.order_no(), "failed", SOON).await;
    assert_eq!(balance(&buyer).await, 499);
    storefront.expect_stock(&offer.sku, [10, 0, 0, 10]).await;
    storefront.expect_trace_adds_up(&offer.sku, &["adjust", "reserve", "release"]).await;
    expect_refused(&buyer.cancel(&order.order_no()).await, 409, "order_not_cancellable");
    let again = offer.take(&buyer, 1, "points").await.expect_status(201);
    buyer.wait_for_status(&again.order_no(), "failed", SOON).await;
}

async fn s1_rule_9_the_stream_follows_confirming_to_its_end(world: &World) {
    let storefront = world.storefront();
    let offer = storefront.offer("points", json!({"points": 10}), 10).await;
    for (points, end) in [(10, "paid"), (9, "failed")] {
        let buyer = storefront.somebody_with_points(1, points).await;
        let order = offer.take(&buyer, 1, "points").await.expect_status(201);
        let mut stream = buyer.follow(&order.order_no()).await;
        let mut seen = Vec::new();
        while let Some(event) = stream.next(SOON).await {
            assert_eq!(event["order_no"], json!(order.order_no()));
            seen.push(event["status"].as_str().unwrap().to_owned());
        }
        assert_eq!(seen.last().map(String::as_str), Some(end), "{seen:?}");
        assert!(seen.iter().all(|status| status == "confirming" || status == end), "{seen:?}");
    }
}

async fn s1_rule_9_a_repeated_request_is_answered_as_it_was_first(world: &World) {
    let storefront = world.storefront();
    let offer = storefront.offer("points", json!({"points": 10}), 10).await;
    let buyer = storefront.somebody_with_points(1, 100).await;
    let (key, path) = (unique_name("key"), format!("/activities/{}/orders", offer.activity));
    let body = json!({"product_id": offer.product, "quantity": 1, "pay_type": "points"});
    let first = buyer.post_with_key(&path, &key, body.clone()).await.expect_status(201);
    buyer.wait_for_status(&first.order_no(), "paid", SOON).await;
    let again = buyer.post_with_key(&path, &key, body).await.expect_status(201);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.body, first.body);
    assert_eq!(balance(&buyer).await, 90);
}

async fn s1_rule_9_a_balance_is_never_overdrawn(world: &World) {
    let storefront = world.storefront();
    let offer = storefront.offer("points", json!({"points": 100}), 100).await;
    let buyer = storefront.somebody_with_points(1, 550).await;
    let mut together = JoinSet::new();
    for _ in 0..12 {
        let (buyer, offer) = (buyer.clone(), offer.clone());
        together.spawn(async move { offer.take(&buyer, 1, "points").await.expect_status(201).order_no() });
    }
    let mut ends = Vec::new();
    for order_no in together.join_all().await {
        let end = wait_for("the order is final", SOON, async || {
            let status = buyer.order(&order_no).await.text("/status");
            (status != "confirming").then_some(status)
        });
        ends.push(end.await);
    }
    assert_eq!(ends.iter().filter(|end| *end == "paid").count(), 5, "{ends:?}");
    assert_eq!(ends.iter().filter(|end| *end == "failed").count(), 7, "{ends:?}");
    assert_eq!(balance(&buyer).await, 50);
    storefront.expect_stock(&offer.sku, [95, 0, 5, 100]).await;
}

async fn s1_rule_9_the_demo_customer_has_points_in_every_store(world: &World) {
    let storefront = world.storefront();
    for store in 1..=3 {
        let account = storefront.customer(store, "42").get("/points").await.expect_status(200);
        assert_eq!(account.number("/balance"), 1_000_000);
        assert_eq!(storefront.customer(store, "43").get("/points").await.expect_status(200).number("/balance"), 0);
    }
}

async fn a_refund_returns_points_and_goods_once(world: &World) {
    let storefront = world.storefront();
    let offer = storefront.offer("points", json!({"points": 100}), 5).await;
    let buyer = storefront.somebody_with_points(1, 300).await;
    let order = offer.take(&buyer, 2, "points").await.expect_status(201);
    buyer.wait_for_status(&order.order_no(), "paid", SOON).await;
    assert_eq!(balance(&buyer).await, 100);
    let path = format!("/admin/orders/{}/refunds", order.order_no());
    let staff = storefront.staff();
    let part = staff.post_with_key(&path, &unique_name("key"), json!({"reason": "a part", "amount": 1})).await;
    expect_refused(&part, 422, "invalid_field");
    let key = unique_name("key");
    for _ in 0..3 {
        let body = json!({"reason": "came back", "restock": true});
        let _ = staff.post_with_key(&path, &key, body).await.expect_status(201);
    }
    let refunded = buyer.wait_for_status(&order.order_no(), "refunded", SOON).await;
    assert_eq!(refunded.text("/refund_status"), "full");
    assert_eq!(balance(&buyer).await, 300);
    storefront.expect_stock(&offer.sku, [5, 0, 0, 5]).await;
    let more = staff.post_with_key(&path, &unique_name("key"), json!({"reason": "again"})).await;
    assert_eq!(more.status, 409, "{}", more.body);
    assert_eq!(balance(&buyer).await, 300);
}

async fn a_grant_counts_once_for_its_key(world: &World) {
    let storefront = world.storefront();
    let (staff, user) = (storefront.staff(), unique_name("buyer"));
    let body = json!({"user_id": user, "points": 70, "reason": "a birthday"});
    let key = unique_name("key");
    for _ in 0..5 {
        let answer = staff.post_with_key("/admin/points/grants", &key, body.clone()).await;
        assert!(matches!(answer.status, 200 | 201), "{}", answer.body);
    }
    assert_eq!(balance(&storefront.customer(1, &user)).await, 70);
    assert_eq!(balance(&storefront.customer(2, &user)).await, 0, "accounts are the store's");
    for points in [0, -5, i64::MAX] {
        let bad = json!({"user_id": user, "points": points, "reason": "x"});
        expect_refused(&staff.post_with_key("/admin/points/grants", &unique_name("key"), bad).await, 422, "invalid_field");
    }
    let customer = storefront.customer(1, &user);
    let own = customer.post_with_key("/admin/points/grants", &unique_name("key"), body).await;
    expect_refused(&own, 403, "forbidden");
}

on_every_profile!(
    s1_rule_9_points_are_deducted_and_the_order_is_paid,
    s1_rule_9_refused_points_fail_the_order_and_return_everything,
    s1_rule_9_the_stream_follows_confirming_to_its_end,
    s1_rule_9_a_repeated_request_is_answered_as_it_was_first,
    s1_rule_9_a_balance_is_never_overdrawn,
    s1_rule_9_the_demo_customer_has_points_in_every_store,
    a_refund_returns_points_and_goods_once,
    a_grant_counts_once_for_its_key,
);
