//! Refunds by staff: whole or in parts, with goods or without, once for each key.

use serde_json::{Value, json};
use sluice_testkit::{Answer, Shopper, unique_name, wait_for};

use crate::on_every_profile;
use crate::shelf::{PRICE, Product};
use crate::world::{SOON, Storefront, World};

async fn paid_order(storefront: &Storefront, product: &Product, quantity: i64) -> (Shopper, Answer) {
    let buyer = storefront.somebody();
    let order = buyer.place(&[(&product.sku, quantity)]).await.expect_status(201);
    let _ = buyer.pay(&order).await.expect_status(200);
    let paid = buyer.wait_for_status(&order.order_no(), "paid", SOON).await;
    (buyer, paid)
}

async fn refund(storefront: &Storefront, order: &Answer, key: &str, body: Value) -> Answer {
    storefront.staff().post_with_key(&format!("/admin/orders/{}/refunds", order.order_no()), key, body).await
}

async fn expect_refund_status(buyer: &Shopper, order: &Answer, status: &str, refund_status: &str) {
    wait_for(&format!("the order becomes {status}, refund {refund_status}"), SOON, async || {
        let seen = buyer.order(&order.order_no()).await;
        (seen.text("/status") == status && seen.text("/refund_status") == refund_status).then_some(())
    })
    .await;
}

async fn a_whole_refund_with_the_goods(world: &World) {
    let storefront = world.storefront();
    let product = storefront.add_product(5).await;
    let (buyer, order) = paid_order(&storefront, &product, 3).await;
    let key = unique_name("key");
    let body = json!({"reason": "changed their mind", "restock": true});
    let done = refund(&storefront, &order, &key, body.clone()).await.expect_status(201);
    assert_eq!(done.number("/amount/amount"), 3 * PRICE);
    let again = refund(&storefront, &order, &key, body).await.expect_status(201);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.text("/refund_id"), done.text("/refund_id"));
    expect_refund_status(&buyer, &order, "refunded", "full").await;
    let listed = storefront.staff().get("/admin/refunds?status=done&limit=100").await.expect_status(200);
    let listed =
        listed.body["data"].as_array().unwrap().iter().filter(|listed| listed["refund_id"] == done.body["refund_id"]).count();
    assert_eq!(listed, 1);
    storefront.expect_stock(&product.sku, [5, 0, 0, 5]).await;
    storefront.expect_trace_adds_up(&product.sku, &["adjust", "reserve", "sell", "restock"]).await;
    let late = refund(&storefront, &order, &unique_name("key"), json!({"reason": "once more"})).await;
    assert_eq!(late.status, 409, "{}", late.body);
}

async fn a_whole_refund_without_the_goods(world: &World) {
    let storefront = world.storefront();
    let product = storefront.add_product(5).await;
    let (buyer, order) = paid_order(&storefront, &product, 2).await;
    let _ = refund(&storefront, &order, &unique_name("key"), json!({"reason": "arrived broken"})).await.expect_status(201);
    expect_refund_status(&buyer, &order, "refunded", "full").await;
    storefront.expect_stock(&product.sku, [3, 0, 2, 5]).await;
}

async fn a_part_and_then_the_rest(world: &World) {
    let storefront = world.storefront();
    let product = storefront.add_product(5).await;
    let (buyer, order) = paid_order(&storefront, &product, 3).await;
    let part = json!({
        "amount": {"amount": PRICE, "currency": "CNY"}, "reason": "one came back",
        "restock_items": [{"sku_id": product.sku, "quantity": 1}],
    });
    let _ = refund(&storefront, &order, &unique_name("key"), part).await.expect_status(201);
    expect_refund_status(&buyer, &order, "paid", "partial").await;
    storefront.expect_stock(&product.sku, [3, 0, 2, 5]).await;

    for (pointer, body) in [
        ("/amount", json!({"amount": 2 * PRICE + 1, "reason": "too much"})),
        ("/amount", json!({"amount": 0, "reason": "nothing"})),
        ("/amount", json!({"amount": -1, "reason": "less"})),
        ("/amount", json!({"amount": {"amount": 1, "currency": "USD"}, "reason": "other money"})),
        ("/reason", json!({"amount": 1, "reason": " "})),
        ("/restock_items/0", json!({"amount": 1, "reason": "x", "restock_items": [{"sku_id": product.sku, "quantity": 3}]})),
    ] {
        let refused = refund(&storefront, &order, &unique_name("key"), body.clone()).await;
        assert_eq!((refused.status, refused.code()), (422, "invalid_field"), "{body}: {}", refused.body);
        let seen = refused.body["errors"][0]["pointer"].as_str().unwrap();
        assert!(seen.starts_with(pointer), "{seen} is not {pointer}");
    }
    let missing = storefront.staff().post(&format!("/admin/orders/{}/refunds", order.order_no()), json!({"reason": "x"})).await;
    assert_eq!((missing.status, missing.code()), (400, "idempotency_key_missing"));

    let rest = refund(&storefront, &order, &unique_name("key"), json!({"reason": "all came back", "restock": true}))
        .await
        .expect_status(201);
    assert_eq!(rest.number("/amount/amount"), 2 * PRICE);
    expect_refund_status(&buyer, &order, "refunded", "full").await;
    storefront.expect_stock(&product.sku, [5, 0, 0, 5]).await;
    storefront.expect_trace_adds_up(&product.sku, &["adjust", "reserve", "sell", "restock", "restock"]).await;
}

