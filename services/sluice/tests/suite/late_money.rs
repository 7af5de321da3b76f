//! Money for a closed order (S2 rule 9) is never silent: the order is paid after all, or the money goes back.

use serde_json::{Value, json};
use sluice_testkit::{unique_name, wait_for};

use crate::callbacks::{exceptions, notice, tell};
use crate::on_every_profile;
use crate::shelf::plain_product;
use crate::world::{SOON, World};

async fn s2_rule_9_late_money_pays_the_order_while_stock_allows(world: &World) {
    let storefront = world.storefront();
    let product = storefront.add_product(5).await;
    let buyer = storefront.somebody();
    let order = buyer.place(&[(&product.sku, 2)]).await.expect_status(201);
    let _ = buyer.cancel(&order.order_no()).await.expect_status(200);
    storefront.expect_stock(&product.sku, [5, 0, 0, 5]).await;
    let closed = buyer.pay(&order).await;
    assert_eq!((closed.status, closed.code()), (409, "payment_closed"), "the cashier takes nothing for a closed payment");

    for _ in 0..3 {
        let answer = tell(&buyer, &notice(&order, "paid")).await;
        assert!((200..300).contains(&answer.status), "{} {}", answer.status, answer.body);
    }
    let paid = buyer.wait_for_status(&order.order_no(), "paid", SOON).await;
    assert!(paid.body.get("cancel_reason").is_none_or(serde_json::Value::is_null), "{}", paid.body);
    storefront.expect_stock(&product.sku, [3, 0, 2, 5]).await;
    storefront.expect_trace_adds_up(&product.sku, &["adjust", "reserve", "release", "reserve", "sell"]).await;
}

async fn s2_rule_9_late_money_without_stock_is_refunded_and_shown(world: &World) {
    let storefront = world.storefront();
    let product = storefront.add_product(2).await;
    let buyer = storefront.somebody();
    let order = buyer.place(&[(&product.sku, 2)]).await.expect_status(201);
    let _ = buyer.cancel(&order.order_no()).await.expect_status(200);
    storefront.expect_stock(&product.sku, [2, 0, 0, 2]).await;
    let other = storefront.somebody();
    let taken = other.place(&[(&product.sku, 1)]).await.expect_status(201);

    for _ in 0..3 {
        let answer = tell(&buyer, &notice(&order, "paid")).await;
        assert!((200..300).contains(&answer.status), "{} {}", answer.status, answer.body);
    }
    let refunded = buyer.wait_for_status(&order.order_no(), "refunded", SOON).await;
    assert_eq!(refunded.text("/refund_status"), "full");
    assert_eq!(exceptions(&storefront, &order.order_no()).await, ["paid_after_close"]);
    let refunds = storefront.staff().get(&format!("/admin/orders/{}/refunds", order.order_no())).await.expect_status(200);
    assert_eq!(refunds.body["data"].as_array().unwrap().len(), 1, "the money goes back once: {}", refunds.body);
    assert_eq!(refunds.number("/data/0/amount/amount"), order.number("/total/amount"));
    storefront.expect_stock(&product.sku, [1, 1, 0, 2]).await;
    let _ = other.pay(&taken).await.expect_status(200);
    other.wait_for_status(&taken.order_no(), "paid", SOON).await;
    storefront.expect_stock(&product.sku, [1, 0, 1, 2]).await;
}

