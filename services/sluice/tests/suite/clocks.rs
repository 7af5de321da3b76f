//! Machines whose clocks are wrong, or are set while they run: orders go on, deadlines hold, no number comes twice.

use std::time::{Duration, Instant};

use sluice_testkit::MachineClock;

use crate::floor;
use crate::load::{Load, expect_everything_there, expect_only};
use crate::world::{Profile, SOON, Storefront};

const UNITS: i64 = 10_000;
const HOUR: i64 = 3_600;
/// Tokens of tests live an hour.
const NEARLY_AN_HOUR: i64 = 3_000;
/// Two seconds, and what a busy machine adds to a handful of orders.
const BOUND: Duration = Duration::from_secs(10);
const RECOVERY: Duration = Duration::from_secs(30);

async fn orders_go_on(load: &Load) {
    let began = Instant::now();
    load.more_orders(5).await;
    assert!(began.elapsed() < BOUND, "orders went on after {:?}", began.elapsed());
}

/// The clock's part of `/readyz`: its state and what is said of it.
async fn clock_part(storefront: &Storefront) -> (String, String) {
    let readiness = storefront.nobody().send("GET", "/readyz", &[], None).await.expect_status(200);
    let parts = readiness.body["parts"].as_array().unwrap();
    let clock = parts.iter().find(|part| part["name"] == "clock").unwrap_or_else(|| panic!("no clock in {}", readiness.body));
    (clock["state"].as_str().unwrap().to_owned(), clock["detail"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_worker_an_hour_ahead_cancels_no_fresh_order() {
    let _floor = floor::among_others().await;
    let mut world = Profile::MariaDb.plan().start().await;
    let storefront = world.storefront();
    let product = storefront.add_product(UNITS).await;
    world.workers[0].terminate().await;
    let buyer = storefront.somebody();
    let fresh = buyer.place(&[(&product.sku, 1)]).await.expect_status(201);

    let clock = MachineClock::right();
    clock.set_ahead(HOUR);
    let worker =
        world.settings.clone().setting("public_url", &storefront.base).setting("pay.sandbox_callback_url", &storefront.base);
    let worker = worker.machine_clock(&clock).arguments(&["worker"]).start().await;
    // Orders whose deadlines do pass show that the worker's timer has looked, and its consumer too.
    let hasty = world.settings.clone().setting("order.payment_window", "2s").arguments(&["api"]).start().await;
    let due = Storefront { base: hasty.base_url() }.somebody();
    for _ in 0..2 {
        let order = due.place(&[(&product.sku, 1)]).await.expect_status(201);
        due.wait_for_status(&order.order_no(), "cancelled", SOON).await;
    }
    assert_eq!(buyer.order(&fresh.order_no()).await.text("/status"), "unpaid", "its deadline is in a quarter of an hour");
    let _ = buyer.pay(&fresh).await.expect_status(200);
    buyer.wait_for_status(&fresh.order_no(), "paid", SOON).await;
    storefront.expect_stock(&product.sku, [UNITS - 1, 0, 1, UNITS]).await;

    let worker = Storefront { base: worker.base_url() };
    let (state, detail) = clock_part(&worker).await;
    assert_eq!(state, "degraded", "{detail}");
    assert!(detail.contains("ms ahead of the database's"), "{detail}");
    let metrics = worker.nobody().page("/metrics").await;
    assert!(metrics.lines().any(|line| line.starts_with("sluice_clock_ahead_seconds 3")), "the difference is a gauge:\n{metrics}");
    assert_eq!(clock_part(&storefront).await.0, "up");
}

#[tokio::test]
async fn clocks_that_are_set_under_load_stop_no_orders_and_repeat_no_number() {
    let _floor = floor::alone().await;
    let clock = MachineClock::right();
    let world = Profile::MariaDb.plan().machine_clock(&clock).start().await;
    let storefront = world.storefront();
    let skus = [storefront.add_product(UNITS).await.sku, storefront.add_product(UNITS).await.sku];
    let load = Load::start(std::slice::from_ref(&storefront), &skus, 4);
    load.more_orders(30).await;
    for ahead in [HOUR, 0, -600, 0] {
        clock.set_ahead(ahead);
        orders_go_on(&load).await;
    }
    let sent = load.stop().await;
    expect_only(&sent, &[]);
    expect_everything_there(&sent, &storefront, &skus, UNITS).await;
    world.reconciles_within(RECOVERY).await;
}

/// The embedded shop knows no clock but the machine's.
#[tokio::test]
async fn what_a_boot_with_a_clock_ahead_left_behind_is_gone_on_with() {
    let _floor = floor::among_others().await;
    let clock = MachineClock::right();
    clock.set_ahead(NEARLY_AN_HOUR);
    let mut world = Profile::Embedded.plan().machine_clock(&clock).start().await;
    let storefront = world.storefront();
    let product = storefront.add_product(UNITS).await;
    let buyer = storefront.somebody();
    let ahead = buyer.place(&[(&product.sku, 1)]).await.expect_status(201);
    let paid = buyer.place(&[(&product.sku, 1)]).await.expect_status(201);
    let _ = buyer.pay(&paid).await.expect_status(200);
    world.apis[0].kill9();

    clock.set_ahead(0);
    world.apis[0].restart().await;
    let right = buyer.place(&[(&product.sku, 1)]).await.expect_status(201);
    for order in [&ahead, &right] {
        let _ = buyer.pay(order).await.expect_status(200);
    }
    for order in [&ahead, &paid, &right] {
        buyer.wait_for_status(&order.order_no(), "paid", SOON).await;
    }

    // Set while it runs: neither moves a deadline, since neither stays.
    for ahead in [NEARLY_AN_HOUR, 0, -600, 0] {
        clock.set_ahead(ahead);
        let began = Instant::now();
        let order = buyer.place(&[(&product.sku, 1)]).await.expect_status(201);
        assert!(began.elapsed() < BOUND, "an order after {:?}", began.elapsed());
        assert_eq!(buyer.order(&order.order_no()).await.text("/status"), "unpaid");
    }
    storefront.expect_stock(&product.sku, [UNITS - 7, 4, 3, UNITS]).await;
    world.reconciles_within(RECOVERY).await;
}
