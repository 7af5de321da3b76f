//! A limit or a change of the database server, met by a shop at work: refused for a while, never broken.
//!
//! One shop on a MariaDB of its own, whose user has no rights but those on its database; the tests take turns with it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice_testkit::{Database, MariaDb, TcpProxy, wait_for};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::floor;
use crate::load::{Load, Sent, expect_everything_there, expect_only};
use crate::world::{Profile, Storefront, World};

const UNITS: i64 = 10_000;
/// Faults that stopped are forgotten within this time.
const RECOVERY: Duration = Duration::from_secs(30);
/// Orders flow again so soon after the server does its work again.
const SOON_AGAIN: Duration = Duration::from_secs(10);

/// What was refused is asked for again afterwards, as fast as it goes.
const RATE: (&str, &str) = ("limits.orders_per_second", "10000");

struct Site {
    world: World,
    mariadb: MariaDb,
    database: Database,
    /// The shop's user at the server.
    user: String,
}

static SITE: OnceCell<Mutex<Site>> = OnceCell::const_new();

/// A test's turn; lets go what it stopped, and tells what the processes wrote when the test fails.
struct Turn(MutexGuard<'static, Site>);

impl std::ops::Deref for Turn {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.0
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.world.workers[0].resume();
        if std::thread::panicking() {
            self.0.world.tell_logs();
        }
    }
}

/// A shop that has found out that the faults of the turn before are over.
async fn site() -> Turn {
    let start = async || {
        let mariadb = MariaDb::start().await;
        let database = mariadb.fresh_database();
        let url = database.plain_user();
        let user = url.split(['/', ':']).find(|part| part.starts_with("shop")).unwrap().to_owned();
        let world = Profile::MariaDb.plan().setting("database.url", url).setting(RATE.0, RATE.1).start().await;
        Mutex::new(Site { world, mariadb, database, user })
    };
    let turn = Turn(SITE.get_or_init(start).await.lock().await);
    wait_for("the shop is ready", RECOVERY, async || {
        let answer = turn.storefront().nobody().send("GET", "/readyz", &[], None).await;
        (answer.text("/status") == "ready").then_some(())
    })
    .await;
    turn
}

impl Site {
    fn storefront(&self) -> Storefront {
        self.world.storefront()
    }

    async fn skus(&self) -> [String; 2] {
        [self.storefront().add_product(UNITS).await.sku, self.storefront().add_product(UNITS).await.sku]
    }

    /// Sessions of the shop.
    fn sessions(&self) -> Vec<String> {
        let select = format!("SELECT id FROM information_schema.processlist WHERE user = '{}'", self.user);
        // A limit of time of the server holds for this statement as well.
        let sessions = (0..500).find_map(|_| self.mariadb.try_sql(&select).ok());
        sessions.expect("the server tells its sessions").lines().map(str::to_owned).collect()
    }

    /// Ends statements or sessions of the shop; one that has gone by itself is no failure.
    fn kill(&self, what: &str) {
        for id in self.sessions() {
            let _ = self.mariadb.try_sql(&format!("KILL {what} {id}"));
        }
    }

    /// Everything acknowledged is there once, everything else has one outcome, nothing was given up.
    async fn expect_whole(&self, sent: &[Sent], skus: &[String]) {
        expect_only(sent, &[(503, "unavailable")]);
        expect_everything_there(sent, &self.storefront(), skus, UNITS).await;
        let letters = self.storefront().staff().get("/admin/dead-letters").await.expect_status(200);
        assert_eq!(letters.body["data"], json!([]), "a passing error is no reason to give an event up");
        self.world.reconciles_within(RECOVERY).await;
    }
}

/// A setting of the server, for as long as the value lives: a test that fails leaves the others a whole server.
struct Changed<'a> {
    mariadb: &'a MariaDb,
    name: &'static str,
    before: String,
}

impl<'a> Changed<'a> {
    fn to(mariadb: &'a MariaDb, name: &'static str, value: &str) -> Self {
        let before = mariadb.sql(&format!("SELECT @@GLOBAL.{name}")).remove(0);
        mariadb.sql(&format!("SET GLOBAL {name} = {value}"));
        Self { mariadb, name, before }
    }
}

impl Drop for Changed<'_> {
    fn drop(&mut self) {
        // A limit of time holds for this statement as well.
        for _ in 0..500 {
            if self.mariadb.try_sql(&format!("SET GLOBAL {} = {}", self.name, self.before)).is_ok() {
                return;
            }
        }
    }
}

/// A right that the shop's user does not have for as long as the value lives.
struct Missing<'a>(&'a Site);

