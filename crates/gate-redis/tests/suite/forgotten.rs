//! What a gate was counted anew with is not told to it again, and keys that went are noticed.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use deadpool_redis::redis;
use sluice_events::RestockLine;
use sluice_gate_redis::RedisStockGate;
use sluice_inventory::{AdjustmentId, GateAnswer, Settled, StockGate};
use sluice_kernel::PortError;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    server::RedisServer,
    source::{Database, PLAIN, SKU, STORE, figures_of, now, one, open_gate, order, parts},
};

const BOUND: Duration = Duration::from_secs(10);

fn closed<T>(result: &Result<T, PortError>) -> bool {
    matches!(result, Err(PortError::GateClosed))
}

/// Watches over the gate as every process does; ends with the test.
fn keep_open(gate: &Arc<RedisStockGate>) -> JoinHandle<()> {
    let gate = Arc::clone(gate);
    tokio::spawn(async move { gate.keep_open(CancellationToken::new()).await })
}

/// The first reservation that the gate takes again.
async fn takes_again(gate: &RedisStockGate, number: i64) -> GateAnswer {
    let started = Instant::now();
    loop {
        match gate.reserve(STORE, order(number), &one(SKU), &PLAIN, now()).await {
            Ok(answer) => return answer,
            Err(PortError::GateClosed | PortError::Unavailable { .. }) => {
                assert!(started.elapsed() < BOUND, "the gate does not open again");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(other) => panic!("a defect: {other:?}"),
        }
    }
}

#[tokio::test]
async fn what_was_read_before_a_rebuild_is_never_counted_twice() {
    let server = RedisServer::start().await;
    let database = Database::with_ten_units();
    database.snapshot.lock().unwrap().skus[0].2 = parts(7, 0, 3);
    let url = server.url("shop:");
    let (freezes, other) = (open_gate(&url, &database).await, open_gate(&url, &database).await);
    let back = [RestockLine { sku_id: SKU, quantity: 3 }];
    let receipt = AdjustmentId("receipt".to_owned());

    // It reads the queue and the adjustments, and freezes with them in hand.
    let bound = freezes.bound(STORE).await.unwrap();
    // Another process tells the gate the same and forgets it; then the gate is counted anew, with both.
    assert_eq!(other.restock(STORE, "refund", &back, now()).await.unwrap(), Settled::Done);
    assert_eq!(other.adjust(STORE, &receipt, SKU, 5, now()).await.unwrap(), Ok(1));
    database.snapshot.lock().unwrap().skus[0].2 = parts(15, 0, 0);
    other.renew().await.unwrap();

    freezes.ensure_open().await.unwrap();
    assert_eq!(freezes.status().await.unwrap().epoch, 2);
    for _ in 0..2 {
        assert!(closed(&bound.gate.restock(STORE, "refund", &back, now()).await));
        assert!(closed(&bound.gate.adjust(STORE, &receipt, SKU, 5, now()).await));
        assert!(closed(&bound.gate.sell(STORE, order(1), now()).await));
        assert!(closed(&bound.gate.release(STORE, order(1), now()).await));
        assert!(closed(&bound.gate.reserve(STORE, order(1), &one(SKU), &PLAIN, now()).await));
    }
    assert_eq!(figures_of(&freezes, SKU).await, parts(15, 0, 0));
    // The handle that is not bound goes on.
    assert!(freezes.status().await.unwrap().open);
}

#[tokio::test]
async fn what_still_waits_to_be_told_is_never_counted_twice_after_a_rebuild() {
    let server = RedisServer::start().await;
    let database = Database::with_ten_units();
    {
        let mut snapshot = database.snapshot.lock().unwrap();
        snapshot.skus[0].2 = parts(9, 0, 1);
        snapshot.settled.extend([(STORE, order(1), true), (STORE, order(2), false)]);
    }
    let gate = open_gate(&server.url("shop:"), &database).await;
    assert_eq!(gate.sell(STORE, order(1), now()).await.unwrap(), Settled::Already);
    assert_eq!(gate.release(STORE, order(2), now()).await.unwrap(), Settled::Already);
    // What was committed later the gate must know.
    assert_eq!(gate.sell(STORE, order(3), now()).await.unwrap(), Settled::Unknown);
    assert_eq!(figures_of(&gate, SKU).await, parts(9, 0, 1));
}

#[tokio::test]
async fn units_of_a_reservation_whose_key_went_are_never_locked_for_ever() {
    let server = RedisServer::start().await;
    let database = Database::with_ten_units();
    let gate = open_gate(&server.url("shop:"), &database).await;
    for number in [1, 2] {
        gate.reserve(STORE, order(number), &one(SKU), &PLAIN, now()).await.unwrap();
        let mut evict = redis::cmd("DEL");
        evict.arg(format!("shop:{{s:1}}:1:r:{}", order(number)));
        assert_eq!(server.command(evict).await, Some(redis::Value::Int(1)));
    }
    // Nobody told of its order yet, so it must be there: the gate closes by itself.
    assert!(closed(&gate.release(STORE, order(1), now()).await));
    gate.ensure_open().await.unwrap();
    assert_eq!(gate.status().await.unwrap().epoch, 2);
    assert_eq!(figures_of(&gate, SKU).await, parts(10, 0, 0));

    // Its order is known, so it waits no longer: whoever tells of a committed change finds the loss.
    gate.reserve(STORE, order(3), &one(SKU), &PLAIN, now()).await.unwrap();
    gate.confirm(&[(STORE, order(3))]).await.unwrap();
    let mut evict = redis::cmd("DEL");
    evict.arg(format!("shop:{{s:1}}:2:r:{}", order(3)));
    server.command(evict).await.unwrap();
    let bound = gate.bound(STORE).await.unwrap().gate;
    for _ in 0..2 {
        assert_eq!(bound.release(STORE, order(3), now()).await.unwrap(), Settled::Unknown);
    }
    bound.distrust(STORE, "it does not know a committed reservation").await.unwrap();
    assert!(closed(&gate.figures(STORE, &[SKU]).await));
    gate.ensure_open().await.unwrap();
    assert_eq!(gate.status().await.unwrap().epoch, 3);
    assert_eq!(figures_of(&gate, SKU).await, parts(10, 0, 0));
    // What is bound to an epoch that is over doubts no later one.
    bound.distrust(STORE, "again").await.unwrap();
    assert_eq!(figures_of(&gate, SKU).await, parts(10, 0, 0));
}

#[tokio::test]
async fn a_server_that_begins_to_evict_closes_the_gate_and_what_it_evicted_is_never_missed() {
    let server = RedisServer::start().await;
    let database = Database::with_ten_units();
    let gate = open_gate(&server.url("shop:"), &database).await;
    let keeper = keep_open(&gate);
    gate.reserve(STORE, order(1), &one(SKU), &PLAIN, now()).await.unwrap();

    server.config("maxmemory-policy", "allkeys-random");
    server.config("maxmemory", "1");
    let started = Instant::now();
    while !closed(&gate.reserve(STORE, order(2), &one(SKU), &PLAIN, now()).await) {
        assert!(started.elapsed() < BOUND, "an evicting Redis goes unnoticed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let started = Instant::now();
    while gate.status().await.unwrap().trouble.is_none_or(|trouble| !trouble.contains("noeviction")) {
        assert!(started.elapsed() < BOUND, "nobody says why");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // It stays closed as long as keys may go.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(closed(&gate.reserve(STORE, order(2), &one(SKU), &PLAIN, now()).await));

    server.config("maxmemory", "0");
    server.config("maxmemory-policy", "noeviction");
    let GateAnswer::Reserved { epoch } = takes_again(&gate, 3).await else { panic!("ten units are there") };
    assert!(epoch > 1, "counted anew");
    assert_eq!(figures_of(&gate, SKU).await, parts(9, 1, 0));
    let started = Instant::now();
    while gate.status().await.unwrap().trouble.is_some() {
        assert!(started.elapsed() < BOUND, "the trouble is over");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    keeper.abort();
}
