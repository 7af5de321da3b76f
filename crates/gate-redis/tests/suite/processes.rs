//! Several processes on one Redis: one rebuilds, the others follow, and none works under an epoch that is over.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use deadpool_redis::redis;
use sluice_inventory::{GateAnswer, GateSource, StockGate};
use sluice_kernel::{PortError, StoreId};

use crate::{
    server::RedisServer,
    source::{Database, LISTED, PLAIN, SKU, STORE, connect, figures_of, now, one, open_gate, order, parts},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_start_together_rebuild_once_and_share_the_units() {
    let server = RedisServer::start().await;
    let database = Database::with_ten_units();
    let url = server.url("shop:");
    let (one_gate, other_gate) = tokio::join!(open_gate(&url, &database), open_gate(&url, &database));
    assert_eq!(database.epoch_now(), (1, true));
    let mut reserved = 0;
    for number in 0..20 {
        let gate = if number % 2 == 0 { &one_gate } else { &other_gate };
        let answer = gate.reserve(STORE, order(number), &one(SKU), &PLAIN, now()).await.unwrap();
        reserved += i64::from(answer == GateAnswer::Reserved { epoch: 1 });
    }
    assert_eq!(reserved, 10);
    // What one process held the other one sees.
    assert!(matches!(other_gate.reserve(STORE, order(0), &one(SKU), &PLAIN, now()).await, Ok(GateAnswer::Reserved { .. })));
    assert_eq!(figures_of(&other_gate, SKU).await, parts(0, 10, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_meet_a_new_store_at_once_keep_the_gate_open() {
    let server = RedisServer::start().await;
    let database = Database::with_ten_units();
    let url = server.url("shop:");
    let gates = [open_gate(&url, &database).await, open_gate(&url, &database).await, open_gate(&url, &database).await];
    for store in (100..400).map(StoreId) {
        let told = gates.each_ref().map(|gate| gate.set_listing(store, SKU, LISTED));
        for answer in futures_util::future::join_all(told).await {
            answer.unwrap_or_else(|error| panic!("store {store}: {error}"));
        }
    }
    assert_eq!(database.epoch_now(), (1, true));
}

#[tokio::test]
async fn a_process_that_did_not_hear_of_the_new_epoch_can_do_nothing_under_the_old_one() {
    let server = RedisServer::start().await;
    let database = Database::with_ten_units();
    let url = server.url("shop:");
    let (rebuilds, lags) = (open_gate(&url, &database).await, open_gate(&url, &database).await);
    assert!(matches!(lags.reserve(STORE, order(1), &one(SKU), &PLAIN, now()).await, Ok(GateAnswer::Reserved { epoch: 1 })));

    assert_eq!(database.close(1).await.unwrap(), Some(2));
    rebuilds.ensure_open().await.unwrap();
    assert_eq!(database.epoch_now(), (3, true));
    // It believes that the gate is open, and its scripts are still loaded.
    assert!(lags.status().await.unwrap().open);
    for attempt in 0..2 {
        let answer = lags.release(STORE, order(1), now()).await;
        assert!(matches!(answer, Err(PortError::GateClosed)), "{attempt}: {answer:?}");
    }
    assert_eq!(figures_of(&rebuilds, SKU).await, parts(10, 0, 0));

    lags.ensure_open().await.unwrap();
    assert_eq!(database.epoch_now(), (3, true), "it follows and does not rebuild");
    assert!(matches!(lags.reserve(STORE, order(2), &one(SKU), &PLAIN, now()).await, Ok(GateAnswer::Reserved { epoch: 3 })));
}

#[tokio::test]
async fn a_rebuild_whose_process_died_is_taken_over() {
    let server = RedisServer::start().await;
    let database = Database::with_ten_units();
    let url = server.url("shop:");
    database.stalls.store(true, Ordering::SeqCst);
    let dies = tokio::spawn({
        let gate = connect(&url, &database);
        async move { gate.ensure_open().await }
    });
    database.stalled.notified().await;
    dies.abort();
    assert!(dies.await.unwrap_err().is_cancelled());
    assert_eq!(database.epoch_now(), (1, false));

    let started = Instant::now();
    let gate = open_gate(&url, &database).await;
    assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());
    assert_eq!(database.epoch_now(), (2, true));
    assert_eq!(figures_of(&gate, SKU).await, parts(10, 0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_in_progress_is_waited_for_and_one_that_was_overtaken_changes_nothing() {
    let server = RedisServer::start().await;
    let database = Database::with_ten_units();
    let url = server.url("shop:");
    database.stalls.store(true, Ordering::SeqCst);
    let slow = connect(&url, &database);
    let rebuilding = tokio::spawn({
        let slow = Arc::clone(&slow);
        async move { slow.ensure_open().await }
    });
    database.stalled.notified().await;
    let waits = tokio::time::timeout(Duration::from_millis(3_500), open_gate(&url, &database)).await;
    assert!(waits.is_err(), "a living rebuild is not overtaken");

    // As if its signs of life had stopped: the lease is gone.
    let mut forget = redis::cmd("DEL");
    forget.arg("shop:{gate}:lease");
    server.command(forget).await.unwrap();
    let fast = open_gate(&url, &database).await;
    assert_eq!(database.epoch_now(), (2, true));
    assert!(matches!(fast.reserve(STORE, order(1), &one(SKU), &PLAIN, now()).await, Ok(GateAnswer::Reserved { epoch: 2 })));

    database.resume.notify_one();
    rebuilding.await.unwrap().unwrap();
    assert_eq!(database.epoch_now(), (2, true));
    assert_eq!(figures_of(&fast, SKU).await, parts(9, 1, 0));
    // The slow one follows and sees the same.
    assert_eq!(figures_of(&slow, SKU).await, parts(9, 1, 0));
}

#[tokio::test]
async fn gates_with_different_prefixes_leave_each_other_alone() {
    let server = RedisServer::start().await;
    let (here, there) = (Database::with_ten_units(), Database::with_ten_units());
    let (mine, theirs) = (open_gate(&server.url("here:"), &here).await, open_gate(&server.url("there:"), &there).await);
    assert!(matches!(theirs.reserve(STORE, order(1), &one(SKU), &PLAIN, now()).await, Ok(GateAnswer::Reserved { epoch: 1 })));
    assert_eq!(here.close(1).await.unwrap(), Some(2));
    mine.ensure_open().await.unwrap();
    assert_eq!(figures_of(&mine, SKU).await, parts(10, 0, 0));
    assert_eq!(figures_of(&theirs, SKU).await, parts(9, 1, 0));
    assert_eq!(there.epoch_now(), (1, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_during_which_the_server_restarts_starts_over() {
    let mut server = RedisServer::start().await;
    let database = Database::with_ten_units();
    database.stalls.store(true, Ordering::SeqCst);
    let gate = connect(&server.url("shop:"), &database);
    let rebuilding = tokio::spawn({
        let gate = Arc::clone(&gate);
        async move { gate.ensure_open().await }
    });
    database.stalled.notified().await;
    server.stop();
    server.run().await;
    database.resume.notify_one();
    rebuilding.await.unwrap().unwrap();
    // What was loaded under the first epoch may have been cut off.
    assert_eq!(database.epoch_now(), (2, true));
    assert_eq!(figures_of(&gate, SKU).await, parts(10, 0, 0));
}
