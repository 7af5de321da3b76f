//! Sixty users who tap sixteen times each on ten units, one for each user.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;

use crate::floor;
use crate::world::{Profile, SOON};

const USERS: usize = 60;
const TAPS: usize = 16;

async fn ten_users_get_one_unit_each(profile: Profile) {
    let _floor = floor::alone().await;
    let world = profile.shared().await;
    let storefront = world.storefront();
    let offer = storefront.offer("cash", json!({"per_user_limit": 1, "discount": 0.8}), 10).await;
    let buyers: Vec<_> = (0..USERS).map(|_| storefront.somebody()).collect();
    let mut taps = JoinSet::new();
    for _ in 0..TAPS {
        for (user, buyer) in buyers.iter().enumerate() {
            let (buyer, offer) = (buyer.clone(), offer.clone());
            taps.spawn(async move { (user, offer.take(&buyer, 1, "cash").await) });
        }
    }
    let mut orders = Vec::new();
    for (user, answer) in taps.join_all().await {
        match (answer.status, answer.code()) {
            (201, _) => orders.push((user, answer)),
            (409, "redemption_limit_reached" | "insufficient_stock") | (429, "rate_limited") => {}
            other => panic!("a tap was answered {other:?}: {}", answer.body),
        }
    }
    assert_eq!(orders.len(), 10, "exactly ten orders");
    let users: BTreeSet<usize> = orders.iter().map(|(user, _)| *user).collect();
    assert_eq!(users.len(), 10, "of ten users");
    storefront.expect_stock(&offer.sku, [0, 10, 0, 10]).await;

    // No unit and no limit went lost to the refused: what one gives back another takes, or the same again.
    let (user, given_up) = &orders[0];
    let _ = buyers[*user].cancel(&given_up.order_no()).await.expect_status(200);
    storefront.expect_stock(&offer.sku, [1, 9, 0, 10]).await;
    let again = offer.take(&buyers[*user], 1, "cash").await.expect_status(201);
    let _ = buyers[*user].cancel(&again.order_no()).await.expect_status(200);
    storefront.expect_stock(&offer.sku, [1, 9, 0, 10]).await;
    let newcomer = (0..USERS).find(|user| !users.contains(user)).expect("fifty got nothing");
    let taken = offer.take(&buyers[newcomer], 1, "cash").await.expect_status(201);
    let _ = buyers[newcomer].pay(&taken).await.expect_status(200);
    buyers[newcomer].wait_for_status(&taken.order_no(), "paid", SOON).await;
    storefront.expect_stock(&offer.sku, [0, 9, 1, 10]).await;
    world.reconciles_within(Duration::from_secs(30)).await;
}

#[tokio::test]
async fn sixty_users_tap_sixteen_times_embedded() {
    ten_users_get_one_unit_each(Profile::Embedded).await;
}

#[tokio::test]
async fn sixty_users_tap_sixteen_times_on_mariadb() {
    ten_users_get_one_unit_each(Profile::MariaDb).await;
}

#[tokio::test]
async fn sixty_users_tap_sixteen_times_with_the_redis_gate() {
    ten_users_get_one_unit_each(Profile::Redis).await;
}