async fn s2_rule_9_late_money_after_the_deadline(world: &World) {
    let storefront = world.hasty();
    let (stays, goes) = (storefront.add_product(1).await, storefront.add_product(1).await);
    let buyer = storefront.somebody();
    let kept = buyer.place(&[(&stays.sku, 1)]).await.expect_status(201);
    let lost = buyer.place(&[(&goes.sku, 1)]).await.expect_status(201);
    for order in [&kept, &lost] {
        buyer.wait_for_status(&order.order_no(), "cancelled", SOON).await;
    }
    storefront.expect_stock(&goes.sku, [1, 0, 0, 1]).await;
    let staff = storefront.staff();
    let gone = json!({"delta": -1, "reason": "broken"});
    let path = format!("/admin/skus/{}/stock-adjustments", goes.sku);
    let _ = staff.post_with_key(&path, &unique_name("key"), gone).await.expect_status(201);
    for order in [&kept, &lost] {
        assert!((200..300).contains(&tell(&buyer, &notice(order, "paid")).await.status));
    }
    buyer.wait_for_status(&kept.order_no(), "paid", SOON).await;
    buyer.wait_for_status(&lost.order_no(), "refunded", SOON).await;
    storefront.expect_stock(&stays.sku, [0, 0, 1, 1]).await;
    storefront.expect_stock(&goes.sku, [0, 0, 0, 0]).await;
    wait_for("staff see the late money", SOON, async || {
        exceptions(&storefront, &lost.order_no()).await.contains(&"paid_after_close".to_owned()).then_some(())
    })
    .await;
}

async fn late_money_for_a_sku_that_was_unlisted_meanwhile_is_not_refunded(world: &World) {
    let storefront = world.storefront();
    let product = storefront.add_product(5).await;
    let buyer = storefront.somebody();
    let order = buyer.place(&[(&product.sku, 2)]).await.expect_status(201);
    let _ = buyer.cancel(&order.order_no()).await.expect_status(200);
    storefront.expect_stock(&product.sku, [5, 0, 0, 5]).await;
    let unlisted = storefront.patch(1, &format!("/admin/products/{}", product.id), json!({"listed": false})).await;
    assert_eq!(unlisted.status, 200, "{}", unlisted.body);
    let fresh = storefront.somebody().place(&[(&product.sku, 1)]).await;
    assert_eq!((fresh.status, fresh.code()), (409, "off_shelf"), "{}", fresh.body);
    assert!((200..300).contains(&tell(&buyer, &notice(&order, "paid")).await.status));
    buyer.wait_for_status(&order.order_no(), "paid", SOON).await;
    storefront.expect_stock(&product.sku, [3, 0, 2, 5]).await;
}

async fn an_order_that_costs_nothing_waits_for_no_payment(world: &World) {
    let storefront = world.storefront();
    let mut gift = plain_product();
    gift["skus"][0]["price"] = json!({"amount": 0, "currency": "CNY"});
    let product = storefront.add_product_like(gift, 3).await;
    let (buyer, key) = (storefront.somebody(), unique_name("key"));
    let body = json!({"items": [{"sku_id": product.sku, "quantity": 2}]});
    let order = buyer.place_body(&key, body.clone()).await.expect_status(201);
    assert_eq!((order.text("/status").as_str(), &order.body["payment"]), ("paid", &Value::Null), "{}", order.body);
    let again = buyer.place_body(&key, body).await.expect_status(201);
    assert_eq!((again.header("idempotent-replayed"), &again.body), (Some("true"), &order.body));
    buyer.wait_for_status(&order.order_no(), "paid", SOON).await;
    storefront.expect_stock(&product.sku, [1, 0, 2, 3]).await;
    storefront.expect_trace_adds_up(&product.sku, &["adjust", "reserve", "sell"]).await;
    for refused in [buyer.cancel(&order.order_no()).await, buyer.prepare_payment(&order.order_no()).await] {
        assert_eq!(refused.status, 409, "{}", refused.body);
    }
    // The goods may come back although no money does.
    let path = format!("/admin/orders/{}/refunds", order.order_no());
    let back = json!({"reason": "came back", "restock": true});
    let _ = storefront.staff().post_with_key(&path, &unique_name("key"), back).await.expect_status(201);
    buyer.wait_for_status(&order.order_no(), "refunded", SOON).await;
    storefront.expect_stock(&product.sku, [3, 0, 0, 3]).await;
}

on_every_profile!(
    s2_rule_9_late_money_pays_the_order_while_stock_allows,
    s2_rule_9_late_money_without_stock_is_refunded_and_shown,
    s2_rule_9_late_money_after_the_deadline,
    late_money_for_a_sku_that_was_unlisted_meanwhile_is_not_refunded,
    an_order_that_costs_nothing_waits_for_no_payment,
);
