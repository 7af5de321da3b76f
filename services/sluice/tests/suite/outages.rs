//! Processes and servers die under load, and come back; nobody else is restarted.
//!
//! One shop with the Redis gate on servers of its own; the tests take turns with it.

use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

use serde_json::Value;
use sluice_testkit::{Database, Kafka, MariaDb, Redis, unique_name, wait_for};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::callbacks::{notice, tell};
use crate::floor;
use crate::load::{Load, expect_everything_there, expect_only};
use crate::world::{Profile, SOON, Storefront, World};

const UNITS: i64 = 10_000;
/// Faults that stopped are forgotten within this time.
const RECOVERY: Duration = Duration::from_secs(30);

struct Site {
    world: World,
    mariadb: MariaDb,
    redis: Redis,
    kafka: Kafka,
    _database: Database,
}

static SITE: OnceCell<Mutex<Site>> = OnceCell::const_new();

/// A test's turn; tells what the processes wrote when the test fails.
struct Turn(MutexGuard<'static, Site>);

impl Deref for Turn {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.0
    }
}

impl DerefMut for Turn {
    fn deref_mut(&mut self) -> &mut Site {
        &mut self.0
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.world.tell_logs();
        }
    }
}

async fn site() -> Turn {
    let start = async || {
        let (mariadb, redis, kafka) = tokio::join!(MariaDb::start(), Redis::start(), Kafka::start());
        let database = mariadb.fresh_database();
        let plan = Profile::Redis
            .plan()
            .setting("database.url", database.url())
            .setting("gate.url", redis.url())
            .setting("bus.url", kafka.url());
        Mutex::new(Site { world: plan.start().await, mariadb, redis, kafka, _database: database })
    };
    Turn(SITE.get_or_init(start).await.lock().await)
}

async fn readiness(storefront: &Storefront) -> (u16, Value) {
    let answer = storefront.nobody().send("GET", "/readyz", &[], None).await;
    (answer.status, answer.body)
}

fn state_of(readiness: &Value, part: &str) -> String {
    let parts = readiness["parts"].as_array().unwrap();
    parts.iter().find(|known| known["name"] == part).unwrap()["state"].as_str().unwrap().to_owned()
}

async fn becomes(storefront: &Storefront, status: &str) {
    wait_for(&format!("/readyz says {status}"), RECOVERY, async || {
        (readiness(storefront).await.1["status"] == status).then_some(())
    })
    .await;
}

async fn outbox_empties(storefront: &Storefront) {
    wait_for("the outbox empties", RECOVERY, async || {
        let outbox = storefront.staff().get("/admin/outbox").await;
        (outbox.status == 200 && outbox.number("/pending") == 0).then_some(())
    })
    .await;
}

async fn stock_up(site: &Site) -> [String; 2] {
    [site.world.storefront().add_product(UNITS).await.sku, site.world.storefront().add_product(UNITS).await.sku]
}

#[tokio::test]
async fn an_api_process_killed_under_load_loses_nothing() {
    let _floor = floor::alone().await;
    let mut site = site().await;
    let skus = stock_up(&site).await;
    let load = Load::start(&[site.world.storefront()], &skus, 8);
    load.more_orders(40).await;
    site.world.apis[0].kill9();
    let mut sent = load.stop().await;
    site.world.apis[0].restart().await;
    let load = Load::start(&[site.world.storefront()], &skus, 4);
    load.more_orders(10).await;
    sent.extend(load.stop().await);
    expect_only(&sent, &[]);
    expect_everything_there(&sent, &site.world.storefront(), &skus, UNITS).await;
    site.world.reconciles_within(RECOVERY).await;
}

#[tokio::test]
async fn a_worker_killed_under_load_is_made_up_for() {
    let _floor = floor::alone().await;
    let mut site = site().await;
    let skus = stock_up(&site).await;
    let load = Load::start(&[site.world.storefront()], &skus, 8);
    for _ in 0..2 {
        load.more_orders(30).await;
        site.world.workers[0].kill9();
        load.more_orders(10).await; // orders need no worker
        site.world.workers[0].restart().await;
    }
    let sent = load.stop().await;
    expect_only(&sent, &[]);
    expect_everything_there(&sent, &site.world.storefront(), &skus, UNITS).await;
    outbox_empties(&site.world.storefront()).await;
    site.world.reconciles_within(RECOVERY).await;
}

