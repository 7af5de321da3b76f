//! The cart, and what an order takes out of it.

use serde_json::{Value, json};
use sluice_testkit::{Shopper, unique_name, wait_for};

use crate::on_every_profile;
use crate::shelf::PRICE;
use crate::world::{SOON, Storefront, World};

async fn lines(buyer: &Shopper) -> Vec<(String, i64)> {
    let cart = buyer.cart().await.expect_status(200);
    let items = cart.body["items"].as_array().unwrap();
    let mut lines: Vec<(String, i64)> =
        items.iter().map(|item| (item["sku_id"].as_str().unwrap().to_owned(), item["quantity"].as_i64().unwrap())).collect();
    lines.sort();
    lines
}

async fn expect_lines(buyer: &Shopper, wanted: &[(&str, i64)]) {
    let mut wanted: Vec<(String, i64)> = wanted.iter().map(|(sku, quantity)| ((*sku).to_owned(), *quantity)).collect();
    wanted.sort();
    wait_for(&format!("the cart comes to {wanted:?}"), SOON, async || (lines(buyer).await == wanted).then_some(())).await;
}

async fn the_cart_shows_lines_at_current_prices(world: &World) {
    let storefront = world.storefront();
    let buyer = storefront.somebody();
    let product = storefront.add_product(2).await;
    let _ = buyer.put_in_cart(&product.sku, 2, true).await.expect_status(200);
    let cart = buyer.put_in_cart("2", 3, false).await.expect_status(200);
    assert_eq!(cart.body, buyer.cart().await.body, "PUT answers the cart");
    let items = cart.body["items"].as_array().unwrap();
    let line = items.iter().find(|item| item["sku_id"] == product.sku.as_str()).unwrap();
    assert_eq!(line["unit_price"], json!({"amount": PRICE, "currency": "CNY"}));
    assert_eq!(line["line_total"], json!({"amount": 2 * PRICE, "currency": "CNY"}));
    assert_eq!((&line["unit_points"], &line["buyable"], &line["reason"]), (&json!(5), &json!(true), &Value::Null));
    assert_eq!((&line["quantity"], &line["selected"]), (&json!(2), &json!(true)));
    assert!(line["title"].is_string() && line["spec"].is_string() && line["product_id"].is_string());
    assert_eq!(cart.body["selected_total"], json!({"amount": 2 * PRICE, "currency": "CNY"}), "only selected lines count");
    assert_eq!(cart.number("/selected_points"), 10);

    let short = buyer.put_in_cart(&product.sku, 3, true).await.expect_status(200);
    let line = short.body["items"].as_array().unwrap().iter().find(|item| item["sku_id"] == product.sku.as_str()).unwrap();
    assert_eq!((&line["buyable"], &line["reason"]), (&json!(false), &json!("insufficient_stock")));

    let _ = buyer.delete("/cart/items/2").await.expect_status(200);
    expect_lines(&buyer, &[(&product.sku, 3)]).await;
    let emptied = buyer.delete("/cart").await.expect_status(200);
    assert_eq!((emptied.body["items"].as_array().unwrap().len(), emptied.number("/selected_total/amount")), (0, 0));
}

async fn s2_rule_6_an_order_of_the_cart_takes_the_selected_lines_out(world: &World) {
    let storefront = world.storefront();
    let (one, two) = (storefront.add_product(5).await, storefront.add_product(5).await);
    let buyer = storefront.somebody();
    let _ = buyer.put_in_cart(&one.sku, 2, true).await.expect_status(200);
    let _ = buyer.put_in_cart(&two.sku, 1, false).await.expect_status(200);
    let order = buyer.place_cart().await.expect_status(201);
    assert_eq!(order.body["items"].as_array().unwrap().len(), 1);
    assert_eq!((order.text("/items/0/sku_id"), order.number("/items/0/quantity")), (one.sku.clone(), 2));
    expect_lines(&buyer, &[(&two.sku, 1)]).await;
    storefront.expect_stock(&one.sku, [3, 2, 0, 5]).await;
    storefront.expect_stock(&two.sku, [5, 0, 0, 5]).await;
}

