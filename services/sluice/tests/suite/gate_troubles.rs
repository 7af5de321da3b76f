//! A Redis that evicts, is full, became a replica or asks for a password: 503 meanwhile, never a 500, readiness names
//! the cause, and everything is as before once the cause is gone.
//!
//! One shop with a Redis of its own; the tests take turns with it.

use std::time::Duration;

use serde_json::Value;
use sluice_testkit::{Redis, wait_for};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::floor;
use crate::load::{Load, expect_everything_there, expect_only};
use crate::world::{Profile, Storefront, World};

const UNITS: i64 = 10_000;
const RECOVERY: Duration = Duration::from_secs(30);
const GATE_REFUSALS: [(u16, &str); 2] = [(503, "stock_gate_closed"), (503, "unavailable")];

struct Site {
    world: World,
    redis: Redis,
}

static SITE: OnceCell<Mutex<Site>> = OnceCell::const_new();

async fn site() -> MutexGuard<'static, Site> {
    let start = async || {
        let redis = Redis::start().await;
        Mutex::new(Site { world: Profile::Redis.plan().setting("gate.url", redis.url()).start().await, redis })
    };
    SITE.get_or_init(start).await.lock().await
}

/// Until `/readyz` says this of the gate: the status, and a word of its detail.
async fn gate_is(storefront: &Storefront, status: u16, word: &str) {
    wait_for(&format!("/readyz says {status} and {word}"), RECOVERY, async || {
        let answer = storefront.nobody().send("GET", "/readyz", &[], None).await;
        let gate = answer.body["parts"].as_array()?.iter().find(|part| part["name"] == "gate").map(Value::to_string)?;
        (answer.status == status && gate.contains(word)).then_some(())
    })
    .await;
}

/// Orders under load while Redis is troubled and afterwards.
async fn survives(word: &str, trouble: impl Fn(&Redis), end: impl Fn(&Redis)) {
    let _floor = floor::among_others().await;
    let site = site().await;
    let storefront = site.world.storefront();
    let skus = [storefront.add_product(UNITS).await.sku, storefront.add_product(UNITS).await.sku];
    let load = Load::start(std::slice::from_ref(&storefront), &skus, 6);
    load.more_orders(20).await;
    trouble(&site.redis);
    load.more_refusals(12).await;
    gate_is(&storefront, 503, word).await;
    end(&site.redis);
    load.more_orders(12).await;
    let sent = load.stop().await;
    expect_only(&sent, &GATE_REFUSALS);
    gate_is(&storefront, 200, "redis, epoch").await;
    expect_everything_there(&sent, &storefront, &skus, UNITS).await;
    site.world.reconciles_within(RECOVERY).await;
    let letters = storefront.staff().get("/admin/dead-letters").await.expect_status(200);
    assert_eq!(letters.body["data"].as_array().map(Vec::len), Some(0), "{}", letters.body);
}

#[tokio::test]
async fn an_evicting_redis_never_leaves_units_locked() {
    let evicts = |redis: &Redis| {
        redis.command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-random"]);
        redis.command(&["CONFIG", "SET", "maxmemory", "1"]);
        redis.command(&["CONFIG", "SET", "maxmemory", "100mb"]);
    };
    let keeps = |redis: &Redis| {
        redis.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
        redis.command(&["CONFIG", "SET", "maxmemory", "0"]);
    };
    survives("noeviction", evicts, keeps).await;
}

#[tokio::test]
async fn a_full_redis_is_never_a_defect() {
    let full = |redis: &Redis| {
        redis.command(&["CONFIG", "SET", "maxmemory", "1"]);
    };
    let roomy = |redis: &Redis| {
        redis.command(&["CONFIG", "SET", "maxmemory", "0"]);
    };
    survives("full", full, roomy).await;
}

#[tokio::test]
async fn a_redis_that_became_a_replica_is_never_a_defect() {
    let replica = |redis: &Redis| {
        redis.command(&["REPLICAOF", "127.0.0.1", "1"]);
    };
    let master = |redis: &Redis| {
        redis.command(&["REPLICAOF", "NO", "ONE"]);
    };
    survives("read-only", replica, master).await;
}

#[tokio::test]
async fn a_redis_that_asks_for_a_password_at_run_time_is_never_a_defect() {
    let locked = |redis: &Redis| {
        redis.command(&["CONFIG", "SET", "requirepass", "secret"]);
        redis.command(&["-a", "secret", "CLIENT", "KILL", "TYPE", "normal"]);
    };
    let open = |redis: &Redis| {
        redis.command(&["-a", "secret", "CONFIG", "SET", "requirepass", ""]);
    };
    survives("uthentication", locked, open).await;
}
