//! Promise P7: Redis lost, emptied, restarted or away never gives a wrong yes.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use deadpool_redis::redis;
use sluice_gate_redis::RedisStockGate;
use sluice_inventory::{GateAnswer, Settled, StockGate};
use sluice_kernel::{PortError, PortResult, StoreId};
use tokio_util::sync::CancellationToken;

use crate::{
    server::{RedisCluster, RedisServer, Watched},
    source::{Database, LISTED, PLAIN, SKU, STORE, connect, figures_of, now, one, open_gate, order, parts},
};

const BOUND: Duration = Duration::from_secs(10);

fn closed<T>(result: &PortResult<T>) -> bool {
    matches!(result, Err(PortError::GateClosed))
}

fn flush() -> redis::Cmd {
    redis::cmd("FLUSHALL")
}

#[tokio::test]
async fn a_restart_with_all_data_kept_closes_the_gate_until_it_is_rebuilt_under_a_higher_epoch() {
    let mut server = RedisServer::start().await;
    let database = Database::with_ten_units();
    let gate = open_gate(&server.url("shop:"), &database).await;
    let GateAnswer::Reserved { epoch: old } = gate.reserve(STORE, order(1), &one(SKU), &PLAIN, now()).await.unwrap() else {
        panic!("ten units are there");
    };
    assert_eq!(old, 1);

    server.stop();
    server.run().await;
    // The keys are back, the epoch among them; the scripts are not.
    let keys = server.command(redis::cmd("DBSIZE")).await.unwrap();
    assert!(matches!(keys, redis::Value::Int(keys) if keys > 0));
    let answer = gate.reserve(STORE, order(2), &one(SKU), &PLAIN, now()).await;
    assert!(closed(&answer), "{answer:?}");
    assert!(!gate.status().await.unwrap().open);
    assert!(closed(&gate.sell(STORE, order(1), now()).await));
    assert!(closed(&gate.figures(STORE, &[SKU]).await));

    gate.ensure_open().await.unwrap();
    let status = gate.status().await.unwrap();
    assert!(status.open && status.epoch > old, "{status:?}");
    assert_eq!(database.epoch_now(), (status.epoch, true));
    // The order of the first reservation never came: the snapshot does not hold it.
    assert_eq!(figures_of(&gate, SKU).await, parts(10, 0, 0));
    let again = gate.reserve(STORE, order(1), &one(SKU), &PLAIN, now()).await.unwrap();
    assert_eq!(again, GateAnswer::Reserved { epoch: status.epoch });
}

#[tokio::test]
async fn an_emptied_server_closes_the_gate_though_its_scripts_are_still_loaded() {
    let server = RedisServer::start().await;
    let gate = open_gate(&server.url("shop:"), &Database::with_ten_units()).await;
    server.command(flush()).await.unwrap();
    // Nothing may come back to life either: a store whose keys went is not a store that is new.
    for _ in 0..3 {
        assert!(closed(&gate.reserve(STORE, order(1), &one(SKU), &PLAIN, now()).await));
        assert!(closed(&gate.set_listing(STORE, SKU, LISTED).await));
        assert!(closed(&gate.release(StoreId(77), order(9), now()).await));
    }
    gate.ensure_open().await.unwrap();
    assert_eq!(gate.status().await.unwrap().epoch, 2);
    assert_eq!(figures_of(&gate, SKU).await, parts(10, 0, 0));
}

#[tokio::test]
async fn a_store_that_lost_its_keys_closes_the_gate_though_everything_else_stands() {
    let server = RedisServer::start().await;
    let gate = open_gate(&server.url("shop:"), &Database::with_ten_units()).await;
    let mut remove = redis::cmd("DEL");
    remove.arg("shop:{s:1}:1:stock");
    assert_eq!(server.command(remove).await, Some(redis::Value::Int(1)));
    assert!(closed(&gate.reserve(STORE, order(1), &one(SKU), &PLAIN, now()).await));
    gate.ensure_open().await.unwrap();
    assert_eq!(gate.status().await.unwrap().epoch, 2);
    assert_eq!(figures_of(&gate, SKU).await, parts(10, 0, 0));
}

