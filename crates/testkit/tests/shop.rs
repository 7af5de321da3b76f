//! Processes of the shop are started, asked, killed and started again; here with a stand-in for the executable.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use serde_json::json;
use sluice_testkit::{SANDBOX_SECRET, ShopBuilder, ShopProcess, Shopper, SignedCallback, wait_until};

fn stand_in() -> ShopBuilder {
    ShopProcess::builder(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stand_in.pl"))
}

#[tokio::test]
async fn a_shop_starts_dies_and_starts_again_on_its_port() {
    let mut shop = stand_in().setting("order.payment_window", "2s").start().await;
    let base = shop.base_url();
    assert_eq!(shop.log(), "open with window 2s and home ''\n", "settings arrive, and nothing of the test's environment");

    shop.kill9();
    let nobody = Shopper::nobody(&base);
    assert!(nobody.try_send("GET", "/readyz", &[], None).await.is_err(), "dead means that nobody listens");
    shop.restart().await;
    assert_eq!(shop.base_url(), base);
    assert_eq!(nobody.send("GET", "/readyz", &[], None).await.status, 200);
    assert_eq!(shop.log().lines().count(), 2, "the log has both lives");

    shop.pause();
    let hanging = nobody.try_send("GET", "/readyz", &[], None);
    assert!(tokio::time::timeout(Duration::from_millis(200), hanging).await.is_err(), "a paused shop is silent");
    shop.resume();
    wait_until("it goes on", Duration::from_secs(10), async || nobody.try_send("GET", "/", &[], None).await.is_ok()).await;
    assert_eq!(shop.terminate().await.signal(), Some(15), "the stand-in ends by the signal itself");
}

#[tokio::test]
async fn a_start_that_is_refused_is_seen() {
    let mut shop = stand_in().arguments(&["refuse"]).start_unready();
    assert_eq!(shop.wait_exit().await.code(), Some(2));
    assert_eq!(shop.log(), "setting gate.url: is not possible\n");
}

#[tokio::test]
async fn processes_of_one_shop_share_their_prefixes_and_no_other_does() {
    let first = |shop: &ShopProcess| shop.log().lines().next().unwrap().to_owned();
    let builder = stand_in().isolated();
    let (api, worker) = (builder.clone().start().await, builder.start().await);
    let other = stand_in().isolated().start().await;
    assert!(first(&api).starts_with("keys shop_"));
    assert_eq!(first(&api), first(&worker));
    assert_ne!(first(&api), first(&other));
}

#[tokio::test]
async fn a_shopper_speaks_the_public_contract() {
    let shop = stand_in().start().await;
    let customer = shop.customer(7, "li");

    let placed = customer.place(&[("1", 2), ("3", 1)]).await.expect_status(200);
    assert_eq!((placed.text("/method"), placed.text("/path")), ("POST".into(), "/api/v1/orders".into()));
    assert_eq!(placed.text("/headers/authorization"), "Bearer token-of---store 7 --user li");
    assert_eq!(placed.body["body"], json!({"items": [{"sku_id": "1", "quantity": 2}, {"sku_id": "3", "quantity": 1}]}));
    let again = customer.place(&[("1", 2)]).await;
    assert_ne!(placed.text("/headers/idempotency-key"), again.text("/headers/idempotency-key"));

    let put = customer.put_in_cart("5", 3, true).await;
    assert_eq!((put.text("/method"), put.text("/path")), ("PUT".into(), "/api/v1/cart/items/5".into()));
    let staff = shop.staff(7).get("/admin/orders").await;
    assert_eq!(staff.text("/headers/authorization"), "Bearer token-of---store 7 --user staff-1 --role staff");

    let callback = SignedCallback::new(SANDBOX_SECRET, &json!({"order_no": "1", "status": "paid"}));
    let called = customer.callback("sandbox", &callback).await;
    assert_eq!(called.text("/path"), "/api/v1/payments/sandbox/callback");
    assert_eq!(called.text("/headers/webhook-signature"), callback.signature);
    assert_eq!(called.body["headers"].get("authorization"), None, "a provider has no token");
}
