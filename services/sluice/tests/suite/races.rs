//! Payment and timer at the same moment: every order ends paid or cancelled, never both, and the sums hold.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::callbacks::{notice, tell};
use crate::floor;
use crate::world::{HASTY_WINDOW, Profile};

const ORDERS: i64 = 100;
const EARLY: Duration = Duration::from_millis(250);
/// Every so many orders one is paid only when the timer has cancelled it, so that money comes late on every machine.
const LATE_STEP: i64 = 10;

/// Pays every order around its deadline: half at the cashier, half by a callback.
async fn race(profile: Profile) {
    let _floor = floor::alone().await;
    let world = profile.shared().await;
    let storefront = world.hasty();
    let product = storefront.add_product(ORDERS).await;
    let mut runners = JoinSet::new();
    for number in 0..ORDERS {
        let (buyer, sku) = (storefront.somebody(), product.sku.clone());
        // From a little before the deadline to a second after it, where the timer strikes.
        let offset = Duration::from_millis(u64::try_from(number * 1_250 / ORDERS).unwrap());
        runners.spawn(async move {
            let order = buyer.place(&[(&sku, 1)]).await.expect_status(201);
            if number % LATE_STEP == 1 {
                return (buyer, order, None);
            }
            tokio::time::sleep(HASTY_WINDOW.saturating_sub(EARLY) + offset).await;
            let answer = if number % 2 == 0 { buyer.pay(&order).await } else { tell(&buyer, &notice(&order, "paid")).await };
            let money = match (answer.status, answer.code()) {
                (200..300, _) => true,
                (409, "payment_closed") if number % 2 == 0 => false,
                other => panic!("a payment at the deadline was answered {other:?}: {}", answer.body),
            };
            (buyer, order, Some(if money { "paid" } else { "cancelled" }))
        });
    }
    let mut sold = 0;
    for (buyer, order, wanted) in runners.join_all().await {
        if wanted.is_none() {
            buyer.wait_for_status(&order.order_no(), "cancelled", Duration::from_secs(30)).await;
            let _ = tell(&buyer, &notice(&order, "paid")).await.expect_status(200);
        }
        let wanted = wanted.unwrap_or("paid");
        buyer.wait_for_status(&order.order_no(), wanted, Duration::from_secs(30)).await;
        sold += i64::from(wanted == "paid");
    }
    assert!(sold >= ORDERS / 2, "every callback counts, {sold} were paid");
    storefront.expect_stock_within(&product.sku, [ORDERS - sold, 0, sold, ORDERS], Duration::from_secs(30)).await;

    let trace = storefront.staff().get(&format!("/admin/skus/{}/stock/trace", product.sku)).await.expect_status(200);
    assert_eq!(trace.body["adds_up"], true);
    let mut of_order: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for movement in trace.body["movements"].as_array().unwrap() {
        if let Some(number) = movement["order_no"].as_str() {
            of_order.entry(number.to_owned()).or_default().push(movement["kind"].as_str().unwrap());
        }
    }
    assert_eq!(of_order.len(), usize::try_from(ORDERS).unwrap());
    let mut late = 0;
    for (number, kinds) in &mut of_order {
        kinds.sort_unstable();
        let late_sale = kinds == &["release", "reserve", "reserve", "sell"];
        late += usize::from(late_sale);
        let sound = late_sale || kinds == &["reserve", "sell"] || kinds == &["release", "reserve"];
        assert!(sound, "the movements of order {number}: {kinds:?}");
    }
    assert!(late >= usize::try_from(ORDERS / LATE_STEP).unwrap(), "money came late for {late} orders");
}

#[tokio::test]
async fn payment_and_timer_race_embedded() {
    race(Profile::Embedded).await;
}

#[tokio::test]
async fn payment_and_timer_race_on_mariadb() {
    race(Profile::MariaDb).await;
}

#[tokio::test]
async fn payment_and_timer_race_with_the_redis_gate() {
    race(Profile::Redis).await;
}
