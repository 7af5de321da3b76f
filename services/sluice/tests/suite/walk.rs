//! The walk of a newcomer, on every profile: product page → order → cashier → paid → sold; an order nobody pays
//! cancels itself; and the same with two processes of each kind.

use std::time::{Duration, Instant};

use serde_json::Value;
use sluice_testkit::{Answer, unique_name};

use crate::on_every_profile;
use crate::shelf::PRICE;
use crate::world::{HASTY_WINDOW, Profile, SOON, Storefront, World};

/// A margin of a second after the deadline is the product's; the rest is for the test's own looking.
const CANCELLED_WITHIN: Duration = HASTY_WINDOW.saturating_add(Duration::from_millis(1_000 + 500));

/// Places at one storefront, reads at another, pays, and follows the stock to `sold`.
pub async fn walk(place_at: &Storefront, read_at: &Storefront) {
    let product = place_at.add_product(7).await;
    let user = unique_name("walker");
    let (buyer, reader) = (place_at.customer(1, &user), read_at.customer(1, &user));

    let page = reader.get(&format!("/products/{}", product.id)).await.expect_status(200);
    assert_eq!(page.text("/skus/0/sku_id"), product.sku);
    assert_eq!(page.number("/skus/0/price/amount"), PRICE);
    assert_eq!(page.text("/skus/0/price/currency"), "CNY");
    assert_eq!((page.number("/skus/0/points"), page.number("/skus/0/usable")), (5, 7));
    assert_eq!(page.body["skus"][0]["in_stock"], true);
    for field in ["id", "title", "pictures", "delivery_place", "order_form_items"] {
        assert!(page.body.get(field).is_some(), "{field} is missing in {}", page.body);
    }

    let order = buyer.place(&[(&product.sku, 2)]).await.expect_status(201);
    assert_eq!(order.header("location"), Some(format!("/api/v1/orders/{}", order.order_no()).as_str()));
    assert_eq!((order.text("/status"), order.number("/total/amount")), ("unpaid".to_owned(), 2 * PRICE));
    read_at.expect_stock(&product.sku, [5, 2, 0, 7]).await;

    let mut stream = reader.follow(&order.order_no()).await;
    let first = stream.next(SOON).await.unwrap();
    assert_eq!((first["order_no"].as_str(), first["status"].as_str()), (Some(order.order_no().as_str()), Some("unpaid")));
    assert!(first["at"].is_string());

    let settled = buyer.pay(&order).await;
    assert_eq!(settled.status, 200, "{}", settled.body);
    let second = stream.next(SOON).await.unwrap();
    assert_eq!(second["status"], "paid");
    assert_eq!(stream.next(SOON).await, None, "the stream ends when the order is paid");

    let paid = reader.wait_for_status(&order.order_no(), "paid", SOON).await;
    assert_eq!(paid.text("/refund_status"), "none");
    read_at.expect_stock(&product.sku, [5, 0, 2, 7]).await;
    read_at.expect_trace_adds_up(&product.sku, &["adjust", "reserve", "sell"]).await;
}

async fn product_page_to_sold(world: &World) {
    walk(&world.storefront(), &world.storefront()).await;
}

async fn an_unpaid_order_cancels_itself_and_returns_its_stock(world: &World) {
    let storefront = world.hasty();
    let product = storefront.add_product(3).await;
    let buyer = storefront.somebody();
    let placed_at = Instant::now();
    let order = buyer.place(&[(&product.sku, 3)]).await.expect_status(201);
    let order_no = order.order_no();
    let mut stream = buyer.follow(&order_no).await;
    assert_eq!(stream.next(SOON).await.unwrap()["status"], "unpaid");

    let cancelled = buyer.wait_for_status(&order_no, "cancelled", CANCELLED_WITHIN.saturating_sub(placed_at.elapsed())).await;
    assert!(placed_at.elapsed() >= HASTY_WINDOW, "cancelled {:?} after it was placed, before its deadline", placed_at.elapsed());
    assert_eq!(cancelled.text("/cancel_reason"), "expired");
    assert_eq!(cancelled.text("/expires_at"), order.text("/expires_at"));
    assert_eq!(stream.next(SOON).await.unwrap()["status"], "cancelled");
    assert_eq!(stream.next(SOON).await, None, "the stream ends when the order is cancelled");

    storefront.expect_stock(&product.sku, [3, 0, 0, 3]).await;
    storefront.expect_trace_adds_up(&product.sku, &["adjust", "reserve", "release"]).await;
    let late = buyer.pay(&order).await;
    assert_eq!((late.status, late.code()), (409, "payment_closed"));
    let again = buyer.prepare_payment(&order_no).await;
    assert_eq!((again.status, again.code()), (409, "payment_closed"));
}

async fn a_failed_payment_leaves_the_order_unpaid_and_its_deadline_where_it_was(world: &World) {
    let storefront = world.hasty();
    let product = storefront.add_product(1).await;
    let buyer = storefront.somebody();
    let placed_at = Instant::now();
    let order = buyer.place(&[(&product.sku, 1)]).await.expect_status(201);
    let _ = buyer.settle(&order, "failed").await.expect_status(200);
    let again = buyer.prepare_payment(&order.order_no()).await.expect_status(200);
    assert!(again.text("/expires_at") <= order.text("/expires_at"), "{}", again.body);
    let seen = buyer.order(&order.order_no()).await;
    assert_eq!((seen.text("/status"), seen.text("/expires_at")), ("unpaid".to_owned(), order.text("/expires_at")));
    buyer.wait_for_status(&order.order_no(), "cancelled", CANCELLED_WITHIN.saturating_sub(placed_at.elapsed())).await;
    storefront.expect_stock(&product.sku, [1, 0, 0, 1]).await;
}

