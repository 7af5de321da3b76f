//! Idempotency keys: one key, one order, one knowable outcome.

use serde_json::{Value, json};
use sluice_testkit::{Answer, Shopper, unique_name};
use tokio::task::JoinSet;

use crate::on_every_profile;
use crate::world::{SOON, Storefront, World};

fn body(sku: &str, quantity: i64) -> Value {
    json!({"items": [{"sku_id": sku, "quantity": quantity}], "recipient": {"name": "A", "phone": "13800000000"}})
}

#[track_caller]
fn expect_replay(replay: &Answer, first: &Answer) {
    assert_eq!(replay.status, 201, "{}", replay.body);
    assert_eq!(replay.header("idempotent-replayed"), Some("true"));
    assert_eq!(replay.header("location"), first.header("location"));
    assert_eq!(replay.body, first.body, "a replay shows the order as it was answered first");
}

async fn a_key_is_required_and_bounded(world: &World) {
    let buyer = world.storefront().somebody();
    let missing = buyer.post("/orders", body("1", 1)).await;
    assert_eq!((missing.status, missing.code()), (400, "idempotency_key_missing"));
    for key in ["k".repeat(256), String::new()] {
        let refused = buyer.place_body(&key, body("1", 1)).await;
        assert!(
            matches!((refused.status, refused.code()), (422, "invalid_field") | (400, "idempotency_key_missing")),
            "{}",
            refused.body
        );
    }
    let longest = buyer.place_body(&format!("{:x<255}", unique_name("k")), body("1", 1)).await;
    assert_eq!(longest.status, 201, "{}", longest.body);
}

async fn the_same_request_is_answered_again_and_done_once(world: &World) {
    let storefront = world.storefront();
    let product = storefront.add_product(9).await;
    let (buyer, key) = (storefront.somebody(), unique_name("key"));
    let first = buyer.place_body(&key, body(&product.sku, 2)).await.expect_status(201);
    assert_eq!(first.header("idempotent-replayed"), None);
    expect_replay(&buyer.place_body(&key, body(&product.sku, 2)).await, &first);
    let respelled = format!(
        r#" {{ "recipient" : {{"phone":"13800000000","name":"\u0041"}} , "items":[{{"quantity":2,"sku_id":"{}"}}] }}"#,
        product.sku
    );
    let headers = [("Idempotency-Key", key.as_str())];
    let same_value = buyer.try_send("POST", "/api/v1/orders", &headers, Some(respelled)).await.unwrap();
    expect_replay(&same_value, &first);
    storefront.expect_stock(&product.sku, [7, 2, 0, 9]).await;

    let other = buyer.place_body(&key, body(&product.sku, 3)).await;
    assert_eq!((other.status, other.code()), (422, "idempotency_key_reused"), "{}", other.body);
    storefront.expect_stock(&product.sku, [7, 2, 0, 9]).await;
}

async fn a_replay_shows_the_order_as_it_was_answered_first(world: &World) {
    let storefront = world.storefront();
    let product = storefront.add_product(9).await;
    let (buyer, key) = (storefront.somebody(), unique_name("key"));
    let first = buyer.place_body(&key, body(&product.sku, 1)).await.expect_status(201);
    let _ = buyer.pay(&first).await.expect_status(200);
    buyer.wait_for_status(&first.order_no(), "paid", SOON).await;
    expect_replay(&buyer.place_body(&key, body(&product.sku, 1)).await, &first);

    let (other, key) = (storefront.somebody(), unique_name("key"));
    let second = other.place_body(&key, body(&product.sku, 1)).await.expect_status(201);
    let _ = other.cancel(&second.order_no()).await.expect_status(200);
    expect_replay(&other.place_body(&key, body(&product.sku, 1)).await, &second);
    storefront.expect_stock(&product.sku, [8, 0, 1, 9]).await;
}

async fn a_replay_stands_even_when_the_shelf_has_changed(world: &World) {
    let storefront = world.storefront();
    let product = storefront.add_product(1).await;
    let (buyer, key) = (storefront.somebody(), unique_name("key"));
    let first = buyer.place_body(&key, body(&product.sku, 1)).await.expect_status(201);
    expect_replay(&buyer.place_body(&key, body(&product.sku, 1)).await, &first); // nothing is left in stock
    let path = format!("/admin/products/{}", product.id);
    let etag = storefront.staff().get(&path).await.header("etag").unwrap().to_owned();
    let unlisted = json!({"listed": false});
    let _ = storefront
        .staff()
        .send("PATCH", &format!("/api/v1{path}"), &[("If-Match", &etag)], Some(unlisted))
        .await
        .expect_status(200);
    expect_replay(&buyer.place_body(&key, body(&product.sku, 1)).await, &first);
}

async fn a_key_is_free_again_after_a_refusal(world: &World) {
    let storefront = world.storefront();
    let product = storefront.add_product(1).await;
    let (buyer, key) = (storefront.somebody(), unique_name("key"));
    for refused in [body(&product.sku, 2), body("15", 1), body(&product.sku, 0), json!({"items": "none"})] {
        let answer = buyer.place_body(&key, refused).await;
        assert!((400..500).contains(&answer.status), "{}", answer.body);
    }
    let placed = buyer.place_body(&key, body(&product.sku, 1)).await.expect_status(201);
    assert_eq!(placed.header("idempotent-replayed"), None);
}

async fn a_key_belongs_to_its_user_and_its_store(world: &World) {
    let storefront = world.storefront();
    let key = unique_name("key");
    let (one, two) = (storefront.somebody(), storefront.somebody());
    let first = one.place_body(&key, body("1", 1)).await.expect_status(201);
    let second = two.place_body(&key, body("2", 1)).await.expect_status(201);
    assert_ne!(first.order_no(), second.order_no());
    assert_eq!(second.header("idempotent-replayed"), None);
}

