//! Rules 1–3, 5, 7 and 8 of the discount promotion: activity and product, money, form, stock, what is kept, cash.

use serde_json::{Value, json};
use sluice_testkit::{Shopper, unique_name};

use super::stage::{OPEN, POINTS, PRICE, expect_refused, recipient, take, with};
use crate::on_every_profile;
use crate::world::{SOON, World};

async fn s1_rule_1_the_activity_exists_in_the_store_and_runs(world: &World) {
    let storefront = world.storefront();
    let buyer = storefront.somebody();
    for unknown in ["999999", "no-number", "01", "3"] {
        let refused = take(&buyer, unknown, "1001", 1, "cash", json!({})).await;
        expect_refused(&refused, 404, "activity_not_found");
    }
    expect_refused(&take(&buyer, "2", "1001", 1, "cash", json!({})).await, 409, "activity_not_running");
    let coming = storefront.activity(1, "cash", ["2098-01-01T00:00:00Z", "2099-01-01T00:00:00Z"]).await;
    let offer = storefront.offer_in(1, &coming, json!({}), 5).await;
    expect_refused(&offer.take(&buyer, 1, "cash").await, 409, "activity_not_running");
    let begun = storefront.patch(1, &format!("/admin/activities/{coming}"), json!({"starts_at": OPEN[0]})).await;
    assert_eq!(begun.status, 200, "{}", begun.body);
    let _ = offer.take(&buyer, 1, "cash").await.expect_status(201);
    let ended = json!({"ends_at": "2020-01-02T00:00:00Z"});
    let ended = storefront.patch(1, &format!("/admin/activities/{coming}"), ended).await;
    assert_eq!(ended.status, 200, "{}", ended.body);
    expect_refused(&offer.take(&buyer, 1, "cash").await, 409, "activity_not_running");
    storefront.expect_stock(&offer.sku, [4, 1, 0, 5]).await;
}

async fn s1_rule_1_the_product_is_one_of_this_activity(world: &World) {
    let storefront = world.storefront();
    let buyer = storefront.somebody();
    let other = storefront.offer("cash", json!({}), 5).await;
    for (product, what) in [
        ("999999", "unknown"),
        ("x", "unreadable"),
        ("1", "a cart product"),
        ("2001", "of another store"),
        (&other.product, "of another activity"),
    ] {
        let refused = take(&buyer, "1", product, 1, "cash", json!({})).await;
        assert_eq!((refused.status, refused.code()), (409, "product_not_in_activity"), "{what}: {}", refused.body);
    }
    let deleted = storefront.patch(1, &format!("/admin/products/{}", other.product), json!({"deleted": true})).await;
    assert_eq!(deleted.status, 200, "{}", deleted.body);
    expect_refused(&other.take(&buyer, 1, "cash").await, 409, "product_not_in_activity");
    storefront.expect_stock(&other.sku, [5, 0, 0, 5]).await;
}

async fn s1_rule_1_an_offer_is_sold_in_its_activity_alone(world: &World) {
    let storefront = world.storefront();
    let offer = storefront.offer("cash", json!({}), 5).await;
    let buyer = storefront.somebody();
    for sku in [offer.sku.as_str(), "1001"] {
        let refused = buyer.place(&[(sku, 1)]).await;
        expect_refused(&refused, 409, "off_shelf");
    }
    assert_eq!(buyer.get(&format!("/products/{}", offer.product)).await.status, 404);
    storefront.expect_stock(&offer.sku, [5, 0, 0, 5]).await;
}

async fn expect_money(buyer: &Shopper, product: &str, quantity: i64, pay_type: &str, [cash, points]: [i64; 2]) {
    let order = take(buyer, "1", product, quantity, pay_type, json!({"own_form": "a remark"})).await.expect_status(201);
    assert_eq!([order.number("/total/amount"), order.number("/points_total")], [cash, points], "{}", order.body);
    assert_eq!(order.number("/items/0/line_total/amount"), cash, "{}", order.body);
    assert_eq!(order.text("/kind"), "activity");
    assert_eq!(order.text("/items/0/product_id"), product);
    assert_eq!(order.number("/items/0/quantity"), quantity);
}