impl<'a> Missing<'a> {
    fn insert(site: &'a Site) -> Self {
        site.mariadb.sql(&format!("REVOKE INSERT ON `{}`.* FROM '{}'@'%'", site.database.name(), site.user));
        Self(site)
    }
}

impl Drop for Missing<'_> {
    fn drop(&mut self) {
        let Site { mariadb, database, user, .. } = self.0;
        let _ = mariadb.try_sql(&format!("GRANT INSERT ON `{}`.* TO '{user}'@'%'", database.name()));
    }
}

async fn database_health(storefront: &Storefront) -> (u16, String, String) {
    let answer = storefront.nobody().send("GET", "/readyz", &[], None).await;
    let parts = answer.body["parts"].as_array().unwrap();
    let part = parts.iter().find(|part| part["name"] == "database").unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (answer.status, text(&part["state"]), text(&part["detail"]))
}

/// Readiness says that orders can't be written, and why.
async fn names(storefront: &Storefront, words: &str) {
    wait_for(&format!("readiness says '{words}'"), SOON_AGAIN, async || {
        let (status, state, detail) = database_health(storefront).await;
        (status == 503 && state == "down" && detail.contains(words)).then_some(())
    })
    .await;
}

async fn flows_again(load: &Load, since: Instant) {
    load.more_orders(10).await;
    assert!(since.elapsed() < SOON_AGAIN, "orders flowed {:?} after the server did", since.elapsed());
}

#[tokio::test]
async fn a_server_that_keeps_few_prepared_statements_refuses_no_order() {
    let _floor = floor::alone().await;
    let site = site().await;
    let skus = site.skus().await;
    let few = Changed::to(&site.mariadb, "max_prepared_stmt_count", "400");
    site.kill("CONNECTION");
    let load = Load::start(&[site.storefront()], &skus, 8);
    load.more_orders(100).await;
    let sent = load.stop().await;
    drop(few);
    site.expect_whole(&sent, &skus).await;
}

#[tokio::test]
async fn statements_and_sessions_that_are_killed_break_no_order() {
    let _floor = floor::alone().await;
    let site = site().await;
    let skus = site.skus().await;
    let load = Load::start(&[site.storefront()], &skus, 8);
    for round in 0..30 {
        site.kill(if round % 3 == 2 { "CONNECTION" } else { "QUERY" });
        load.more_orders(1).await;
    }
    flows_again(&load, Instant::now()).await;
    site.expect_whole(&load.stop().await, &skus).await;
}

#[tokio::test]
async fn a_limit_of_time_for_statements_is_a_refusal_and_no_error() {
    let _floor = floor::alone().await;
    let site = site().await;
    let skus = site.skus().await;
    let load = Load::start(&[site.storefront()], &skus, 8);
    load.more_orders(10).await;
    let limit = Changed::to(&site.mariadb, "max_statement_time", "0.0001");
    site.kill("CONNECTION");
    load.more_refusals(4).await;
    drop(limit);
    let passed = Instant::now();
    site.kill("CONNECTION");
    flows_again(&load, passed).await;
    site.expect_whole(&load.stop().await, &skus).await;
}

#[tokio::test]
async fn a_schema_that_changes_under_load_breaks_no_order() {
    let _floor = floor::alone().await;
    let site = site().await;
    let skus = site.skus().await;
    let load = Load::start(&[site.storefront()], &skus, 8);
    for _ in 0..4 {
        for (table, column) in
            [("orders", "created_at"), ("stock", "store_id"), ("payments", "created_at"), ("outbox", "payload(8)")]
        {
            site.database.sql(&format!("ALTER TABLE {table} ADD INDEX passing ({column})"));
            load.more_orders(1).await;
            site.database.sql(&format!("ALTER TABLE {table} DROP INDEX passing"));
        }
    }
    flows_again(&load, Instant::now()).await;
    site.expect_whole(&load.stop().await, &skus).await;
}

#[tokio::test]
async fn a_server_that_becomes_read_only_is_named_and_left_without_a_restart() {
    let _floor = floor::alone().await;
    let site = site().await;
    let skus = site.skus().await;
    let load = Load::start(&[site.storefront()], &skus, 8);
    load.more_orders(10).await;
    let demoted = Changed::to(&site.mariadb, "read_only", "1");
    load.more_refusals(8).await;
    names(&site.storefront(), "read-only").await;
    drop(demoted);
    flows_again(&load, Instant::now()).await;
    site.expect_whole(&load.stop().await, &skus).await;
}