#[tokio::test]
async fn redis_killed_closes_the_gate_until_it_is_back() {
    let _floor = floor::alone().await;
    let site = site().await;
    let storefront = site.world.storefront();
    let skus = stock_up(&site).await;
    let load = Load::start(std::slice::from_ref(&storefront), &skus, 8);
    load.more_orders(30).await;
    site.redis.kill().await;
    load.more_refusals(8).await;
    becomes(&storefront, "not_ready").await; // a look answers for others within a second
    let (status, body) = readiness(&storefront).await;
    assert_eq!((status, state_of(&body, "gate").as_str()), (503, "down"), "{body}");
    assert_eq!(body["status"], "not_ready");
    let refused = storefront.somebody().place(&[(&skus[0], 1)]).await;
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert!(matches!(refused.code(), "stock_gate_closed" | "unavailable") && refused.header("retry-after").is_some());
    assert_eq!(storefront.nobody().send("GET", "/livez", &[], None).await.status, 200, "liveness asks nobody");

    site.redis.restart().await;
    becomes(&storefront, "ready").await;
    load.more_orders(10).await;
    let sent = load.stop().await;
    expect_only(&sent, &[(503, "stock_gate_closed"), (503, "unavailable")]);
    expect_everything_there(&sent, &storefront, &skus, UNITS).await;
    site.world.reconciles_within(RECOVERY).await;
}

#[tokio::test]
async fn orders_go_on_while_kafka_is_away() {
    let _floor = floor::alone().await;
    let site = site().await;
    let storefront = site.world.storefront();
    let skus = stock_up(&site).await;
    site.kafka.kill().await;
    let load = Load::start(std::slice::from_ref(&storefront), &skus, 8);
    load.more_orders(40).await;
    let sent = load.stop().await;
    expect_only(&sent, &[]);
    becomes(&storefront, "degraded").await;
    let (status, body) = readiness(&storefront).await;
    assert_eq!((status, state_of(&body, "bus").as_str()), (200, "degraded"), "{body}");
    let outbox = storefront.staff().get("/admin/outbox").await.expect_status(200);
    assert!(outbox.number("/pending") >= 40, "the outbox waits: {}", outbox.body);

    site.kafka.restart().await;
    becomes(&storefront, "ready").await;
    outbox_empties(&storefront).await;
    expect_everything_there(&sent, &storefront, &skus, UNITS).await;
    site.world.reconciles_within(RECOVERY).await;
}

#[tokio::test]
async fn mariadb_away_is_503_and_recovers_without_a_restart() {
    let _floor = floor::alone().await;
    let site = site().await;
    let storefront = site.world.storefront();
    let skus = stock_up(&site).await;
    let load = Load::start(std::slice::from_ref(&storefront), &skus, 8);
    load.more_orders(30).await;
    site.mariadb.kill().await;
    load.more_refusals(8).await;
    let asked = Instant::now();
    let refused = storefront
        .somebody()
        .post_with_key("/orders", &unique_name("key"), serde_json::json!({"items": [{"sku_id": skus[0], "quantity": 1}]}))
        .await;
    assert_eq!((refused.status, refused.code()), (503, "unavailable"), "{}", refused.body);
    assert!(refused.header("retry-after").is_some());
    assert!(asked.elapsed() < Duration::from_secs(10), "a refusal after {:?}", asked.elapsed());
    let read = storefront.somebody().get("/orders").await;
    assert_eq!((read.status, read.code()), (503, "unavailable"), "{}", read.body);
    becomes(&storefront, "not_ready").await;
    let (status, body) = readiness(&storefront).await;
    assert_eq!((status, state_of(&body, "database").as_str()), (503, "down"), "{body}");
    assert_eq!(storefront.nobody().send("GET", "/livez", &[], None).await.status, 200, "liveness asks nobody");

    site.mariadb.restart().await;
    becomes(&storefront, "ready").await;
    load.more_orders(10).await;
    let sent = load.stop().await;
    expect_only(&sent, &[(503, "unavailable"), (503, "stock_gate_closed")]);
    expect_everything_there(&sent, &storefront, &skus, UNITS).await;
    outbox_empties(&storefront).await;
    site.world.reconciles_within(RECOVERY).await;
}

/// Neither lost nor for ever: whoever waits is answered within bounds when a server is silent instead of gone.
#[tokio::test]
async fn a_silent_redis_is_no_reason_to_wait_for_ever() {
    let _floor = floor::alone().await;
    let site = site().await;
    let storefront = site.world.storefront();
    let skus = stock_up(&site).await;
    site.redis.pause();
    let asked = Instant::now();
    let refused = storefront.somebody().place(&[(&skus[0], 1)]).await;
    site.redis.resume();
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert!(asked.elapsed() < Duration::from_secs(10), "a refusal after {:?}", asked.elapsed());
    becomes(&storefront, "ready").await;
    let buyer = storefront.somebody();
    let order = buyer.place(&[(&skus[0], 1)]).await.expect_status(201);
    let _ = buyer.pay(&order).await.expect_status(200);
    buyer.wait_for_status(&order.order_no(), "paid", SOON).await;
    // The refused one holds nothing: its reservation, if it came through, is swept.
    storefront.expect_stock_within(&skus[0], [UNITS - 1, 0, 1, UNITS], Duration::from_mins(1)).await;
    site.world.reconciles_within(RECOVERY).await;
}

