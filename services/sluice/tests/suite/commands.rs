//! The command line: what each command prints and how it ends.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sluice_testkit::{Scratch, ShopProcess};

use crate::floor::among_others;
use crate::on_every_profile;
use crate::world::{EXECUTABLE, Profile, SOON, Storefront, World, refusal, succeed};

fn shop() -> sluice_testkit::ShopBuilder {
    ShopProcess::builder(EXECUTABLE)
}

#[tokio::test]
async fn token_makes_a_token_of_the_contract() {
    let _floor = among_others().await;
    let printed = succeed(&shop().run(&["token", "--store", "7", "--user", "u-1", "--role", "staff", "--ttl", "1h"]));
    let token = printed.trim();
    let payload = token.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    assert_eq!((&claims["sub"], &claims["role"]), (&Value::from("u-1"), &Value::from("staff")));
    assert_eq!((&claims["iss"], &claims["aud"]), (&Value::from("sluice"), &Value::from("sluice")));
    assert!(claims["store_id"] == "7" || claims["store_id"] == 7);
    let world = Profile::Embedded.shared().await;
    let own = sluice_testkit::Shopper::new(&world.storefront().base, world.apis[0].token(1, "somebody", false));
    let _ = own.get("/orders").await.expect_status(200);
    for wrong in [&["token", "--ttl", "soon"][..], &["token", "--role", "king"], &["token", "--store", "one"]] {
        assert!(!shop().run(wrong).status.success(), "{wrong:?}");
    }
}

async fn trace_tells_what_happened(world: &World) {
    let storefront = world.storefront();
    let product = storefront.add_product(5).await;
    let buyer = storefront.somebody();
    let order = buyer.place(&[(&product.sku, 2)]).await.expect_status(201);
    let _ = buyer.pay(&order).await.expect_status(200);
    buyer.wait_for_status(&order.order_no(), "paid", SOON).await;
    storefront.expect_stock(&product.sku, [3, 0, 2, 5]).await;
    let told = world.printed(&["trace", "order", &order.order_no()]);
    for shown in [order.order_no(), order.text("/payment/payment_id"), product.sku.clone(), "paid".to_owned()] {
        assert!(told.contains(&shown), "no {shown} in:\n{told}");
    }
    let told = world.printed(&["trace", "sku", &product.sku]);
    for shown in ["adjust", "reserve", "sell", &order.order_no()] {
        assert!(told.contains(shown), "no {shown} in:\n{told}");
    }
    for unknown in [["trace", "order", "12345678901234567890"], ["trace", "order", "x"], ["trace", "sku", "999999"]] {
        refusal(&world.run(&unknown));
    }
}

async fn staff_cancel_an_unpaid_order_and_the_trace_says_so(world: &World) {
    let storefront = world.storefront();
    let product = storefront.add_product(5).await;
    let order = storefront.somebody().place(&[(&product.sku, 2)]).await.expect_status(201);
    let path = format!("/admin/orders/{}/cancel", order.order_no());
    for _ in 0..2 {
        let cancelled = storefront.staff().post(&path, json!({})).await.expect_status(200);
        assert_eq!((cancelled.text("/status"), cancelled.text("/cancel_reason")), ("cancelled".to_owned(), "staff".to_owned()));
    }
    storefront.expect_stock(&product.sku, [5, 0, 0, 5]).await;
    let told = world.printed(&["trace", "order", &order.order_no()]);
    let deadline = order.text("/expires_at");
    assert!(told.contains("cancelled: staff") && told.contains(&deadline), "no reason, or not {deadline}, in:\n{told}");
}

on_every_profile!(trace_tells_what_happened, staff_cancel_an_unpaid_order_and_the_trace_says_so);

#[tokio::test]
async fn doctor_finds_nothing_wrong() {
    let _floor = crate::floor::alone().await;
    for profile in [Profile::Embedded, Profile::MariaDb, Profile::Redis] {
        let world = profile.shared().await;
        world.reconciles_within(std::time::Duration::from_secs(30)).await; // a quiet point
        let said = world.printed(&["doctor"]);
        for part in ["database", "gate", "bus"] {
            assert!(said.contains(part), "no word on the {part}:\n{said}");
        }
    }
}

#[tokio::test]
async fn doctor_says_what_is_wrong() {
    let _floor = among_others().await;
    let away = format!("mysql://root@127.0.0.1:{}/sluice", sluice_testkit::free_port());
    let output = shop().database(away).run(&["doctor"]);
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!output.status.success() && said.contains("database"), "{said}");
}

#[tokio::test]
async fn migrate_and_seed_make_an_embedded_shop() {
    let _floor = among_others().await;
    let folder = Scratch::new();
    let settings = shop().data_dir(folder.path().join("data"));
    for _ in 0..2 {
        succeed(&settings.run(&["migrate"]));
    }
    for _ in 0..2 {
        succeed(&settings.run(&["seed", "--products", "5", "--stock", "7"]));
    }
    let shop = settings.start().await;
    let storefront = Storefront { base: shop.base_url() };
    let list = storefront.somebody().get("/products?limit=100").await.expect_status(200);
    let products = list.body["data"].as_array().unwrap();
    assert_eq!(products.len(), 5, "no demo data comes into a shop that has its own");
    for product in products {
        assert_eq!(product["skus"][0]["usable"], Value::from(7), "seeding twice changes nothing");
    }
    for sku in ["1", "5"] {
        let _ = storefront.somebody().place(&[(sku, 7)]).await.expect_status(201);
        storefront.expect_stock(sku, [0, 7, 0, 7]).await;
    }
}