async fn s1_rule_2_the_demo_offers_cost_what_their_mode_and_discount_say(world: &World) {
    let storefront = world.storefront();
    let buyer = storefront.somebody_with_points(1, 10_000).await;
    expect_money(&buyer, "1001", 1, "cash", [1592, 0]).await;
    expect_money(&buyer, "1001", 3, "cash", [4776, 0]).await;
    expect_money(&buyer, "1002", 1, "points", [0, 400]).await;
    expect_money(&buyer, "1002", 2, "points", [0, 800]).await;
    expect_money(&buyer, "1003", 2, "cash", [3980, 0]).await;
}

async fn s1_rule_2_a_line_is_rounded_once_half_away_from_zero(world: &World) {
    let storefront = world.storefront();
    let buyer = storefront.somebody_with_points(1, 100).await;
    let half = storefront.offer("cash", json!({"price": 5, "points": 5, "discount": 0.5}), 100).await;
    for (quantity, total) in [(1, 3), (2, 5), (3, 8)] {
        let order = half.take(&buyer, quantity, "cash").await.expect_status(201);
        assert_eq!(order.number("/total/amount"), total, "{quantity} × 5 × 0.5");
    }
    let thirds = storefront.offer("points", json!({"price": 0, "points": 10, "discount": 0.3333}), 100).await;
    let order = thirds.take(&buyer, 3, "points").await.expect_status(201);
    assert_eq!(order.number("/points_total"), 10, "9.999 points");
}

async fn s1_rule_2_the_products_mode_wins_and_the_pay_type_must_match(world: &World) {
    let storefront = world.storefront();
    let buyer = storefront.somebody_with_points(1, 10_000).await;
    let own_mode = storefront.offer("cash", json!({"mode": "points", "discount": 0.5}), 9).await;
    let default_mode = storefront.offer_in(1, &own_mode.activity, json!({"discount": 0.5}), 9).await;
    expect_refused(&own_mode.take(&buyer, 1, "cash").await, 409, "pay_type_mismatch");
    expect_refused(&default_mode.take(&buyer, 1, "points").await, 409, "pay_type_mismatch");
    storefront.expect_stock(&own_mode.sku, [9, 0, 0, 9]).await;
    storefront.expect_stock(&default_mode.sku, [9, 0, 0, 9]).await;
    let points = own_mode.take(&buyer, 1, "points").await.expect_status(201);
    assert_eq!([points.number("/total/amount"), points.number("/points_total")], [0, POINTS / 2]);
    let cash = default_mode.take(&buyer, 1, "cash").await.expect_status(201);
    assert_eq!([cash.number("/total/amount"), cash.number("/points_total")], [PRICE / 2, 0]);
    let plain = json!({"sales_status": 2});
    let path = format!("/admin/activity-products/{}", default_mode.product);
    assert_eq!(storefront.patch(1, &path, plain).await.status, 200);
    let plain = default_mode.take(&buyer, 1, "cash").await.expect_status(201);
    assert_eq!(plain.number("/total/amount"), PRICE, "a plain sale has discount 1");
    for odd in ["coins", "", "CASH"] {
        expect_refused(&default_mode.take(&buyer, 1, odd).await, 422, "invalid_field");
    }
}

async fn s1_rule_3_a_special_store_asks_by_the_receiving_way(world: &World) {
    let storefront = world.storefront();
    for (product, needed) in [("2001", true), ("2002", true), ("2003", false), ("2004", false), ("2005", false)] {
        let buyer = storefront.somebody_with_points(2, 1_000).await;
        let bare = take(&buyer, "3", product, 1, "points", json!({})).await;
        if !needed {
            let _ = bare.expect_status(201);
            continue;
        }
        expect_refused(&bare, 422, "field_required");
        let half = take(&buyer, "3", product, 1, "points", json!({"recipient": {"name": "韩梅梅"}})).await;
        expect_refused(&half, 422, "field_required");
        assert_eq!(half.text("/errors/0/pointer"), "/recipient/phone");
        let _ = take(&buyer, "3", product, 1, "points", json!({"recipient": recipient()})).await.expect_status(201);
    }
}

