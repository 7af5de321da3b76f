//! `kill -9` of the embedded shop: what it acknowledged it still has, and what was due happens after the restart.

use std::time::{Duration, Instant};

use crate::floor;
use crate::load::{Load, expect_everything_there, expect_only};
use crate::world::{Profile, SOON};

const UNITS: i64 = 10_000;

#[tokio::test]
async fn sigkill_under_load_loses_nothing_and_doubles_nothing() {
    let _floor = floor::alone().await;
    let mut world = Profile::Embedded.plan().start().await;
    let skus = [world.storefront().add_product(UNITS).await.sku, world.storefront().add_product(UNITS).await.sku];
    let mut sent = Vec::new();
    for _round in 0..3 {
        let load = Load::start(&[world.storefront()], &skus, 8);
        load.more_orders(40).await;
        world.apis[0].kill9();
        sent.extend(load.stop().await);
        world.apis[0].restart().await;
        let restarted = Instant::now();
        expect_everything_there(&sent, &world.storefront(), &skus, UNITS).await;
        world.reconciles_within(Duration::from_secs(30).saturating_sub(restarted.elapsed())).await;
    }
    expect_only(&sent, &[]);
    world.storefront().expect_stock(&skus[0], world.storefront().staff().stock(&skus[0]).await[0]).await;
}

/// Killed in the middle of whatever comes: while it starts, and while it stops.
#[tokio::test]
async fn sigkill_while_starting_and_stopping_does_no_harm() {
    let _floor = floor::alone().await;
    let mut world = Profile::Embedded.plan().start().await;
    let skus = [world.storefront().add_product(UNITS).await.sku];
    let load = Load::start(&[world.storefront()], &skus, 4);
    load.more_orders(20).await;
    world.apis[0].pause();
    world.apis[0].resume();
    let status = world.apis[0].terminate().await;
    assert!(status.success(), "an orderly stop ends with 0, not {status}");
    let sent = load.stop().await;
    expect_only(&sent, &[(503, "unavailable"), (503, "overloaded")]);
    for _ in 0..3 {
        let mut early = world.settings.clone().data_dir(world.apis[0].data_dir()).start_unready();
        early.kill9();
    }
    world.apis[0].restart().await;
    expect_everything_there(&sent, &world.storefront(), &skus, UNITS).await;
    world.reconciles_within(Duration::from_secs(30)).await;
}

#[tokio::test]
async fn the_auto_cancel_timer_survives_a_crash() {
    let _floor = floor::alone().await;
    let window = Duration::from_secs(2);
    let mut world = Profile::Embedded.plan().setting("order.payment_window", "2s").start().await;
    let product = world.storefront().add_product(5).await;
    let buyer = world.storefront().somebody();
    let placed_at = Instant::now();
    let order = buyer.place(&[(&product.sku, 2)]).await.expect_status(201);
    world.apis[0].kill9();
    // The deadline passes while nobody is there.
    tokio::time::sleep(window.saturating_sub(placed_at.elapsed()) + Duration::from_millis(100)).await;
    world.apis[0].restart().await;
    let cancelled = buyer.wait_for_status(&order.order_no(), "cancelled", Duration::from_millis(1_500)).await;
    assert_eq!(cancelled.text("/cancel_reason"), "expired");
    world.storefront().expect_stock(&product.sku, [5, 0, 0, 5]).await;
    world.storefront().expect_trace_adds_up(&product.sku, &["adjust", "reserve", "release"]).await;

    // And one whose deadline is still to come.
    let placed_at = Instant::now();
    let order = buyer.place(&[(&product.sku, 1)]).await.expect_status(201);
    world.apis[0].restart().await;
    buyer.wait_for_status(&order.order_no(), "cancelled", SOON).await;
    assert!(placed_at.elapsed() >= window, "not before its deadline");
    world.storefront().expect_stock(&product.sku, [5, 0, 0, 5]).await;
}
