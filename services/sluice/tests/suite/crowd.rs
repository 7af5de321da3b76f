//! Everybody wants the same thing at the same moment.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;

use crate::floor;
use crate::world::{Profile, World};

/// 200 buyers at once, spread over the API processes, for a SKU with 10 units.
pub async fn ten_units_for_two_hundred_buyers(world: &World, sku: &str) {
    let staff = world.storefront().staff();
    let before = staff.stock(sku).await[0];
    assert_eq!(before, [10, 0, 0, 10], "the crowd needs ten untouched units");
    let mut crowd = JoinSet::new();
    for number in 0..200 {
        let buyer = world.storefront_at(number % world.apis.len()).somebody();
        let sku = sku.to_owned();
        crowd.spawn(async move { buyer.place(&[(&sku, 1)]).await });
    }
    let answers = crowd.join_all().await;
    let mut numbers = BTreeSet::new();
    for answer in &answers {
        match (answer.status, answer.code()) {
            (201, _) => assert!(numbers.insert(answer.order_no()), "an order number came twice"),
            (409, "insufficient_stock") => {
                assert_eq!(answer.body["errors"][0]["pointer"], json!("/items/0"));
                assert_eq!(answer.body["errors"][0]["sku_id"], json!(sku));
                assert_eq!(answer.body["errors"][0]["usable"], json!(0));
            }
            other => panic!("one of 200 buyers was answered {other:?}: {}", answer.body),
        }
    }
    assert_eq!(numbers.len(), 10, "ten units make ten orders");
    world.storefront().expect_stock(sku, [0, 10, 0, 10]).await;
}

async fn product_16(profile: Profile) {
    let _floor = floor::alone().await;
    let world = profile.shared().await;
    ten_units_for_two_hundred_buyers(world, "16").await;
    let mut kinds = vec!["adjust"];
    kinds.extend(["reserve"; 10]);
    world.storefront().expect_trace_adds_up("16", &kinds).await;
    world.reconciles_within(Duration::from_secs(30)).await;
}

#[tokio::test]
async fn two_hundred_buyers_for_ten_units_embedded() {
    product_16(Profile::Embedded).await;
}

#[tokio::test]
async fn two_hundred_buyers_for_ten_units_on_mariadb() {
    product_16(Profile::MariaDb).await;
}

#[tokio::test]
async fn two_hundred_buyers_for_ten_units_with_the_redis_gate() {
    product_16(Profile::Redis).await;
}

#[tokio::test]
async fn a_user_who_places_too_fast_is_told_to_wait() {
    let _floor = floor::among_others().await;
    let world = Profile::Embedded.plan().setting("limits.orders_per_second", "2").start().await;
    let (hurried, calm) = (world.storefront().somebody(), world.storefront().somebody());
    let mut together = JoinSet::new();
    for _ in 0..20 {
        let buyer = hurried.clone();
        together.spawn(async move { buyer.place(&[("1", 1)]).await });
    }
    let answers = together.join_all().await;
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert!(refused.len() >= 10, "{} of 20 at once were refused", refused.len());
    for answer in refused {
        assert_eq!(answer.code(), "rate_limited");
        let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=2).contains(&wait), "Retry-After: {wait}");
    }
    assert!(answers.iter().all(|answer| matches!(answer.status, 201 | 429)));
    let _ = calm.place(&[("1", 1)]).await.expect_status(201);
}

#[tokio::test]
async fn placements_beyond_the_bound_are_refused_early() {
    let _floor = floor::alone().await;
    let world = Profile::Embedded.plan().setting("limits.placements_in_flight", "1").start().await;
    let product = world.storefront().add_product(1_000).await;
    let mut together = JoinSet::new();
    for _ in 0..100 {
        let (buyer, sku) = (world.storefront().somebody(), product.sku.clone());
        together.spawn(async move { buyer.place(&[(&sku, 1)]).await });
    }
    let answers = together.join_all().await;
    let mut placed = 0;
    for answer in &answers {
        match (answer.status, answer.code()) {
            (201, _) => placed += 1,
            (503, "overloaded") => assert!(answer.header("retry-after").is_some()),
            other => panic!("one of a hundred was answered {other:?}: {}", answer.body),
        }
    }
    assert!(placed > 0 && placed < 100, "{placed} of 100 were taken one at a time");
    world.storefront().expect_stock(&product.sku, [1_000 - placed, placed, 0, 1_000]).await;
}