async fn s1_rule_3_other_stores_ask_by_the_products_form(world: &World) {
    let storefront = world.storefront();
    let buyer = storefront.somebody();
    expect_refused(&take(&buyer, "1", "1005", 1, "cash", json!({})).await, 422, "field_required");
    expect_refused(&take(&buyer, "1", "1005", 1, "cash", json!({"own_form": "  "})).await, 422, "field_required");
    let kept = take(&buyer, "1", "1005", 1, "cash", json!({"own_form": "engrave: 42"})).await.expect_status(201);
    assert_eq!(kept.text("/own_form"), "engrave: 42");
    let whole = json!({
        "name": "A", "phone": "13900000001", "id_card": "110101199001011234", "province": "浙江", "city": "杭州", "district": "西湖",
        "address": "文三路 1 号",
    });
    for (field, parts) in [
        ("recipients", &["name"][..]),
        ("tel", &["phone"]),
        ("id_card", &["id_card"]),
        ("total_address", &["province", "city", "district"]),
        ("address", &["address"]),
    ] {
        let offer = storefront.offer("cash", json!({"order_form_items": [field]}), 5).await;
        for part in parts {
            let mut recipient = whole.clone();
            recipient.as_object_mut().unwrap().remove(*part);
            let refused = offer.take_with(&buyer, 1, "cash", json!({"recipient": recipient})).await;
            expect_refused(&refused, 422, "field_required");
            assert_eq!(refused.text("/errors/0/pointer"), format!("/recipient/{part}"), "{field}");
        }
        let only: serde_json::Map<String, Value> = parts.iter().map(|part| ((*part).to_owned(), whole[*part].clone())).collect();
        let _ = offer.take_with(&buyer, 1, "cash", json!({"recipient": only})).await.expect_status(201);
        storefront.expect_stock(&offer.sku, [4, 1, 0, 5]).await;
    }
}

async fn s1_rule_5_the_ordered_quantity_is_locked_sold_and_returned(world: &World) {
    let storefront = world.storefront();
    let offer = storefront.offer("cash", json!({}), 10).await;
    let buyer = storefront.somebody();
    let order = offer.take(&buyer, 4, "cash").await.expect_status(201);
    storefront.expect_stock(&offer.sku, [6, 4, 0, 10]).await;
    let short = offer.take(&buyer, 7, "cash").await;
    expect_refused(&short, 409, "insufficient_stock");
    assert_eq!(short.number("/errors/0/usable"), 6);
    assert_eq!(short.text("/errors/0/sku_id"), offer.sku);
    let _ = buyer.pay(&order).await.expect_status(200);
    buyer.wait_for_status(&order.order_no(), "paid", SOON).await;
    storefront.expect_stock(&offer.sku, [6, 0, 4, 10]).await;
    let given_up = offer.take(&buyer, 5, "cash").await.expect_status(201);
    let _ = buyer.cancel(&given_up.order_no()).await.expect_status(200);
    storefront.expect_stock(&offer.sku, [6, 0, 4, 10]).await;
    storefront.expect_trace_adds_up(&offer.sku, &["adjust", "reserve", "sell", "reserve", "release"]).await;
}

async fn s1_rule_6_points_need_the_stores_ratio(world: &World) {
    let storefront = world.storefront();
    let buyer = storefront.somebody_with_points(3, 1_000).await;
    expect_refused(&take(&buyer, "4", "3001", 1, "points", json!({})).await, 409, "store_setting_missing");
    expect_refused(&take(&buyer, "4", "3001", 1, "cash", json!({})).await, 409, "pay_type_mismatch");
    let activity = storefront.activity(3, "cash", OPEN).await;
    let cash = storefront.offer_in(3, &activity, json!({}), 5).await;
    let _ = cash.take(&buyer, 1, "cash").await.expect_status(201);
}

