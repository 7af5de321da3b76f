//! A Redis that refuses for now is unavailable, says why, and is used again by itself once the cause is gone.

use std::{
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use deadpool_redis::redis;
use sluice_gate_redis::RedisStockGate;
use sluice_inventory::{GateAnswer, GateSource as _, StockGate};
use sluice_kernel::{Clock as _, ManualClock, PortError, SystemClock};
use tokio_util::sync::CancellationToken;

use crate::{
    server::RedisServer,
    source::{Database, PLAIN, SKU, STORE, figures_of, now, one, open_gate, order, parts},
};

const BOUND: Duration = Duration::from_secs(10);

/// A gate that is watched over, and has one reservation.
async fn watched(server: &RedisServer) -> Arc<RedisStockGate> {
    let gate = open_gate(&server.url("shop:"), &Database::with_ten_units()).await;
    gate.reserve(STORE, order(1), &one(SKU), &PLAIN, now()).await.unwrap();
    let keeper = Arc::clone(&gate);
    tokio::spawn(async move { keeper.keep_open(CancellationToken::new()).await });
    gate
}

/// Refuses for now, bounded, and names `word` as the cause; never a defect.
async fn is_unavailable(gate: &RedisStockGate, word: &str) {
    for number in 10..15 {
        let asked = Instant::now();
        let answer = gate.reserve(STORE, order(number), &one(SKU), &PLAIN, now()).await;
        assert!(matches!(answer, Err(PortError::Unavailable { .. } | PortError::GateClosed)), "{answer:?}");
        assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    }
    let started = Instant::now();
    loop {
        let said = match gate.status().await {
            Ok(status) => status.trouble.unwrap_or_default(),
            Err(error) => format!("{error}: {}", std::error::Error::source(&error).unwrap()),
        };
        if said.contains(word) {
            return;
        }
        assert!(started.elapsed() < BOUND, "{word} is not named: {said}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// By itself; nine units are left, or ten where the first reservation, which has no order, went with a rebuild.
async fn works_again(gate: &RedisStockGate) {
    let started = Instant::now();
    while !matches!(gate.reserve(STORE, order(20), &one(SKU), &PLAIN, now()).await, Ok(GateAnswer::Reserved { .. })) {
        assert!(started.elapsed() < BOUND, "it does not work again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let expected = if gate.status().await.unwrap().epoch == 1 { parts(8, 2, 0) } else { parts(9, 1, 0) };
    assert_eq!(figures_of(gate, SKU).await, expected);
}

#[tokio::test]
async fn a_password_that_is_asked_at_run_time_is_never_a_defect() {
    let server = RedisServer::start().await;
    let gate = watched(&server).await;
    server.config("requirepass", "secret");
    server.cli(&["-a", "secret", "CLIENT", "KILL", "TYPE", "normal"]);
    is_unavailable(&gate, "uthentication").await;
    server.cli(&["-a", "secret", "CONFIG", "SET", "requirepass", ""]);
    works_again(&gate).await;
}

#[tokio::test]
async fn a_permission_that_is_taken_at_run_time_is_never_a_defect() {
    let server = RedisServer::start().await;
    let gate = watched(&server).await;
    server.cli(&["ACL", "SETUSER", "default", "-evalsha", "-set"]);
    is_unavailable(&gate, "permission").await;
    server.cli(&["ACL", "SETUSER", "default", "+@all"]);
    works_again(&gate).await;
}

#[tokio::test]
async fn a_full_server_is_never_a_defect() {
    let server = RedisServer::start().await;
    let gate = watched(&server).await;
    server.config("maxmemory", "1");
    is_unavailable(&gate, "full").await;
    server.config("maxmemory", "0");
    works_again(&gate).await;
}

#[tokio::test]
async fn a_server_that_became_a_replica_is_never_a_defect() {
    let server = RedisServer::start().await;
    let gate = watched(&server).await;
    server.cli(&["REPLICAOF", "127.0.0.1", "1"]);
    is_unavailable(&gate, "read-only").await;
    server.cli(&["REPLICAOF", "NO", "ONE"]);
    works_again(&gate).await;
}

#[tokio::test]
async fn a_server_without_enough_replicas_is_never_a_defect() {
    let server = RedisServer::start().await;
    let gate = watched(&server).await;
    server.config("min-replicas-to-write", "1");
    is_unavailable(&gate, "NOREPLICAS").await;
    server.config("min-replicas-to-write", "0");
    works_again(&gate).await;
}

#[tokio::test]
async fn a_server_that_is_busy_with_a_script_is_never_a_defect() {
    let server = RedisServer::start().await;
    let gate = watched(&server).await;
    server.config("busy-reply-threshold", "10");
    let port = server.url("").split(':').nth(2).unwrap().split('?').next().unwrap().to_owned();
    let mut busy =
        Command::new("redis-cli").args(["-p", &port, "EVAL", "while true do end", "0"]).stdout(Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while !server.cli(&["PING"]).contains("BUSY") {
        assert!(started.elapsed() < BOUND);
    }
    is_unavailable(&gate, "").await;
    assert_eq!(server.cli(&["SCRIPT", "KILL"]), "OK");
    busy.wait().unwrap();
    works_again(&gate).await;
}

#[tokio::test]
async fn somebody_elses_data_under_the_gates_name_is_a_doubt_and_never_a_defect() {
    let server = RedisServer::start().await;
    let gate = watched(&server).await;
    let mut overwrite = redis::cmd("SET");
    overwrite.arg("shop:{s:1}:1:stock").arg("something else");
    server.command(overwrite).await.unwrap();
    let answer = gate.reserve(STORE, order(2), &one(SKU), &PLAIN, now()).await;
    assert!(matches!(answer, Err(PortError::GateClosed)), "{answer:?}");
    works_again(&gate).await;
    assert_eq!(gate.status().await.unwrap().epoch, 2);
}

/// The clock of Redis decides; what a process refuses ahead of it is refused by the same clock.
#[tokio::test]
async fn a_process_whose_clock_is_off_tells_the_time_of_redis() {
    let server = RedisServer::start().await;
    let database = Database::with_ten_units();
    assert_eq!(database.epoch().await.unwrap(), (0, false));
    for (ahead, hour) in [(false, Duration::from_hours(1)), (true, Duration::from_hours(1))] {
        let real = SystemClock.now();
        let clock = Arc::new(ManualClock::at(if ahead { real.plus(hour) } else { real.minus(hour) }));
        let gate = RedisStockGate::connect(&server.url("shop:"), Arc::<Database>::clone(&database), clock.clone()).unwrap();
        gate.ensure_open().await.unwrap();
        let told = gate.instant(clock.now()).as_millis() - SystemClock.now().as_millis();
        assert!(told.abs() < 10_000, "{told} ms off");
    }
}