#[tokio::test]
async fn a_session_that_began_read_only_is_left_without_a_restart() {
    let _floor = floor::alone().await;
    let site = site().await;
    let skus = site.skus().await;
    let load = Load::start(&[site.storefront()], &skus, 8);
    load.more_orders(10).await;
    let read_only = Changed::to(&site.mariadb, "tx_read_only", "1");
    site.kill("CONNECTION");
    load.more_refusals(8).await;
    names(&site.storefront(), "sessions read-only").await;
    // The sessions that are open now stay read-only for all their life.
    drop(read_only);
    flows_again(&load, Instant::now()).await;
    site.expect_whole(&load.stop().await, &skus).await;
}

#[tokio::test]
async fn a_right_that_was_taken_away_is_named() {
    let _floor = floor::alone().await;
    let site = site().await;
    let skus = site.skus().await;
    let right = Missing::insert(&site);
    // Open sessions keep the rights that they began with.
    site.kill("CONNECTION");
    names(&site.storefront(), "right is missing").await;
    let refused = site.storefront().somebody().place(&[(&skus[0], 1)]).await;
    assert_eq!((refused.status, refused.code()), (503, "unavailable"), "{}", refused.body);
    drop(right);
    let load = Load::start(&[site.storefront()], &skus, 2);
    flows_again(&load, Instant::now()).await;
    site.expect_whole(&load.stop().await, &skus).await;
}

#[tokio::test]
async fn a_global_read_lock_is_seen_by_readiness_and_passes() {
    let _floor = floor::alone().await;
    let site = site().await;
    let skus = site.skus().await;
    // The lock lives as long as its session.
    let holder = site.mariadb.session("FLUSH TABLES WITH READ LOCK");
    wait_for("readiness says that nothing can be written", SOON_AGAIN, async || {
        let asked = Instant::now();
        let (status, state, _) = database_health(&site.storefront()).await;
        assert!(asked.elapsed() < Duration::from_secs(4), "readiness is answered within bounds, not after {:?}", asked.elapsed());
        (status == 503 && state == "down").then_some(())
    })
    .await;
    drop(holder);
    let load = Load::start(&[site.storefront()], &skus, 4);
    flows_again(&load, Instant::now()).await;
    site.expect_whole(&load.stop().await, &skus).await;
}

/// The address stays, the server behind it is another one: open connections lead to the old one, which is read-only now.
#[tokio::test]
async fn a_primary_that_another_server_replaces_behind_its_address_is_left_without_a_restart() {
    let _floor = floor::alone().await;
    let (old, new) = tokio::join!(MariaDb::start(), MariaDb::start());
    let database = old.fresh_database();
    let proxy = TcpProxy::start(old.port());
    let url = database.plain_user().replace(&format!(":{}/", old.port()), &format!(":{}/", proxy.port()));
    let world = Profile::MariaDb.plan().setting("database.url", url).setting(RATE.0, RATE.1).start().await;
    let storefront = world.storefront();
    let skus = [storefront.add_product(UNITS).await.sku, storefront.add_product(UNITS).await.sku];
    let load = Load::start(std::slice::from_ref(&storefront), &skus, 8);
    load.more_orders(30).await;
    old.sql("SET GLOBAL read_only = 1");
    old.copy(&database, &new);
    load.more_refusals(4).await;
    proxy.switch_to(new.port());
    flows_again(&load, Instant::now()).await;
    let sent = load.stop().await;
    expect_only(&sent, &[(503, "unavailable")]);
    expect_everything_there(&sent, &storefront, &skus, UNITS).await;
    world.reconciles_within(RECOVERY).await;
}

#[tokio::test]
async fn an_event_that_does_not_leave_is_told_of() {
    let _floor = floor::alone().await;
    let site = site().await;
    let storefront = site.storefront();
    let outbox = async || {
        let answer = storefront.nobody().send("GET", "/readyz", &[], None).await.expect_status(200);
        let parts = answer.body["parts"].as_array().unwrap();
        let part = parts.iter().find(|part| part["name"] == "outbox").unwrap();
        (answer.text("/status"), part["detail"].as_str().unwrap().to_owned())
    };
    site.world.workers[0].pause();
    let product = storefront.add_product(10).await;
    let _ = storefront.somebody().place(&[(&product.sku, 1)]).await.expect_status(201);
    site.database.sql("UPDATE outbox SET available_at = available_at - 60000");
    wait_for("readiness tells of the event", SOON_AGAIN, async || {
        let (status, detail) = outbox().await;
        (status == "degraded" && detail.contains("waits for")).then_some(())
    })
    .await;
    site.world.workers[0].resume();
    wait_for("all events have left", RECOVERY, async || (outbox().await.0 == "ready").then_some(())).await;
}
