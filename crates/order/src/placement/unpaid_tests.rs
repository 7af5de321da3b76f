//! A user's share of unpaid orders: what is refused, what is asked, and what a race does.

use std::sync::Arc;

use sluice_kernel::{Classified as _, PayType, Quantity, UserId};

use crate::{
    OrderService as _, Orders, PlaceActivityOrder, Replay, Unpaid,
    fakes::{World, command},
};

fn order(user: &str, key: u32, quantity: i64) -> PlaceActivityOrder {
    let plain = command(PayType::Cash);
    let mut key = crate::IdempotencyKey { key: format!("k{key}"), ..plain.key };
    key.user = UserId::from(user);
    PlaceActivityOrder { user: UserId::from(user), key, quantity: Quantity::new(quantity).unwrap(), ..plain }
}

async fn place(orders: &Orders, user: &str, key: u32, quantity: i64) -> Result<(), &'static str> {
    orders.place_activity(order(user, key, quantity)).await.map(|_| ()).map_err(|refusal| refusal.code())
}

fn counted(world: &World, orders: i64, units: i64) {
    *world.unpaid.lock().unwrap() = Unpaid { orders, units };
}

#[tokio::test]
async fn a_user_never_holds_more_than_the_share_and_others_are_not_refused() {
    let world = Arc::new(World::new(PayType::Cash));
    let shop = world.service();
    let mut placed = 0;
    for key in 0..40 {
        match place(&shop, "42", key, 1).await {
            Ok(()) => placed += 1,
            Err(code) => assert_eq!(code, "too_many_unpaid"),
        }
    }
    assert_eq!(placed, 20);
    for key in 100..120 {
        assert_eq!(place(&shop, "43", key, 1).await, Ok(()));
    }
    world.written.lock().unwrap().clear();
    assert_eq!(place(&shop, "42", 102, 1).await, Ok(()), "what was paid or cancelled is free again");
}

#[tokio::test]
async fn units_count_as_orders_do() {
    let world = Arc::new(World::new(PayType::Cash));
    let shop = world.service();
    assert_eq!(place(&shop, "42", 1, 9_999).await, Ok(()));
    assert_eq!(place(&shop, "42", 2, 9_999).await, Ok(()));
    assert_eq!(place(&shop, "42", 3, 3).await, Err("too_many_unpaid"));
    assert_eq!(place(&shop, "42", 4, 2).await, Ok(()));
}

#[tokio::test]
async fn the_first_orders_of_a_crowd_ask_nothing() {
    let world = Arc::new(World::new(PayType::Cash));
    let shop = world.service();
    for user in 0..500 {
        for key in 0..3 {
            assert_eq!(place(&shop, &format!("user-{user}"), key, 1).await, Ok(()));
        }
    }
    assert_eq!(*world.counts.lock().unwrap(), 0);
}

#[tokio::test]
async fn points_orders_wait_for_nobody_and_are_not_counted() {
    let world = Arc::new(World::new(PayType::Points));
    let shop = world.service();
    counted(&world, 20, 20_000);
    for key in 0..30 {
        let asked = PlaceActivityOrder { pay_type: PayType::Points, ..order("42", key, 1) };
        assert!(shop.place_activity(asked).await.is_ok());
    }
}

#[tokio::test]
async fn a_key_that_owns_an_order_is_answered_with_it_and_not_refused() {
    let world = Arc::new(World::new(PayType::Cash));
    let placed = world.service().place_activity(order("42", 1, 1)).await.unwrap();
    counted(&world, 20, 20);
    // A process that has just begun and must ask for the fifth.
    let shop = world.service();
    for key in 10..14 {
        assert_eq!(place(&shop, "42", key, 1).await, Ok(()));
    }
    *world.replay.lock().unwrap() = Some(Replay { order_no: placed.order.order_no, same_body: true });
    *world.order.lock().unwrap() = Some(placed.order.clone());
    for _ in 0..3 {
        let again = shop.place_activity(order("42", 1, 1)).await.unwrap();
        assert_eq!(again.order.order_no, placed.order.order_no);
    }
}

#[tokio::test]
async fn orders_in_flight_together_stay_within_the_share() {
    let world = Arc::new(World::new(PayType::Cash));
    let shop = Arc::new(world.service());
    counted(&world, 15, 15);
    let tries = (0..40).map(|key| {
        let shop = shop.clone();
        tokio::spawn(async move { place(&shop, "42", key, 1).await })
    });
    let mut placed = 0;
    for tried in tries.collect::<Vec<_>>() {
        match tried.await.unwrap() {
            Ok(()) => placed += 1,
            Err(code) => assert_eq!(code, "too_many_unpaid"),
        }
    }
    assert_eq!(placed, 5);
}
