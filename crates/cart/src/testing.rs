//! Contract suite of [`CartRepository`]. A case panics where the repository breaks its contract; each case works on
//! users of its own, so run the suite once per database, on a runtime with several threads.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "a suite fails by panicking")]

use std::sync::Arc;

use sluice_kernel::{Quantity, SkuId, StoreId, Timestamp, UserId};
use tokio::task::JoinSet;

use crate::{CartLine, CartRepository, OrderedLines, PutOutcome};

const STORE: StoreId = StoreId(1);
const OTHER_STORE: StoreId = StoreId(2);
const CONSUMER: &str = "cart";
const MOST: u32 = 100;

/// Runs every case.
pub async fn cart_contract(carts: Arc<dyn CartRepository>) {
    lines_keep_their_order_and_their_owner(&*carts).await;
    every_change_raises_the_version(&*carts).await;
    a_full_cart_refuses_other_lines(&*carts).await;
    ordered_quantities_leave_once(&*carts).await;
    a_quantity_never_falls_below_zero(&*carts).await;
    subtracting_at_the_same_moment_counts_once(carts).await;
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000 + millis)
}

fn line(sku: i64, quantity: i64, selected: bool) -> CartLine {
    CartLine { sku_id: SkuId(sku), quantity: Quantity::new(quantity).unwrap(), selected }
}

fn ordered(event: &str, user: &UserId, lines: &[(i64, i64)]) -> OrderedLines {
    let lines = lines.iter().map(|(sku, quantity)| (SkuId(*sku), *quantity)).collect();
    OrderedLines { event_id: event.to_owned(), store: STORE, user: user.clone(), lines }
}

async fn put(carts: &dyn CartRepository, user: &UserId, line: CartLine, millis: i64) -> PutOutcome {
    carts.put(STORE, user, line, MOST, at(millis)).await.unwrap()
}

/// SKU and quantity of every line.
async fn quantities(carts: &dyn CartRepository, user: &UserId) -> Vec<(i64, i64)> {
    let lines = carts.lines(STORE, user).await.unwrap();
    lines.iter().map(|line| (line.sku_id.0, line.quantity.get())).collect()
}

async fn lines_keep_their_order_and_their_owner(carts: &dyn CartRepository) {
    let user = UserId::from("keeps-order");
    put(carts, &user, line(30, 1, true), 0).await;
    put(carts, &user, line(10, 2, false), 1).await;
    put(carts, &user, line(20, 3, true), 2).await;
    // Changing a line leaves it where it was put first.
    put(carts, &user, line(30, 5, false), 3).await;
    assert_eq!(carts.lines(STORE, &user).await.unwrap(), [line(30, 5, false), line(10, 2, false), line(20, 3, true)]);
    assert_eq!(carts.lines(OTHER_STORE, &user).await.unwrap(), []);
    assert_eq!(carts.lines(STORE, &UserId::from("KEEPS-ORDER")).await.unwrap(), []);

    let selected = carts.selected(STORE, &user).await.unwrap();
    assert_eq!(selected.lines, [(SkuId(20), Quantity::new(3).unwrap())]);

    carts.remove(STORE, &user, SkuId(10), at(4)).await.unwrap();
    assert_eq!(quantities(carts, &user).await, [(30, 5), (20, 3)]);
    carts.clear(STORE, &user, at(5)).await.unwrap();
    assert_eq!(quantities(carts, &user).await, []);
}

async fn every_change_raises_the_version(carts: &dyn CartRepository) {
    let user = UserId::from("versions");
    let version = async || carts.selected(STORE, &user).await.unwrap().version;
    let empty = version().await;
    put(carts, &user, line(1, 1, true), 0).await;
    let first = version().await;
    assert!(first > empty);
    put(carts, &user, line(1, 2, true), 1).await;
    let second = version().await;
    assert!(second > first);
    carts.subtract(CONSUMER, &[ordered("versions-1", &user, &[(1, 1)])], at(2)).await.unwrap();
    let third = version().await;
    assert!(third > second);
    carts.remove(STORE, &user, SkuId(1), at(3)).await.unwrap();
    assert!(version().await > third);
}

async fn a_full_cart_refuses_other_lines(carts: &dyn CartRepository) {
    let user = UserId::from("full");
    for sku in 1..=3 {
        assert_eq!(carts.put(STORE, &user, line(sku, 1, true), 3, at(sku)).await.unwrap(), PutOutcome::Done);
    }
    assert_eq!(carts.put(STORE, &user, line(4, 1, true), 3, at(4)).await.unwrap(), PutOutcome::Full);
    assert_eq!(carts.put(STORE, &user, line(3, 9, true), 3, at(5)).await.unwrap(), PutOutcome::Done);
    assert_eq!(quantities(carts, &user).await, [(1, 1), (2, 1), (3, 9)]);
}

async fn ordered_quantities_leave_once(carts: &dyn CartRepository) {
    let (user, neighbour) = (UserId::from("orders"), UserId::from("neighbour"));
    put(carts, &user, line(1, 5, true), 0).await;
    put(carts, &user, line(2, 2, true), 1).await;
    put(carts, &neighbour, line(1, 5, true), 2).await;
    let event = ordered("orders-1", &user, &[(1, 3), (2, 2), (77, 1)]);
    // Twice in one batch, and the batch twice.
    carts.subtract(CONSUMER, &[event.clone(), event.clone()], at(3)).await.unwrap();
    carts.subtract(CONSUMER, &[event], at(4)).await.unwrap();
    assert_eq!(quantities(carts, &user).await, [(1, 2)]);
    assert_eq!(quantities(carts, &neighbour).await, [(1, 5)]);
    // A batch of which a part came before.
    let batch = [ordered("orders-1", &user, &[(1, 1)]), ordered("orders-2", &user, &[(1, 1)])];
    carts.subtract(CONSUMER, &batch, at(5)).await.unwrap();
    assert_eq!(quantities(carts, &user).await, [(1, 1)]);
}

async fn a_quantity_never_falls_below_zero(carts: &dyn CartRepository) {
    let user = UserId::from("below-zero");
    put(carts, &user, line(1, 2, true), 0).await;
    carts.subtract(CONSUMER, &[ordered("below-zero-1", &user, &[(1, 9)])], at(1)).await.unwrap();
    assert_eq!(quantities(carts, &user).await, []);
}

async fn subtracting_at_the_same_moment_counts_once(carts: Arc<dyn CartRepository>) {
    let users: Vec<UserId> = (0..8).map(|number| UserId(format!("same-moment-{number}"))).collect();
    for user in &users {
        put(&*carts, user, line(1, 50, true), 0).await;
    }
    let mut race = JoinSet::new();
    for turn in 0..20 {
        let (carts, mut users) = (Arc::clone(&carts), users.clone());
        // Half of them come in the opposite order.
        if turn % 2 == 0 {
            users.reverse();
        }
        race.spawn(async move {
            let batch: Vec<OrderedLines> = users.iter().map(|user| ordered(&format!("race-{user}"), user, &[(1, 7)])).collect();
            carts.subtract(CONSUMER, &batch, at(1)).await.unwrap();
        });
    }
    race.join_all().await;
    for user in &users {
        assert_eq!(quantities(&*carts, user).await, [(1, 43)], "{user}");
    }
}