#[tokio::test]
async fn reconcile_finds_a_difference_and_says_where() {
    let _floor = crate::floor::alone().await;
    let world = Profile::MariaDb.plan().start().await;
    let storefront = world.storefront();
    let product = storefront.add_product(9).await;
    let _ = storefront.somebody().place(&[(&product.sku, 2)]).await.expect_status(201);
    world.reconciles_within(std::time::Duration::from_secs(30)).await;
    // Behind the shop's back a unit that is promised to a buyer becomes usable again.
    world.database().sql(&format!("UPDATE stock SET locked = locked - 1, usable = usable + 1 WHERE sku_id = {}", product.sku));
    let output = world.run(&["reconcile"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("SKU {}", product.sku)), "the difference is named:\n{said}");
}

#[tokio::test]
async fn config_print_shows_settings_and_no_secret() {
    let _floor = among_others().await;
    let settings = shop()
        .setting("auth.jwt_secret", "first-secret")
        .setting("pay.sandbox_secret", "second-secret")
        .database("mysql://shop:third-secret@db.example/sluice")
        .gate("redis://:fourth-secret@gate.example/")
        .setting("order.payment_window", "2s");
    let printed = succeed(&settings.run(&["config", "print"]));
    for secret in ["first-secret", "second-secret", "third-secret", "fourth-secret"] {
        assert!(!printed.contains(secret), "{secret} is shown:\n{printed}");
    }
    assert!(printed.contains("2s") && printed.contains("payment_window"), "{printed}");
}

#[tokio::test]
async fn the_documents_are_the_committed_ones() {
    let _floor = among_others().await;
    for (command, file) in [("openapi", "openapi.json"), ("asyncapi", "asyncapi.json")] {
        let printed: Value = serde_json::from_str(&succeed(&shop().run(&[command]))).unwrap();
        let committed = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../api").join(file)).unwrap();
        let same = printed == serde_json::from_slice::<Value>(&committed).unwrap();
        assert!(same, "`sluice {command}` and the committed {file} differ");
    }
}

#[tokio::test]
async fn completions_and_help_name_the_commands() {
    let _floor = among_others().await;
    for shell in ["bash", "zsh", "fish"] {
        let script = succeed(&shop().run(&["completions", shell]));
        assert!(script.contains("reconcile") && script.contains("dead-letters"), "{shell}");
    }
    let help = succeed(&shop().run(&["--help"]));
    for command in [
        "serve",
        "api",
        "worker",
        "migrate",
        "seed",
        "token",
        "trace",
        "reconcile",
        "dead-letters",
        "doctor",
        "config",
        "openapi",
        "asyncapi",
        "completions",
    ] {
        assert!(help.contains(command), "no {command} in:\n{help}");
    }
    for wrong in [&["sell"][..], &["trace"], &["worker", "--only", "weather"], &["seed", "--products", "-1"]] {
        assert_eq!(shop().run(wrong).status.code(), Some(2), "{wrong:?}");
    }
}

#[tokio::test]
async fn a_secret_may_stand_in_a_file() {
    let _floor = among_others().await;
    let folder = Scratch::new();
    let file = folder.path().join("jwt");
    std::fs::write(&file, format!("{}\n", sluice_testkit::JWT_SECRET)).unwrap();
    let settings = shop().without("auth.jwt_secret").setting("auth.jwt_secret_file", file.to_str().unwrap());
    let token = succeed(&settings.run(&["token", "--user", "file"]));
    let world = Profile::Embedded.shared().await;
    let _ = sluice_testkit::Shopper::new(&world.storefront().base, token.trim().to_owned()).get("/orders").await.expect_status(200);
}

#[tokio::test]
async fn a_worker_may_consume_some_topics_alone() {
    let _floor = crate::floor::alone().await;
    let mut world = Profile::MariaDb.plan().start().await;
    let storefront = world.storefront();
    let _ = world.workers[0].terminate().await;
    let some = "stock-sync,payment-settled,auto-cancel,order-paid,order-cancelled,order-refunded";
    let some = world.settings.clone().arguments(&["worker", "--only", some]).start().await;
    let buyer = storefront.somebody();
    let _ = buyer.put_in_cart("1", 2, true).await.expect_status(200);
    let order = buyer.place(&[("1", 2)]).await.expect_status(201);
    let _ = buyer.pay(&order).await.expect_status(200);
    buyer.wait_for_status(&order.order_no(), "paid", SOON).await;
    let nobody_consumes = "nobody consumes order-created, which clears carts";
    assert_ne!(buyer.cart().await.body["items"], serde_json::json!([]), "{nobody_consumes}");
    let _other = world.settings.clone().arguments(&["worker", "--only", "order-created"]).start().await;
    sluice_testkit::wait_for("the cart is cleared", SOON, async || {
        (buyer.cart().await.body["items"] == serde_json::json!([])).then_some(())
    })
    .await;
    drop(some);
}