async fn s2_rule_6_an_order_of_items_takes_its_quantities_out_and_never_below_zero(world: &World) {
    let storefront = world.storefront();
    let buyer = storefront.somebody();
    let _ = buyer.put_in_cart("1", 5, true).await.expect_status(200);
    let _ = buyer.put_in_cart("2", 1, false).await.expect_status(200);
    let _ = buyer.put_in_cart("3", 2, true).await.expect_status(200);
    let _ = buyer.place(&[("1", 2), ("2", 4), ("4", 1)]).await.expect_status(201);
    expect_lines(&buyer, &[("1", 3), ("3", 2)]).await;
    let replayed_key = unique_name("key");
    let body = json!({"items": [{"sku_id": "1", "quantity": 1}]});
    let _ = buyer.place_body(&replayed_key, body.clone()).await.expect_status(201);
    expect_lines(&buyer, &[("1", 2), ("3", 2)]).await;
    let _ = buyer.place_body(&replayed_key, body).await.expect_status(201);
    let _ = buyer.place(&[("3", 2)]).await.expect_status(201);
    expect_lines(&buyer, &[("1", 2)]).await; // the replay took nothing out
}

async fn a_cart_with_nothing_selected_is_no_order(world: &World) {
    let buyer = world.storefront().somebody();
    let empty = buyer.place_cart().await;
    assert_eq!((empty.status, empty.code()), (422, "invalid_field"));
    let _ = buyer.put_in_cart("1", 1, false).await.expect_status(200);
    let unselected = buyer.place_cart().await;
    assert_eq!((unselected.status, unselected.code()), (422, "invalid_field"));
}

async fn two_tabs_with_one_cart_make_one_order(world: &World) {
    two_tabs_order_one_cart(&world.storefront(), &world.storefront()).await;
}

/// Both tabs press the button at once, each with a key of its own.
pub async fn two_tabs_order_one_cart(here: &Storefront, there: &Storefront) {
    for _ in 0..4 {
        let product = here.add_product(10).await;
        let user = unique_name("tabs");
        let (left, right) = (here.customer(1, &user), there.customer(1, &user));
        let _ = left.put_in_cart(&product.sku, 1, true).await.expect_status(200);
        let (one, two) = tokio::join!(left.place_cart(), right.place_cart());
        let answers = [one, two];
        let placed = answers.iter().filter(|answer| answer.status == 201).count();
        let said: Vec<(u16, &str)> = answers.iter().map(|answer| (answer.status, answer.code())).collect();
        assert_eq!(placed, 1, "two tabs, one cart: {said:?}");
        let refused = answers.iter().find(|answer| answer.status != 201).unwrap();
        // The slower tab finds the cart claimed, or empty already.
        assert!(matches!((refused.status, refused.code()), (409, "cart_already_ordered") | (422, "invalid_field")), "{said:?}");
        here.expect_stock(&product.sku, [9, 1, 0, 10]).await;
        expect_lines(&left, &[]).await;
        let orders = left.get("/orders").await.expect_status(200);
        assert_eq!(orders.body["data"].as_array().unwrap().len(), 1);
    }
}

async fn a_cart_that_was_ordered_can_be_filled_and_ordered_again(world: &World) {
    let buyer = world.storefront().somebody();
    for _ in 0..2 {
        let _ = buyer.put_in_cart("5", 1, true).await.expect_status(200);
        let _ = buyer.place_cart().await.expect_status(201);
        expect_lines(&buyer, &[]).await;
    }
}

on_every_profile!(
    the_cart_shows_lines_at_current_prices,
    s2_rule_6_an_order_of_the_cart_takes_the_selected_lines_out,
    s2_rule_6_an_order_of_items_takes_its_quantities_out_and_never_below_zero,
    a_cart_with_nothing_selected_is_no_order,
    two_tabs_with_one_cart_make_one_order,
    a_cart_that_was_ordered_can_be_filled_and_ordered_again,
);