async fn sixteen_simultaneous_requests_with_one_key_make_one_order(world: &World) {
    sixteen_requests_with_one_key(&[world.storefront()]).await;
}

/// Spread over the storefronts.
pub async fn sixteen_requests_with_one_key(storefronts: &[Storefront]) {
    let product = storefronts[0].add_product(100).await;
    let (user, key) = (unique_name("double"), unique_name("key"));
    let mut together = JoinSet::new();
    for number in 0..16 {
        let buyer: Shopper = storefronts[number % storefronts.len()].customer(1, &user);
        let (key, body) = (key.clone(), body(&product.sku, 3));
        together.spawn(async move { buyer.place_body(&key, body).await });
    }
    let answers = together.join_all().await;
    let placed: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert!(!placed.is_empty(), "at least one is answered");
    for answer in &answers {
        match answer.status {
            201 => assert_eq!(answer.body["order_no"], placed[0].body["order_no"], "one key, one order"),
            409 => assert_eq!(answer.code(), "request_in_progress", "{}", answer.body),
            other => panic!("one of sixteen was answered {other}: {}", answer.body),
        }
    }
    let first = placed.iter().filter(|answer| answer.header("idempotent-replayed").is_none()).count();
    assert_eq!(first, 1, "one is the first, the others are replays");
    storefronts[0].expect_stock(&product.sku, [97, 3, 0, 100]).await;
    let orders = storefronts[0].customer(1, &user).get("/orders").await.expect_status(200);
    assert_eq!(orders.body["data"].as_array().unwrap().len(), 1);
    let replay = storefronts[0].customer(1, &user).place_body(&key, body(&product.sku, 3)).await.expect_status(201);
    assert_eq!(replay.order_no(), placed[0].order_no());
}

/// One rule for every POST that takes a key: nothing without one, the same request once, another one never, and a refusal leaves
/// the key free.
async fn no_post_that_takes_a_key_has_a_rule_of_its_own(world: &World) {
    let storefront = world.storefront();
    let (staff, buyer, product) = (storefront.staff(), storefront.somebody(), storefront.add_product(9).await);
    let paid = buyer.place(&[(&product.sku, 3)]).await.expect_status(201);
    let _ = buyer.pay(&paid).await.expect_status(200);
    buyer.wait_for_status(&paid.order_no(), "paid", SOON).await;
    let points = |points: i64| json!({"user_id": unique_name("saver"), "points": points, "reason": "welcome"});
    let refund = |amount: i64| json!({"amount": amount, "reason": "came back"});
    let adjust = |delta: i64| json!({"delta": delta, "reason": "counted"});
    let adjustments = format!("/admin/skus/{}/stock-adjustments", product.sku);
    let refunds = format!("/admin/orders/{}/refunds", paid.order_no());
    // Who asks, where, a request that is refused, one that is done, and another one.
    let cases = [
        (&buyer, "/orders", body(&product.sku, 99), body(&product.sku, 1), body(&product.sku, 2)),
        (&staff, adjustments.as_str(), adjust(-99), adjust(-1), adjust(-2)),
        (&staff, "/admin/points/grants", points(0), points(5), points(6)),
        (&staff, refunds.as_str(), refund(999_999), refund(100), refund(200)),
    ];
    for (who, path, refused, done, other) in cases {
        let key = unique_name("key");
        let bare = who.post(path, done.clone()).await;
        assert_eq!((bare.status, bare.code()), (400, "idempotency_key_missing"), "{path}: {}", bare.body);
        for _ in 0..2 {
            let no = who.post_with_key(path, &key, refused.clone()).await;
            assert!(matches!(no.status, 409 | 422) && no.code() != "idempotency_key_reused", "{path}: {} {}", no.status, no.body);
        }
        let first = who.post_with_key(path, &key, done.clone()).await.expect_status(201);
        assert_eq!(first.header("idempotent-replayed"), None, "{path}");
        for _ in 0..2 {
            let again = who.post_with_key(path, &key, done.clone()).await.expect_status(201);
            assert_eq!(again.header("idempotent-replayed"), Some("true"), "{path}: {}", again.body);
            let reused = who.post_with_key(path, &key, other.clone()).await;
            assert_eq!((reused.status, reused.code()), (422, "idempotency_key_reused"), "{path}: {}", reused.body);
        }
    }
    storefront.expect_stock(&product.sku, [4, 1, 3, 8]).await;

    // About one order: its path belongs to the key's scope.
    let key = unique_name("key");
    for _ in 0..2 {
        let order = buyer.place(&[(&product.sku, 1)]).await.expect_status(201);
        let path = format!("/api/v1/orders/{}/payment", order.order_no());
        let headers = [("Idempotency-Key", key.as_str())];
        for replayed in [None, Some("true")] {
            let payment = buyer.send("POST", &path, &headers, None).await.expect_status(200);
            assert_eq!(payment.header("idempotent-replayed"), replayed);
        }
    }
}

on_every_profile!(
    a_key_is_required_and_bounded,
    the_same_request_is_answered_again_and_done_once,
    a_replay_shows_the_order_as_it_was_answered_first,
    a_replay_stands_even_when_the_shelf_has_changed,
    a_key_is_free_again_after_a_refusal,
    a_key_belongs_to_its_user_and_its_store,
    sixteen_simultaneous_requests_with_one_key_make_one_order,
    no_post_that_takes_a_key_has_a_rule_of_its_own,
);