#[tokio::test]
async fn a_cluster_node_that_restarts_closes_the_gate() {
    let mut cluster = RedisCluster::start().await;
    let gate = open_gate(&cluster.url("shop:"), &Database::with_ten_units()).await;
    assert!(matches!(gate.reserve(STORE, order(1), &one(SKU), &PLAIN, now()).await, Ok(GateAnswer::Reserved { epoch: 1 })));
    for node in &mut cluster.nodes {
        node.stop();
        node.run().await;
    }
    comes_back_rebuilt(&gate).await;
}

/// Away, then closed, then rebuilt: never an answer in between.
async fn comes_back_rebuilt(gate: &RedisStockGate) {
    let started = Instant::now();
    loop {
        match gate.reserve(STORE, order(2), &one(SKU), &PLAIN, now()).await {
            Err(PortError::GateClosed) => break,
            Err(PortError::Unavailable { .. }) => assert!(started.elapsed() < BOUND),
            answer => panic!("a wrong answer: {answer:?}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    while let Err(error) = gate.ensure_open().await {
        assert!(started.elapsed() < 2 * BOUND, "{error:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(gate.status().await.unwrap().epoch > 1);
    assert_eq!(figures_of(gate, SKU).await, parts(10, 0, 0));
}

#[tokio::test]
async fn a_promoted_replica_closes_the_gate() {
    let mut watched = Watched::start().await;
    let gate = open_gate(&watched.url("shop:"), &Database::with_ten_units()).await;
    assert!(matches!(gate.reserve(STORE, order(1), &one(SKU), &PLAIN, now()).await, Ok(GateAnswer::Reserved { epoch: 1 })));
    watched.primary.stop();
    comes_back_rebuilt(&gate).await;
}

#[tokio::test]
async fn a_server_that_is_away_is_unavailable_in_bounded_time_and_found_again() {
    let mut server = RedisServer::start().await;
    let gate = open_gate(&server.url("shop:"), &Database::with_ten_units()).await;
    let stop = CancellationToken::new();
    let keeper = tokio::spawn({
        let (gate, stop) = (Arc::clone(&gate), stop.clone());
        async move { gate.keep_open(stop).await }
    });
    server.stop();
    let started = Instant::now();
    for _ in 0..5 {
        let answer = gate.reserve(STORE, order(1), &one(SKU), &PLAIN, now()).await;
        assert!(matches!(answer, Err(PortError::Unavailable { .. })), "{answer:?}");
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());

    server.run().await;
    let started = Instant::now();
    while !matches!(gate.reserve(STORE, order(1), &one(SKU), &PLAIN, now()).await, Ok(GateAnswer::Reserved { epoch: 2 })) {
        assert!(started.elapsed() < BOUND, "the gate is not found again");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.cancel();
    keeper.await.unwrap();
}

#[tokio::test]
async fn a_server_that_hangs_is_unavailable_in_bounded_time_and_keeps_the_epoch() {
    let server = RedisServer::start().await;
    let gate = open_gate(&server.url("shop:"), &Database::with_ten_units()).await;
    let mut pause = redis::cmd("CLIENT");
    pause.arg("PAUSE").arg(1_500).arg("ALL");
    server.command(pause).await.unwrap();
    let started = Instant::now();
    let answer = gate.reserve(STORE, order(1), &one(SKU), &PLAIN, now()).await;
    assert!(matches!(answer, Err(PortError::Unavailable { .. })), "{answer:?}");
    assert!(started.elapsed() < Duration::from_millis(1_400), "{:?}", started.elapsed());
    // The answer was lost; the id tells.
    let answer = loop {
        match gate.reserve(STORE, order(1), &one(SKU), &PLAIN, now()).await {
            Err(PortError::Unavailable { .. }) => assert!(started.elapsed() < BOUND),
            answer => break answer.unwrap(),
        }
    };
    assert_eq!(answer, GateAnswer::Reserved { epoch: 1 });
    assert_eq!(figures_of(&gate, SKU).await, parts(9, 1, 0));
}

#[tokio::test]
async fn nothing_is_answered_before_the_gate_was_opened() {
    let server = RedisServer::start().await;
    let database = Database::with_ten_units();
    let gate = connect(&server.url("shop:"), &database);
    assert!(closed(&gate.reserve(STORE, order(1), &one(SKU), &PLAIN, now()).await));
    gate.ensure_open().await.unwrap();
    assert_eq!(gate.sell(STORE, order(1), now()).await.unwrap(), Settled::Unknown);
}