async fn a_payment_that_failed_can_be_tried_again(world: &World) {
    let storefront = world.storefront();
    let product = storefront.add_product(1).await;
    let buyer = storefront.somebody();
    let order = buyer.place(&[(&product.sku, 1)]).await.expect_status(201);
    let _ = buyer.settle(&order, "failed").await.expect_status(200);
    let again = buyer.prepare_payment(&order.order_no()).await.expect_status(200);
    let _ = pay_at(&storefront, &again).await.expect_status(200);
    buyer.wait_for_status(&order.order_no(), "paid", SOON).await;
    storefront.expect_stock(&product.sku, [0, 0, 1, 1]).await;
}

async fn a_user_cancels_and_may_repeat_it(world: &World) {
    let storefront = world.storefront();
    let product = storefront.add_product(4).await;
    let buyer = storefront.somebody();
    let order = buyer.place(&[(&product.sku, 4)]).await.expect_status(201);
    for _ in 0..3 {
        let cancelled = buyer.cancel(&order.order_no()).await.expect_status(200);
        assert_eq!((cancelled.text("/status"), cancelled.text("/cancel_reason")), ("cancelled".to_owned(), "user".to_owned()));
    }
    storefront.expect_stock(&product.sku, [4, 0, 0, 4]).await;
    storefront.expect_trace_adds_up(&product.sku, &["adjust", "reserve", "release"]).await;

    let paid = buyer.place(&[(&product.sku, 1)]).await.expect_status(201);
    let _ = buyer.pay(&paid).await.expect_status(200);
    buyer.wait_for_status(&paid.order_no(), "paid", SOON).await;
    let refused = buyer.cancel(&paid.order_no()).await;
    assert_eq!((refused.status, refused.code()), (409, "order_not_cancellable"));
}

async fn the_cashier_shows_a_page(world: &World) {
    let storefront = world.storefront();
    let buyer = storefront.somebody();
    let order = buyer.place(&[("1", 1)]).await.expect_status(201);
    let url = order.text("/payment/url");
    assert_eq!(url, format!("{}/pay/sandbox/{}", storefront.base, order.text("/payment/payment_id")));
    let path = url[storefront.base.len()..].to_owned();
    let page = storefront.nobody().page(&path).await;
    for shown in [order.order_no().as_str(), "19.90", "CNY"] {
        assert!(page.contains(shown), "the cashier's page does not show {shown}:\n{page}");
    }
    let unknown = storefront.nobody().send("GET", "/pay/sandbox/00000000000000000000000000000000", &[], None).await;
    assert_eq!(unknown.status, 404);
    let wrong = storefront.nobody().send("POST", &path, &[], Some(serde_json::json!({"outcome": "maybe"}))).await;
    assert_eq!((wrong.status, wrong.code()), (422, "invalid_field"));
    let form = storefront
        .nobody()
        .send_bytes("POST", &path, &[("content-type", "application/x-www-form-urlencoded")], b"outcome=paid".to_vec())
        .await;
    assert_eq!(form.status, 200);
    buyer.wait_for_status(&order.order_no(), "paid", SOON).await;
}

/// Pays a payment as it was prepared again.
pub async fn pay_at(storefront: &Storefront, payment: &Answer) -> Answer {
    let path = format!("/pay/sandbox/{}", payment.text("/payment_id"));
    storefront.nobody().send("POST", &path, &[], Some(serde_json::json!({"outcome": "paid"}))).await
}

on_every_profile!(
    product_page_to_sold,
    an_unpaid_order_cancels_itself_and_returns_its_stock,
    a_failed_payment_leaves_the_order_unpaid_and_its_deadline_where_it_was,
    a_payment_that_failed_can_be_tried_again,
    a_user_cancels_and_may_repeat_it,
    the_cashier_shows_a_page,
);

/// Two of each kind: what one process does the others see, and nothing happens twice.
async fn two_of_each(profile: Profile) {
    let world = profile.plan().processes(2).start().await;
    let (here, there) = (world.storefront_at(0), world.storefront_at(1));
    walk(&here, &there).await;
    walk(&there, &here).await;
    crate::crowd::ten_units_for_two_hundred_buyers(&world, "16").await;
    crate::keys::sixteen_requests_with_one_key(&[here.clone(), there.clone()]).await;
    crate::cart::two_tabs_order_one_cart(&here, &there).await;
    world.reconciles_within(Duration::from_secs(30)).await;
    for worker in &world.workers {
        let health = Storefront { base: worker.base_url() };
        let ready = health.nobody().send("GET", "/readyz", &[], None).await.expect_status(200);
        assert_eq!(ready.body["status"], Value::from("ready"));
    }
}

#[tokio::test]
async fn two_api_and_two_worker_processes_with_the_database_gate() {
    let _floor = crate::floor::alone().await;
    two_of_each(Profile::MariaDb).await;
}

#[tokio::test]
async fn two_api_and_two_worker_processes_with_the_redis_gate() {
    let _floor = crate::floor::alone().await;
    two_of_each(Profile::Redis).await;
}
