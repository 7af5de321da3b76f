//! Rule 4: what a user may redeem is taken and given back with the stock, in one step.

use serde_json::json;
use sluice_testkit::{Answer, Shopper, unique_name, wait_for};
use tokio::task::JoinSet;

use super::stage::{Offer, expect_refused, recipient, take};
use crate::callbacks::{notice, tell};
use crate::on_every_profile;
use crate::world::{SOON, World};

/// The gate in Redis hears a moment after an order's end that its user's limit is free again.
async fn once_free(again: impl AsyncFn() -> Answer) -> Answer {
    wait_for("the limit is free again", SOON, async || {
        let answer = again().await;
        (answer.code() != "redemption_limit_reached").then_some(answer)
    })
    .await
    .expect_status(201)
}

async fn take_once_free(offer: &Offer, buyer: &Shopper, quantity: i64) -> Answer {
    once_free(async || offer.take(buyer, quantity, "cash").await).await
}

async fn s1_rule_4_a_special_store_sells_each_product_once_to_a_user(world: &World) {
    let storefront = world.storefront();
    let buyer = storefront.somebody_with_points(2, 10_000).await;
    let named = json!({"recipient": recipient()});
    for product in ["2001", "2002", "2005"] {
        let _ = take(&buyer, "3", product, 3, "points", named.clone()).await.expect_status(201);
        expect_refused(&take(&buyer, "3", product, 1, "points", named.clone()).await, 409, "redemption_limit_reached");
    }
    for product in ["2003", "2004"] {
        for _ in 0..3 {
            let _ = take(&buyer, "3", product, 1, "points", json!({})).await.expect_status(201);
        }
    }
    let other = storefront.somebody_with_points(2, 10_000).await;
    let _ = take(&other, "3", "2005", 1, "points", json!({})).await.expect_status(201);
}

async fn s1_rule_4_a_cancelled_order_gives_its_redemption_back_once(world: &World) {
    let storefront = world.storefront();
    let buyer = storefront.customer(2, &unique_name("buyer"));
    let order = take(&buyer, "3", "2006", 2, "cash", json!({})).await.expect_status(201);
    expect_refused(&take(&buyer, "3", "2006", 1, "cash", json!({})).await, 409, "redemption_limit_reached");
    for _ in 0..3 {
        let _ = buyer.cancel(&order.order_no()).await.expect_status(200);
    }
    let again = once_free(async || take(&buyer, "3", "2006", 1, "cash", json!({})).await).await;
    expect_refused(&take(&buyer, "3", "2006", 1, "cash", json!({})).await, 409, "redemption_limit_reached");
    let _ = buyer.pay(&again).await.expect_status(200);
    buyer.wait_for_status(&again.order_no(), "paid", SOON).await;
    expect_refused(&take(&buyer, "3", "2006", 1, "cash", json!({})).await, 409, "redemption_limit_reached");
}

async fn s1_rule_4_a_failed_order_gives_its_redemption_back(world: &World) {
    let storefront = world.storefront();
    let buyer = storefront.customer(2, &unique_name("poor"));
    for _ in 0..2 {
        let order = once_free(async || take(&buyer, "3", "2005", 1, "points", json!({})).await).await;
        buyer.wait_for_status(&order.order_no(), "failed", SOON).await;
    }
}

async fn s1_rule_4_a_limit_counts_units_over_all_orders(world: &World) {
    let storefront = world.storefront();
    let offer = storefront.offer("cash", json!({"per_user_limit": 3}), 100).await;
    let buyer = storefront.somebody();
    expect_refused(&offer.take(&buyer, 4, "cash").await, 409, "redemption_limit_reached");
    let two = offer.take(&buyer, 2, "cash").await.expect_status(201);
    expect_refused(&offer.take(&buyer, 2, "cash").await, 409, "redemption_limit_reached");
    let _ = offer.take(&buyer, 1, "cash").await.expect_status(201);
    expect_refused(&offer.take(&buyer, 1, "cash").await, 409, "redemption_limit_reached");
    let _ = buyer.cancel(&two.order_no()).await.expect_status(200);
    take_once_free(&offer, &buyer, 2).await;
    storefront.expect_stock(&offer.sku, [97, 3, 0, 100]).await;
}

async fn s1_rule_4_a_limit_set_later_knows_what_went_before(world: &World) {
    let storefront = world.storefront();
    let offer = storefront.offer("cash", json!({}), 100).await;
    let (early, late) = (storefront.somebody(), storefront.somebody());
    let kept = offer.take(&early, 5, "cash").await.expect_status(201);
    let path = format!("/admin/activity-products/{}", offer.product);
    let lowered = storefront.patch(1, &path, json!({"per_user_limit": 2})).await;
    assert_eq!(lowered.status, 200, "a limit below what is redeemed leaves no room: {}", lowered.body);
    expect_refused(&offer.take(&early, 1, "cash").await, 409, "redemption_limit_reached");
    let _ = offer.take(&late, 2, "cash").await.expect_status(201);
    let _ = early.cancel(&kept.order_no()).await.expect_status(200);
    take_once_free(&offer, &early, 2).await;
    storefront.expect_stock(&offer.sku, [96, 4, 0, 100]).await;
}

async fn s1_rule_4_sixteen_taps_at_once_make_one_order(world: &World) {
    let storefront = world.storefront();
    let offer = storefront.offer("cash", json!({"per_user_limit": 1}), 50).await;
    let buyer = storefront.somebody();
    let mut taps = JoinSet::new();
    for _ in 0..16 {
        let (buyer, offer) = (buyer.clone(), offer.clone());
        taps.spawn(async move { offer.take(&buyer, 1, "cash").await });
    }
    let answers = taps.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        expect_refused(refused, 409, "redemption_limit_reached");
    }
    storefront.expect_stock(&offer.sku, [49, 1, 0, 50]).await;
}

async fn s1_rule_4_late_money_is_held_to_the_limit(world: &World) {
    let storefront = world.storefront();
    let offer = storefront.offer("cash", json!({"per_user_limit": 1}), 5).await;
    let buyer = storefront.somebody();
    let first = offer.take(&buyer, 1, "cash").await.expect_status(201);
    let _ = buyer.cancel(&first.order_no()).await.expect_status(200);
    let second = take_once_free(&offer, &buyer, 1).await;
    let told = tell(&buyer, &notice(&first, "paid")).await;
    assert!((200..300).contains(&told.status), "{}", told.body);
    let refunded = buyer.wait_for_status(&first.order_no(), "refunded", SOON).await;
    assert_eq!(refunded.text("/refund_status"), "full");
    storefront.expect_stock(&offer.sku, [4, 1, 0, 5]).await;
    let _ = buyer.cancel(&second.order_no()).await.expect_status(200);
    let told = tell(&buyer, &notice(&second, "paid")).await;
    assert!((200..300).contains(&told.status), "{}", told.body);
    buyer.wait_for_status(&second.order_no(), "paid", SOON).await;
    expect_refused(&offer.take(&buyer, 1, "cash").await, 409, "redemption_limit_reached");
    storefront.expect_stock(&offer.sku, [4, 0, 1, 5]).await;
}

on_every_profile!(
    s1_rule_4_a_special_store_sells_each_product_once_to_a_user,
    s1_rule_4_a_cancelled_order_gives_its_redemption_back_once,
    s1_rule_4_a_failed_order_gives_its_redemption_back,
    s1_rule_4_a_limit_counts_units_over_all_orders,
    s1_rule_4_a_limit_set_later_knows_what_went_before,
    s1_rule_4_sixteen_taps_at_once_make_one_order,
    s1_rule_4_late_money_is_held_to_the_limit,
);
