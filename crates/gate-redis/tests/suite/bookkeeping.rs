//! What a rebuild loads, what waits for the sweeper, and what the lowest layer refuses.

use std::time::Duration;

use deadpool_redis::redis;
use sluice_events::RestockLine;
use sluice_inventory::{GateAnswer, Listing, ReserveLine, Settled, StockGate, Terms, UserLimit};
use sluice_kernel::{SkuId, StoreId};

use crate::{
    server::RedisServer,
    source::{Database, LISTED, PLAIN, SKU, STORE, figures_of, now, one, open_gate, order, parts},
};

#[tokio::test]
async fn a_rebuild_loads_figures_listings_reservations_and_restocks() {
    let server = RedisServer::start().await;
    let database = Database::with_ten_units();
    let (off, other) = (SkuId(17), SkuId(18));
    {
        let mut snapshot = database.snapshot.lock().unwrap();
        snapshot.skus[0].2 = parts(5, 3, 2);
        snapshot.skus.push((STORE, off, parts(4, 1, 0), Listing { buyable: false, revision: 9 }));
        snapshot.skus.push((StoreId(2), other, parts(1, 0, 0), LISTED));
        let lines = [(SKU, 3), (off, 1)].map(|(sku, quantity)| ReserveLine { sku, quantity, revision: None });
        snapshot.held.push((STORE, order(1), lines.to_vec(), None));
        snapshot.restocked.push((STORE, "refund-1".to_owned()));
        // More than one batch.
        snapshot.skus.extend((0..1_200).map(|sku| (StoreId(3), SkuId(sku), parts(sku, 0, 0), LISTED)));
    }
    let gate = open_gate(&server.url("shop:"), &database).await;
    let all: Vec<SkuId> = (0..1_300).map(SkuId).collect();
    let loaded = gate.figures(StoreId(3), &all).await.unwrap();
    assert_eq!(loaded.len(), 1_200);
    assert_eq!(loaded[&SkuId(1_199)], parts(1_199, 0, 0));
    assert_eq!(gate.figures(StoreId(2), &[other]).await.unwrap()[&other], parts(1, 0, 0));

    assert_eq!(gate.reserve(STORE, order(2), &one(off), &PLAIN, now()).await.unwrap(), GateAnswer::OffShelf(vec![off]));
    assert_eq!(gate.reserve(STORE, order(1), &one(SKU), &PLAIN, now()).await.unwrap(), GateAnswer::Reserved { epoch: 1 });
    let back = [RestockLine { sku_id: SKU, quantity: 1 }];
    assert_eq!(gate.restock(STORE, "refund-1", &back, now()).await.unwrap(), Settled::Already);
    // Their orders stand in the database: the sweeper has no business with them.
    assert_eq!(gate.unconfirmed(Duration::ZERO, 10).await.unwrap(), []);
    assert_eq!(gate.sell(STORE, order(1), now()).await.unwrap(), Settled::Done);
    assert_eq!(figures_of(&gate, SKU).await, parts(5, 0, 5));
    assert_eq!(figures_of(&gate, off).await, parts(4, 0, 1));
}