/// Money for a closed order needs the gate; money for open orders does not, and is not held up by it.
#[tokio::test]
async fn one_late_payment_waits_for_the_gate_and_no_other_payment_does() {
    let _floor = floor::alone().await;
    let site = site().await;
    let storefront = site.world.storefront();
    let skus = stock_up(&site).await;
    let late_buyer = storefront.somebody();
    let late = late_buyer.place(&[(&skus[0], 1)]).await.expect_status(201);
    let _ = late_buyer.cancel(&late.order_no()).await.expect_status(200);
    let mut orders = Vec::new();
    for _ in 0..5 {
        let buyer = storefront.somebody();
        let order = buyer.place(&[(&skus[1], 1)]).await.expect_status(201);
        orders.push((buyer, order));
    }
    site.redis.kill().await;
    let told = tell(&late_buyer, &notice(&late, "paid")).await;
    assert!((200..300).contains(&told.status), "{} {}", told.status, told.body);
    for (buyer, order) in &orders {
        let _ = buyer.pay(order).await.expect_status(200);
        buyer.wait_for_status(&order.order_no(), "paid", SOON).await;
    }
    assert_eq!(late_buyer.order(&late.order_no()).await.text("/status"), "cancelled", "its units cannot be taken yet");
    assert_eq!(
        storefront.staff().get("/admin/dead-letters").await.body["data"],
        serde_json::json!([]),
        "what passes makes no dead letter"
    );

    site.redis.restart().await;
    becomes(&storefront, "ready").await;
    late_buyer.wait_for_status(&late.order_no(), "paid", RECOVERY).await;
    site.world.reconciles_within(RECOVERY).await;
}

#[tokio::test]
async fn a_redis_that_comes_back_empty_is_counted_anew() {
    let _floor = floor::alone().await;
    let site = site().await;
    let storefront = site.world.storefront();
    let skus = stock_up(&site).await;
    let load = Load::start(std::slice::from_ref(&storefront), &skus, 8);
    load.more_orders(30).await;
    site.redis.restart_empty().await;
    load.more_orders(10).await;
    let sent = load.stop().await;
    expect_only(&sent, &[(503, "stock_gate_closed"), (503, "unavailable")]);
    expect_everything_there(&sent, &storefront, &skus, UNITS).await;
    site.world.reconciles_within(RECOVERY).await;
}

#[tokio::test]
async fn a_redis_that_comes_back_with_old_data_sells_nothing_twice() {
    let _floor = floor::alone().await;
    let site = site().await;
    let storefront = site.world.storefront();
    let product = storefront.add_product(10).await;
    let before = site.redis.copy_data();
    for _ in 0..10 {
        let _ = storefront.somebody().place(&[(&product.sku, 1)]).await.expect_status(201);
    }
    site.redis.restart_from(&before).await;
    let answer = wait_for("the gate decides again", RECOVERY, async || {
        let answer = storefront.somebody().place(&[(&product.sku, 1)]).await;
        (answer.status != 503).then_some(answer)
    })
    .await;
    assert_eq!((answer.status, answer.code()), (409, "insufficient_stock"), "ten units were sold already: {}", answer.body);
    storefront.expect_stock(&product.sku, [0, 10, 0, 10]).await;
    site.world.reconciles_within(RECOVERY).await;
}

#[tokio::test]
async fn reconcile_finds_a_difference_at_the_gate_and_repairs_it() {
    let _floor = floor::alone().await;
    let site = site().await;
    let storefront = site.world.storefront();
    let product = storefront.add_product(10).await;
    let _ = storefront.somebody().place(&[(&product.sku, 3)]).await.expect_status(201);
    storefront.expect_stock(&product.sku, [7, 3, 0, 10]).await;
    site.world.reconciles_within(RECOVERY).await;
    let field = format!("{}:u", product.sku);
    let keys = site.redis.command(&["KEYS", "*{s:1}:*:stock"]);
    for key in keys.lines() {
        site.redis.command(&["HINCRBY", key, &field, "-2"]);
    }
    let output = site.world.run(&["reconcile"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("SKU {}", product.sku)), "the difference is named:\n{said}");

    site.world.printed(&["reconcile", "--repair"]);
    site.world.printed(&["reconcile"]);
    wait_for("the API sells all that is left", RECOVERY, async || {
        let answer = storefront.somebody().place(&[(&product.sku, 7)]).await;
        (answer.status == 201).then_some(())
    })
    .await;
    storefront.expect_stock(&product.sku, [0, 10, 0, 10]).await;
}
