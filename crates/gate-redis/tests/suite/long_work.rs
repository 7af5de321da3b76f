//! Scans, rebuilds, clearing and watching go over connections of their own, which are few and never waited for without an
//! end (docs/adr/0020).

use std::{
    collections::BTreeSet,
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use sluice_gate_redis::RedisStockGate;
use sluice_inventory::{GateAnswer, StockGate, TakenOfLimit};
use sluice_kernel::{PortError, PortResult, SkuId, StoreId, UserId};
use sluice_testkit::{TcpProxy, free_port, wait_until};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    monitor::{Monitor, names},
    server::{RedisCluster, RedisServer, Watched},
    source::{Database, LISTED, PLAIN, SKU, STORE, connect, now, one, open_gate, order, parts},
};

const BOUND: Duration = Duration::from_secs(10);
/// Far less than the second for which an answer is waited, far more than a reservation takes.
const AT_ONCE: Duration = Duration::from_millis(500);
/// What the connections of placing may carry: the calls, what a store that joins needs, and the library's own.
const OF_PLACING: [&str; 7] = ["EVALSHA", "HSETNX", "HGET", "PING", "CLIENT", "CLUSTER", "SELECT"];

/// Stores with one unit of SKU 1.
const OTHER_STORES: Range<i64> = 3..20;

/// Several stores, more than a batch of SKUs, and users who took of a limit.
fn database() -> Arc<Database> {
    let database = Database::with_ten_units();
    {
        let mut snapshot = database.snapshot.lock().unwrap();
        snapshot.skus.extend((0..1_200).map(|sku| (StoreId(2), SkuId(sku), parts(sku, 0, 0), LISTED)));
        snapshot.skus.extend(OTHER_STORES.map(|store| (StoreId(store), SkuId(1), parts(1, 0, 0), LISTED)));
        let user = |number: i64| UserId(format!("user-{number}"));
        let taken = |number| TakenOfLimit { store: STORE, sku: SKU, user: user(number), orders: 1, units: 1 };
        snapshot.taken.extend((0..1_200).map(taken));
    }
    database
}

async fn reserve(gate: &RedisStockGate, number: i64) -> PortResult<GateAnswer> {
    gate.reserve(STORE, order(number), &one(SKU), &PLAIN, now()).await
}

async fn reserves(gate: &RedisStockGate, numbers: impl Iterator<Item = i64>) {
    for number in numbers {
        let answer = reserve(gate, number).await;
        assert!(matches!(answer, Ok(GateAnswer::Reserved { .. })), "{answer:?}");
    }
}

/// Whether keys of the first epoch are there still.
fn has_old_keys(server: &RedisServer) -> bool {
    server.cli(&["EVAL", "return #redis.call('KEYS', ARGV[1])", "0", "shop:*}:1:*"]) != "0"
}

/// Everything that takes long, with reservations in between: two rebuilds, scans, watching, clearing.
async fn long_work_and_placing(url: &str, servers: &[&RedisServer]) {
    let gate = open_gate(url, &database()).await;
    reserves(&gate, 0..4).await;
    // Every node of a cluster has some of these stores, and each is asked over every connection of placing.
    for (number, store) in (100..).zip(OTHER_STORES.flat_map(|store| [store; 2])) {
        gate.reserve(StoreId(store), order(number), &one(SkuId(1)), &PLAIN, now()).await.unwrap();
    }
    assert_eq!(gate.taken(STORE).await.unwrap().len(), 1_200);
    assert_eq!(gate.unconfirmed(Duration::ZERO, 100).await.unwrap().len(), 4 + OTHER_STORES.count());
    gate.renew().await.unwrap();
    assert!(servers.iter().any(|server| has_old_keys(server)));
    reserves(&gate, 4..8).await;
    let stop = CancellationToken::new();
    let keeper = tokio::spawn({
        let (gate, stop) = (Arc::clone(&gate), stop.clone());
        async move { gate.keep_open(stop).await }
    });
    wait_until("the first epoch is cleared away", BOUND, async || !servers.iter().any(|server| has_old_keys(server))).await;
    stop.cancel();
    keeper.await.unwrap();
    gate.status().await.unwrap();
}

/// No connection that carried a reservation carried anything that takes long.
async fn keep_apart(url: &str, servers: &[&RedisServer]) {
    let mut monitors = Vec::new();
    for server in servers {
        monitors.push(Monitor::start(server).await);
    }
    long_work_and_placing(url, servers).await;

    let (mut placing, mut elsewhere) = (BTreeSet::new(), BTreeSet::new());
    for monitor in &monitors {
        for commands in monitor.by_connection().await.values() {
            let reserves = commands.iter().any(|command| command.starts_with("\"EVALSHA\"") && command.contains(":r:"));
            if reserves { &mut placing } else { &mut elsewhere }.extend(names(commands));
        }
    }
    let foreign: Vec<&String> = placing.iter().filter(|name| !OF_PLACING.contains(&name.as_str())).collect();
    assert!(foreign.is_empty(), "on a connection of placing: {foreign:?}");
    assert!(placing.contains("EVALSHA"));
    for name in ["INFO", "TIME", "SET", "INCR", "HSET", "SCRIPT", "EVALSHA", "HMGET", "HSCAN", "HKEYS", "SCAN", "UNLINK"] {
        assert!(elsewhere.contains(name), "{name} was never sent");
    }
}

