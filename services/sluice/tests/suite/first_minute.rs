//! What a newcomer meets: one command on an empty folder.

use std::time::{Duration, Instant};

use serde_json::json;
use sluice_testkit::{ShopProcess, Shopper, free_port, http_client, wait_until};

use crate::floor;
use crate::walk::walk;
use crate::world::{EXECUTABLE, Storefront};

const READY_WITHIN: Duration = Duration::from_secs(3);
const MEMORY_KIB: u64 = 80 * 1024;

/// `sluice` with nothing set: secrets and all are made in the data folder.
fn bare() -> sluice_testkit::ShopBuilder {
    ShopProcess::builder(EXECUTABLE).without("auth.jwt_secret").without("pay.sandbox_secret").arguments(&[])
}

#[tokio::test]
async fn ready_within_three_seconds_on_an_empty_folder_and_small_through_the_walk() {
    let _floor = floor::alone().await;
    let started = Instant::now();
    let mut shop = ShopProcess::builder(EXECUTABLE).start_unready();
    shop.wait_ready().await;
    let took = started.elapsed();
    assert!(took < READY_WITHIN, "ready after {took:?}");

    let storefront = Storefront { base: shop.base_url() };
    for _ in 0..5 {
        walk(&storefront, &storefront).await;
        assert!(shop.memory() < MEMORY_KIB, "{} KiB in use", shop.memory());
    }
    assert!(shop.terminate().await.success());
}

#[tokio::test]
async fn health_is_told_inside_alone_where_it_has_an_address_of_its_own() {
    let _floor = floor::among_others().await;
    let inside = format!("127.0.0.1:{}", free_port());
    let mut shop = ShopProcess::builder(EXECUTABLE).setting("listen_internal", inside.as_str()).start_unready();
    let client = http_client().build().unwrap();
    let status = async |base: &str, path: &str| Some(client.get(format!("{base}{path}")).send().await.ok()?.status().as_u16());
    let (inside, outside) = (format!("http://{inside}"), shop.base_url());
    wait_until("the shop is ready", Duration::from_secs(30), async || status(&inside, "/readyz").await == Some(200)).await;
    for (path, told_inside, told_outside) in
        [("/livez", 200, 200), ("/readyz", 200, 404), ("/metrics", 200, 404), ("/api/v1/products", 404, 401), ("/docs", 404, 200)]
    {
        let told = (status(&inside, path).await, status(&outside, path).await);
        assert_eq!(told, (Some(told_inside), Some(told_outside)), "{path}");
    }
    assert!(shop.terminate().await.success());
}

#[tokio::test]
async fn the_bare_command_prints_urls_and_tokens_that_work() {
    let _floor = floor::among_others().await;
    let mut shop = bare().start().await;
    let printed = shop.printed();
    let base = shop.base_url();
    for shown in [base.clone(), format!("{base}/docs"), "ustomer".to_owned(), "taff".to_owned()] {
        assert!(printed.contains(&shown), "standard output does not show {shown}:\n{printed}");
    }
    let tokens: Vec<&str> = printed.split_whitespace().filter(|word| word.split('.').count() == 3 && word.len() > 80).collect();
    assert_eq!(tokens.len(), 2, "a customer's and a staff token:\n{printed}");
    let customer = Shopper::new(&base, tokens[0].to_owned());
    let order = customer.place(&[("1", 1)]).await.expect_status(201);
    let _ = customer.pay(&order).await.expect_status(200);
    customer.wait_for_status(&order.order_no(), "paid", Duration::from_secs(10)).await;
    let _ = Shopper::new(&base, tokens[1].to_owned()).get("/admin/outbox").await.expect_status(200);
    let refused = customer.get("/admin/outbox").await;
    assert_eq!((refused.status, refused.code()), (403, "forbidden"));

    // Commands on the same folder use the same secret, and so does the next start.
    let _ = shop.customer(1, "42").order(&order.order_no()).await.expect_status(200);
    shop.restart().await;
    let _ = customer.order(&order.order_no()).await.expect_status(200);
    assert_eq!(shop.staff(1).stock("1").await, [[99_999, 0, 1, 100_000]; 2], "demo data is loaded once");
}

#[tokio::test]
async fn the_demo_data_is_as_documented() {
    let _floor = floor::among_others().await;
    let world = crate::world::Profile::Embedded.plan().start().await;
    let buyer = world.storefront().somebody();
    let list = buyer.get("/products?limit=100").await.expect_status(200);
    let products = list.body["data"].as_array().unwrap();
    assert_eq!(products.len(), 19, "20 products, one of them not listed");
    for product in products {
        let id: i64 = product["id"].as_str().unwrap().parse().unwrap();
        let sku = &product["skus"][0];
        assert_eq!(sku["sku_id"], product["id"]);
        assert_eq!(sku["price"], json!({"amount": 1990, "currency": "CNY"}));
        assert_eq!(sku["points"], json!(5));
        let (place, form, stock) = match id {
            11 => ("1", json!(["recipients", "tel"]), 100_000),
            12 => ("1", json!(["receiving_info"]), 100_000),
            13 => ("1", json!(["id_card"]), 100_000),
            14 => ("1", json!(["verify_code"]), 100_000),
            16 => ("1", json!([]), 10),
            17 => ("2", json!([]), 100_000),
            18 => ("1", json!([]), 0),
            _ => ("1", json!([]), 100_000),
        };
        assert_eq!((&product["delivery_place"], &product["order_form_items"]), (&json!(place), &form), "product {id}");
        assert_eq!((&sku["usable"], &sku["in_stock"]), (&json!(stock), &json!(stock > 0)), "product {id}");
    }
    let hidden = buyer.get("/products/15").await;
    assert_eq!((hidden.status, hidden.code()), (404, "not_found"));
    assert_eq!(world.storefront().staff().get("/admin/skus/1").await.expect_status(200).number("/allotable_profit"), 150);
}

#[tokio::test]
async fn documents_health_and_metrics_need_no_token() {
    let _floor = floor::among_others().await;
    let world = crate::world::Profile::Embedded.shared().await;
    let (storefront, nobody) = (world.storefront(), world.storefront().nobody());
    let _ = storefront.somebody().place(&[("1", 1)]).await.expect_status(201);
    let _ = storefront.somebody().place(&[("15", 1)]).await.expect_status(409);
    let openapi = nobody.send("GET", "/openapi.json", &[], None).await.expect_status(200);
    assert!(openapi.text("/openapi").starts_with("3.1"));
    assert!(openapi.body["paths"]["/api/v1/orders"]["post"].is_object());
    for path in ["/docs", "/docs/"] {
        let page = nobody.send("GET", path, &[], None).await;
        assert!(matches!(page.status, 200 | 301 | 302 | 307 | 308), "{path}: {}", page.status);
    }
    let page = nobody.page("/docs/").await;
    assert!(!page.contains("https://"), "the API browser works offline");
    assert_eq!(nobody.send("GET", "/livez", &[], None).await.status, 200);
    let ready = nobody.send("GET", "/readyz", &[], None).await.expect_status(200);
    assert_eq!(ready.text("/status"), "ready");
    let metrics = nobody.page("/metrics").await;
    for name in ["sluice_rejections_total", "outbox", "http", "lag", "gate"] {
        assert!(metrics.contains(name), "no metric about {name}:\n{metrics}");
    }
}