async fn s1_rule_7_the_order_keeps_what_it_was_placed_with(world: &World) {
    let storefront = world.storefront();
    let offer = storefront.offer("cash", json!({"discount": 0.8}), 5).await;
    let buyer = storefront.somebody();
    let body = json!({"recipient": recipient(), "own_form": "红色", "attribution": {"rq": "r-1", "cookie_id": "c-1"}});
    let order = offer.take_with(&buyer, 2, "cash", body).await.expect_status(201);
    assert_eq!(order.header("location"), Some(format!("/api/v1/orders/{}", order.order_no()).as_str()));
    let seen = buyer.order(&order.order_no()).await.expect_status(200);
    assert_eq!(seen.text("/activity_id"), offer.activity);
    assert_eq!(seen.text("/pay_type"), "cash");
    assert_eq!(seen.text("/own_form"), "红色");
    assert_eq!(seen.text("/recipient/name"), "韩梅梅");
    assert_eq!(seen.number("/items/0/unit_price/amount"), PRICE);
    let repriced = json!({"price": 10});
    assert_eq!(storefront.patch(1, &format!("/admin/skus/{}", offer.sku), repriced).await.status, 200);
    assert_eq!(buyer.order(&order.order_no()).await.number("/total/amount"), 3184, "what was placed stays");
    let next = offer.take(&buyer, 1, "cash").await.expect_status(201);
    assert_eq!(next.number("/total/amount"), 8, "the new price holds at once");

    let cart_order = buyer.place(&[("1", 1)]).await.expect_status(201);
    let listed = buyer.get("/orders").await.expect_status(200);
    let kinds: Vec<&str> = listed.body["data"].as_array().unwrap().iter().map(|order| order["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["cart", "activity", "activity"], "the list shows both kinds, newest first");
    let _ = buyer.cancel(&cart_order.order_no()).await.expect_status(200);
}

async fn s1_rule_8_cash_is_paid_like_a_cart_order(world: &World) {
    let storefront = world.storefront();
    let offer = storefront.offer("cash", json!({}), 5).await;
    let buyer = storefront.somebody();
    let order = offer.take(&buyer, 1, "cash").await.expect_status(201);
    assert_eq!(order.text("/status"), "unpaid");
    assert_eq!(order.text("/redirect_type"), "1", "the home page, unless the store says otherwise");
    assert!(!order.text("/payment/url").is_empty());
    assert_eq!(order.text("/payment/expires_at"), order.text("/expires_at"));
    let mut stream = buyer.follow(&order.order_no()).await;
    assert_eq!(stream.next(SOON).await.unwrap()["status"], "unpaid");
    let _ = buyer.pay(&order).await.expect_status(200);
    assert_eq!(stream.next(SOON).await.unwrap()["status"], "paid");
    storefront.expect_stock(&offer.sku, [4, 0, 1, 5]).await;
}

async fn s1_rule_8_an_unpaid_order_cancels_itself(world: &World) {
    let storefront = world.hasty();
    let offer = storefront.offer("cash", json!({"per_user_limit": 1}), 5).await;
    let buyer = storefront.somebody();
    let order = offer.take(&buyer, 1, "cash").await.expect_status(201);
    let cancelled = buyer.wait_for_status(&order.order_no(), "cancelled", SOON).await;
    assert_eq!(cancelled.text("/cancel_reason"), "expired");
    storefront.expect_stock(&offer.sku, [5, 0, 0, 5]).await;
    let _ = offer.take(&buyer, 1, "cash").await.expect_status(201);
}

async fn s1_rule_8_the_stores_redirect_type_is_answered(world: &World) {
    let storefront = world.storefront();
    let (staff, buyer) = (storefront.staff_of(3), storefront.customer(3, &unique_name("buyer")));
    let settings = staff.get("/admin/store-settings").await.expect_status(200);
    let etag = settings.header("etag").unwrap().to_owned();
    let changed = json!({"h5_redirect_type": "7"});
    let answer = staff.send("PUT", "/api/v1/admin/store-settings", &[("If-Match", &etag)], Some(changed)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let activity = storefront.activity(3, "cash", OPEN).await;
    let offer = storefront.offer_in(3, &activity, json!({}), 5).await;
    let order = offer.take(&buyer, 1, "cash").await.expect_status(201);
    assert_eq!(order.text("/redirect_type"), "7");
}

async fn the_first_refusal_that_applies_is_answered(world: &World) {
    let storefront = world.storefront();
    let buyer = storefront.customer(2, &unique_name("buyer"));
    let everything_wrong = json!({"referrer": "forged"});
    let over = storefront.activity(2, "points", ["2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z"]).await;
    expect_refused(&take(&buyer, "1", "1001", 1, "points", everything_wrong.clone()).await, 404, "activity_not_found");
    expect_refused(&take(&buyer, &over, "1001", 1, "cash", everything_wrong.clone()).await, 409, "activity_not_running");
    expect_refused(&take(&buyer, "3", "1001", 1, "cash", everything_wrong.clone()).await, 409, "product_not_in_activity");
    expect_refused(&take(&buyer, "3", "2001", 1, "cash", everything_wrong.clone()).await, 409, "pay_type_mismatch");
    expect_refused(&take(&buyer, "3", "2001", 1, "points", json!({})).await, 422, "field_required");
    let running = storefront.activity(2, "cash", OPEN).await;
    let scarce = storefront.offer_in(2, &running, json!({"receiving_way": 0}), 1).await;
    expect_refused(&scarce.take(&buyer, 2, "cash").await, 422, "field_required");
    let _ = scarce.take_with(&buyer, 1, "cash", json!({"recipient": recipient()})).await.expect_status(201);
    let again = scarce.take_with(&buyer, 1, "cash", json!({"recipient": recipient()})).await;
    expect_refused(&again, 409, "redemption_limit_reached");
    let other = storefront.customer(2, &unique_name("buyer"));
    let short = scarce.take_with(&other, 1, "cash", json!({"recipient": recipient()})).await;
    expect_refused(&short, 409, "insufficient_stock");
}

async fn an_activity_order_needs_its_key_and_repeats_its_answer(world: &World) {
    let storefront = world.storefront();
    let offer = storefront.offer("cash", json!({}), 50).await;
    let buyer = storefront.somebody();
    let path = format!("/activities/{}/orders", offer.activity);
    let body = json!({"product_id": offer.product, "quantity": 2, "pay_type": "cash"});
    expect_refused(&buyer.post(&path, body.clone()).await, 400, "idempotency_key_missing");
    let key = unique_name("key");
    let mut together = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (buyer, path, key, body) = (buyer.clone(), path.clone(), key.clone(), body.clone());
        together.spawn(async move { buyer.post_with_key(&path, &key, body).await });
    }
    let answers = together.join_all().await;
    for answer in &answers {
        assert!(matches!((answer.status, answer.code()), (201, _) | (409, "request_in_progress")), "{}", answer.body);
    }
    let first = buyer.post_with_key(&path, &key, body.clone()).await.expect_status(201);
    assert_eq!(first.header("idempotent-replayed"), Some("true"));
    for answer in answers.iter().filter(|answer| answer.status == 201) {
        assert_eq!(answer.body, first.body);
    }
    storefront.expect_stock(&offer.sku, [48, 2, 0, 50]).await;
    let other = with(body, &json!({"quantity": 3}));
    expect_refused(&buyer.post_with_key(&path, &key, other).await, 422, "idempotency_key_reused");
}

async fn bad_bodies_are_told_apart(world: &World) {
    let storefront = world.storefront();
    let buyer = storefront.somebody();
    for quantity in [0, -1, 10_000, i64::MAX] {
        let refused = take(&buyer, "1", "1001", quantity, "cash", json!({})).await;
        expect_refused(&refused, 422, "invalid_field");
        assert_eq!(refused.text("/errors/0/pointer"), "/quantity");
    }
    expect_refused(&take(&buyer, "1", "1001", 1, "cash", json!({"price": 1})).await, 400, "unknown_field");
    expect_refused(&take(&buyer, "1", "1001", 1, "cash", json!({"quantity": 1.5})).await, 422, "invalid_field");
    let long = json!({"own_form": "x".repeat(5_000)});
    expect_refused(&take(&buyer, "1", "1001", 1, "cash", long).await, 422, "invalid_field");
    let nobody = storefront.nobody();
    expect_refused(&take(&nobody, "1", "1001", 1, "cash", json!({})).await, 401, "unauthenticated");
}

on_every_profile!(
    s1_rule_1_the_activity_exists_in_the_store_and_runs,
    s1_rule_1_the_product_is_one_of_this_activity,
    s1_rule_1_an_offer_is_sold_in_its_activity_alone,
    s1_rule_2_the_demo_offers_cost_what_their_mode_and_discount_say,
    s1_rule_2_a_line_is_rounded_once_half_away_from_zero,
    s1_rule_2_the_products_mode_wins_and_the_pay_type_must_match,
    s1_rule_3_a_special_store_asks_by_the_receiving_way,
    s1_rule_3_other_stores_ask_by_the_products_form,
    s1_rule_5_the_ordered_quantity_is_locked_sold_and_returned,
    s1_rule_6_points_need_the_stores_ratio,
    s1_rule_7_the_order_keeps_what_it_was_placed_with,
    s1_rule_8_cash_is_paid_like_a_cart_order,
    s1_rule_8_an_unpaid_order_cancels_itself,
    s1_rule_8_the_stores_redirect_type_is_answered,
    the_first_refusal_that_applies_is_answered,
    an_activity_order_needs_its_key_and_repeats_its_answer,
    bad_bodies_are_told_apart,
);