#[tokio::test]
async fn no_connection_carries_both_placing_and_what_takes_long() {
    let server = RedisServer::start().await;
    keep_apart(&server.url("shop:"), &[&server]).await;
}

#[tokio::test]
async fn no_connection_carries_both_in_a_cluster() {
    let cluster = RedisCluster::start().await;
    let servers: Vec<&RedisServer> = cluster.nodes.iter().collect();
    keep_apart(&cluster.url("shop:"), &servers).await;
}

#[tokio::test]
async fn no_connection_carries_both_under_sentinel() {
    let watched = Watched::start().await;
    keep_apart(&watched.url("shop:"), &[&watched.primary]).await;
}

fn unavailable<T>(answer: &PortResult<T>) -> bool {
    matches!(answer, Err(PortError::Unavailable { .. }))
}

/// The answer to `word` is lost, and with it everything else on that connection: placing notices nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scan_or_look_that_hangs_delays_no_reservation_and_ends() {
    let server = RedisServer::start().await;
    let proxy = TcpProxy::start(server.port());
    let gate = open_gate(&format!("redis://127.0.0.1:{}?prefix=shop:", proxy.port()), &Database::with_ten_units()).await;
    reserves(&gate, 0..2).await;
    for (word, first) in [("HSCAN", 2), ("INFO", 6)] {
        proxy.lose_answers_to(word, 1);
        let hanging = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move { if word == "INFO" { gate.ensure_open().await } else { gate.taken(STORE).await.map(|_| ()) } }
        });
        wait_until("its answer is lost", BOUND, async || proxy.still_to_lose() == 0).await;
        for number in first..first + 4 {
            let asked = Instant::now();
            reserves(&gate, number..=number).await;
            assert!(asked.elapsed() < AT_ONCE, "{word} delays a reservation: {:?}", asked.elapsed());
        }
        assert!(!hanging.is_finished(), "{word} was to hang meanwhile");
        let ended = tokio::time::timeout(BOUND, hanging).await.unwrap().unwrap();
        assert!(unavailable(&ended), "{ended:?}");
        // The connection that hung is not used again.
        assert_eq!(gate.taken(STORE).await.unwrap(), []);
        gate.ensure_open().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_scan_take_turns_on_a_bounded_number_of_connections() {
    let server = RedisServer::start().await;
    let gate = open_gate(&server.url("shop:"), &database()).await;
    reserves(&gate, 0..4).await;
    let mut scans = JoinSet::new();
    for _ in 0..40 {
        let gate = Arc::clone(&gate);
        scans.spawn(async move { gate.taken(STORE).await.map(|taken| taken.len()) });
    }
    for scanned in scans.join_all().await {
        assert_eq!(scanned.unwrap(), 1_200);
    }
    // Two for placing, eight for long work, and the one that asks.
    let clients = server.cli(&["CLIENT", "LIST"]).lines().count();
    assert!(clients <= 11, "{clients} connections");
}

#[tokio::test]
async fn redis_that_cannot_be_reached_is_unavailable_in_bounded_time() {
    let server = RedisServer::start().await;
    let silent = TcpProxy::start(server.port());
    silent.black_hole();
    for port in [free_port(), silent.port()] {
        for url in [
            format!("redis://127.0.0.1:{port}"),
            format!("redis+sentinel://127.0.0.1:{port}/shop"),
            format!("redis+cluster://127.0.0.1:{port}"),
        ] {
            let gate = connect(&url, &Database::with_ten_units());
            let asked = Instant::now();
            let answer = gate.ensure_open().await;
            assert!(unavailable(&answer), "{url}: {answer:?}");
            assert!(asked.elapsed() < Duration::from_secs(3), "{url}: {:?}", asked.elapsed());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_in_a_black_hole_is_unavailable_in_bounded_time_for_everybody_and_well_again_by_itself() {
    let server = RedisServer::start().await;
    let proxy = TcpProxy::start(server.port());
    let gate = open_gate(&format!("redis://127.0.0.1:{}?prefix=shop:", proxy.port()), &database()).await;
    let scan_at_once = async |number: usize| {
        let mut scans = JoinSet::new();
        for _ in 0..number {
            let gate = Arc::clone(&gate);
            scans.spawn(async move { gate.taken(STORE).await });
        }
        scans.join_all().await
    };
    // The pool is full of connections.
    assert!(scan_at_once(8).await.iter().all(Result::is_ok));
    proxy.black_hole();
    let asked = Instant::now();
    let scanned = scan_at_once(30).await;
    assert!(scanned.iter().all(unavailable), "{scanned:?}");
    assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
    proxy.forward();
    let asked = Instant::now();
    wait_until("scans go on", BOUND, async || gate.taken(STORE).await.is_ok()).await;
    assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
}