async fn an_order_without_money_cannot_be_refunded(world: &World) {
    let storefront = world.storefront();
    let buyer = storefront.somebody();
    let order = buyer.place(&[("1", 1)]).await.expect_status(201);
    let refused = refund(&storefront, &order, &unique_name("key"), json!({"reason": "why not"})).await;
    assert_eq!(refused.status, 409, "{}", refused.body);
    let by_customer = buyer
        .post_with_key(&format!("/admin/orders/{}/refunds", order.order_no()), &unique_name("key"), json!({"reason": "mine"}))
        .await;
    assert_eq!((by_customer.status, by_customer.code()), (403, "forbidden"));
    let foreign = storefront
        .staff_of(2)
        .post_with_key(&format!("/admin/orders/{}/refunds", order.order_no()), &unique_name("key"), json!({"reason": "theirs"}))
        .await;
    assert_eq!((foreign.status, foreign.code()), (404, "not_found"));
}

async fn refunds_at_the_same_moment_never_exceed_the_total(world: &World) {
    let storefront = world.storefront();
    let product = storefront.add_product(4).await;
    let (buyer, order) = paid_order(&storefront, &product, 4).await;
    let mut together = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (storefront, order) = (storefront.clone(), order.clone());
        let body = json!({"amount": PRICE, "reason": "a quarter", "restock_items": [{"sku_id": product.sku, "quantity": 1}]});
        together.spawn(async move { refund(&storefront, &order, &unique_name("key"), body).await });
    }
    let answers = together.join_all().await;
    let given = answers.iter().filter(|answer| answer.status == 201).count();
    for answer in &answers {
        assert!(answer.status < 500, "{}", answer.body);
    }
    assert_eq!(given, 4, "a quarter can be given four times");
    expect_refund_status(&buyer, &order, "refunded", "full").await;
    storefront.expect_stock(&product.sku, [4, 0, 0, 4]).await;
}

async fn refunds_of_the_same_units_at_once_never_return_more_than_were_sold(world: &World) {
    let storefront = world.storefront();
    let product = storefront.add_product(3).await;
    let (buyer, order) = paid_order(&storefront, &product, 3).await;
    let mut together = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (storefront, order) = (storefront.clone(), order.clone());
        let body = json!({"amount": 100, "reason": "came back", "restock_items": [{"sku_id": product.sku, "quantity": 3}]});
        together.spawn(async move { refund(&storefront, &order, &unique_name("key"), body).await });
    }
    let answers = together.join_all().await;
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!((refused.status, refused.code()), (422, "invalid_field"), "{}", refused.body);
        assert_eq!(refused.body["errors"][0]["pointer"], "/restock_items/0", "{}", refused.body);
    }
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1, "the three units return once");
    expect_refund_status(&buyer, &order, "paid", "partial").await;
    storefront.expect_stock(&product.sku, [3, 0, 0, 3]).await;
    let refunds = storefront.staff().get(&format!("/admin/orders/{}/refunds", order.order_no())).await.expect_status(200);
    let recorded: i64 = refunds.body["data"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|refund| refund["restock_items"].as_array().unwrap())
        .map(|line| line["quantity"].as_i64().unwrap())
        .sum();
    assert_eq!(recorded, 3, "{}", refunds.body);
}

on_every_profile!(
    a_whole_refund_with_the_goods,
    a_whole_refund_without_the_goods,
    a_part_and_then_the_rest,
    an_order_without_money_cannot_be_refunded,
    refunds_at_the_same_moment_never_exceed_the_total,
    refunds_of_the_same_units_at_once_never_return_more_than_were_sold,
);