#[tokio::test]
async fn reservations_wait_until_they_are_confirmed_or_settled() {
    let server = RedisServer::start().await;
    let gate = open_gate(&server.url("shop:"), &Database::with_ten_units()).await;
    // A store that came after the rebuild waits as well.
    let late = StoreId(8);
    gate.set_listing(late, SkuId(80), LISTED).await.unwrap();
    let id = sluice_inventory::AdjustmentId("receipt".to_owned());
    assert_eq!(gate.adjust(late, &id, SkuId(80), 5, now()).await.unwrap(), Ok(1));
    // The age is counted by the clock of Redis, whatever the callers' clocks say.
    for (number, hours) in [(1, 0), (2, 1), (3, 100), (4, 10_000)] {
        let wrong = now().plus(Duration::from_hours(hours));
        let answer = gate.reserve(STORE, order(number), &one(SKU), &PLAIN, wrong).await.unwrap();
        assert_eq!(answer, GateAnswer::Reserved { epoch: 1 });
    }
    assert_eq!(gate.reserve(late, order(5), &one(SkuId(80)), &PLAIN, now()).await.unwrap(), GateAnswer::Reserved { epoch: 1 });

    assert_eq!(gate.unconfirmed(Duration::from_mins(1), 10).await.unwrap(), []);
    let mut waiting = gate.unconfirmed(Duration::ZERO, 10).await.unwrap();
    waiting.sort_unstable();
    assert_eq!(waiting, [(STORE, order(1)), (STORE, order(2)), (STORE, order(3)), (STORE, order(4)), (late, order(5))]);
    assert_eq!(gate.unconfirmed(Duration::ZERO, 2).await.unwrap().len(), 2);

    gate.confirm(&[(STORE, order(1)), (late, order(5))]).await.unwrap();
    gate.sell(STORE, order(2), now()).await.unwrap();
    gate.release(STORE, order(3), now()).await.unwrap();
    assert_eq!(gate.unconfirmed(Duration::ZERO, 10).await.unwrap(), [(STORE, order(4))]);
    // Asking again is no new reservation, and a confirmed one is still held.
    gate.reserve(STORE, order(1), &one(SKU), &PLAIN, now()).await.unwrap();
    assert_eq!(gate.unconfirmed(Duration::ZERO, 10).await.unwrap(), [(STORE, order(4))]);
    assert_eq!(gate.release(STORE, order(1), now()).await.unwrap(), Settled::Done);
    assert_eq!(figures_of(&gate, SKU).await, parts(8, 1, 1));
}

#[tokio::test]
async fn what_is_settled_is_forgotten_in_time_and_what_is_held_is_not() {
    let server = RedisServer::start().await;
    let gate = open_gate(&server.url("shop:"), &Database::with_ten_units()).await;
    let life = async |number| {
        let mut ttl = redis::cmd("TTL");
        ttl.arg(format!("shop:{{s:1}}:1:r:{}", order(number)));
        server.command(ttl).await.unwrap()
    };
    gate.reserve(STORE, order(1), &one(SKU), &PLAIN, now()).await.unwrap();
    assert_eq!(life(1).await, redis::Value::Int(-1));
    gate.sell(STORE, order(1), now()).await.unwrap();
    gate.release(STORE, order(2), now()).await.unwrap();
    for number in [1, 2] {
        let redis::Value::Int(seconds) = life(number).await else { panic!("a life in seconds") };
        assert!((172_700..=172_800).contains(&seconds), "{seconds}");
    }
}

#[tokio::test]
async fn lines_that_would_be_checked_apart_or_add_units_are_refused() {
    let server = RedisServer::start().await;
    let gate = open_gate(&server.url("shop:"), &Database::with_ten_units()).await;
    let line = |quantity| ReserveLine { sku: SKU, quantity, revision: None };
    for lines in [vec![], vec![line(6), line(6)], vec![line(0)], vec![line(-5)]] {
        assert!(gate.reserve(STORE, order(1), &lines, &PLAIN, now()).await.is_err(), "{lines:?}");
    }
    let user = sluice_kernel::UserId("ann".to_owned());
    let other_units = UserLimit { sku: SKU, user, units: 2, most_orders: None, most_units: None };
    for limit in [UserLimit { sku: SkuId(17), units: 1, ..other_units.clone() }, other_units] {
        let terms = Terms { window: None, limit: Some(limit) };
        assert!(gate.reserve(STORE, order(1), &one(SKU), &terms, now()).await.is_err());
    }
    let back = [RestockLine { sku_id: SKU, quantity: -1 }];
    assert!(gate.restock(STORE, "refund", &back, now()).await.is_err());
    // Nothing was sold, so nothing comes back; and the refusal is not remembered as done.
    for _ in 0..2 {
        let back = [RestockLine { sku_id: SKU, quantity: 1 }];
        assert_eq!(gate.restock(STORE, "refund", &back, now()).await.unwrap(), Settled::Refused);
    }
    assert_eq!(figures_of(&gate, SKU).await, parts(10, 0, 0));
}
