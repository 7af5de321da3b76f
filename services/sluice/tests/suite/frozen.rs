//! Something stands still: a process, a session of somebody else, the server, the path to it. Whoever needs nothing of it
//! is served, everybody else is told so in time, and afterwards a key has one order and not a unit is lost.
//!
//! One shop with the database gate and two API processes, on a server of its own behind a proxy; the tests take turns.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use sluice_testkit::{Answer, Database, MariaDb, ShopProcess, Shopper, TcpProxy, unique_name, wait_for, wait_until};
use tokio::sync::{Mutex, MutexGuard, OnceCell};
use tokio::task::JoinSet;

use crate::floor;
use crate::load::{Load, Outcome, expect_only};
use crate::world::{Profile, Storefront, World};

const UNITS: i64 = 10_000;
/// Orders that need nothing of what stands still.
const OTHERS: Duration = Duration::from_secs(5);
/// Everybody else is answered by then.
const ANSWERED: Duration = Duration::from_secs(10);
/// What stood still and goes on again is forgotten by then.
const RECOVERY: Duration = Duration::from_secs(10);
/// The end of a process that was told to end, what stands still notwithstanding.
const FAREWELL: Duration = Duration::from_secs(25);

struct Site {
    world: World,
    mariadb: MariaDb,
    proxy: TcpProxy,
    database: Arc<Database>,
}

static SITE: OnceCell<Mutex<Site>> = OnceCell::const_new();

/// A test's turn. At its end, however it ends, everything moves again.
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
        self.0.mariadb.resume();
        self.0.proxy.forward();
        self.0.world.apis[1].resume();
        if std::thread::panicking() {
            self.0.world.tell_logs();
        }
    }
}

async fn site() -> Turn {
    let start = async || {
        let mariadb = MariaDb::start().await;
        let (database, proxy) = (mariadb.fresh_database(), TcpProxy::start(mariadb.port()));
        let plan = Profile::MariaDb.plan().setting("database.url", database.url_by(proxy.port()));
        let mut world = plan.start().await;
        world.apis.push(another(&world, "api").await);
        Mutex::new(Site { world, mariadb, proxy, database: Arc::new(database) })
    };
    Turn(SITE.get_or_init(start).await.lock().await)
}

async fn another(world: &World, kind: &str) -> ShopProcess {
    world.settings.clone().arguments(&[kind]).start().await
}

impl Site {
    async fn two_skus(&self) -> [String; 2] {
        [self.world.storefront().add_product(UNITS).await.sku, self.world.storefront().add_product(UNITS).await.sku]
    }

    /// Runs statements in a session of their own; ends with them.
    fn session(&self, statements: String) -> tokio::task::JoinHandle<Vec<String>> {
        let database = Arc::clone(&self.database);
        tokio::task::spawn_blocking(move || database.sql(&statements))
    }

    /// Transactions that were open at both of two looks.
    async fn lasting_transactions(&self) -> usize {
        let look = || self.database.sql("SELECT trx_id FROM information_schema.innodb_trx WHERE trx_rows_modified > 0");
        let first = look();
        tokio::time::sleep(Duration::from_millis(400)).await;
        look().iter().filter(|transaction| first.contains(transaction)).count()
    }
}

/// Answered within the limit, and how.
async fn within(limit: Duration, request: impl Future<Output = Answer>) -> Answer {
    let asked = Instant::now();
    let answer = request.await;
    assert!(asked.elapsed() < limit, "{} {} after {:?}", answer.status, answer.code(), asked.elapsed());
    answer
}

async fn order_one(shopper: &Shopper, key: &str, sku: &str) -> Answer {
    shopper.place_body(key, json!({"items": [{"sku_id": sku, "quantity": 1}]})).await
}

fn expect_away(answer: &Answer) {
    assert_eq!((answer.status, answer.code()), (503, "unavailable"), "{}", answer.body);
    assert!(answer.header("retry-after").is_some());
}

/// Orders, reads and changes at every process: each is answered 503 in time. The keys have their orders afterwards.
async fn expect_all_away(storefronts: &[Storefront], sku: &str, order_no: &str, buyer: &str) -> Vec<(String, String, Storefront)> {
    let mut requests = JoinSet::new();
    for (n, storefront) in storefronts.iter().cycle().take(40).cloned().enumerate() {
        let (sku, order_no, buyer) = (sku.to_owned(), order_no.to_owned(), buyer.to_owned());
        requests.spawn(async move {
            let (user, key) = (unique_name("buyer"), unique_name("key"));
            let answer = within(ANSWERED, async {
                match n % 4 {
                    0 | 1 => order_one(&storefront.customer(1, &user), &key, &sku).await,
                    2 => storefront.customer(1, &buyer).get("/orders").await,
                    _ => storefront.customer(1, &buyer).cancel(&order_no).await,
                }
            })
            .await;
            expect_away(&answer);
            (n % 4 < 2).then_some((user, key, storefront))
        });
    }
    requests.join_all().await.into_iter().flatten().collect()
}

async fn expect_all_served(asked: &[(String, String, Storefront)], sku: &str) {
    let again = Instant::now();
    for (user, key, storefront) in asked {
        let shopper = storefront.customer(1, user);
        let order = wait_for("the key has its order", RECOVERY, async || {
            let answer = order_one(&shopper, key, sku).await;
            (answer.status == 201).then_some(answer)
        })
        .await;
        let repeated = order_one(&shopper, key, sku).await.expect_status(201);
        assert_eq!(repeated.order_no(), order.order_no());
    }
    assert!(again.elapsed() < RECOVERY * 2, "served again after {:?}", again.elapsed());
}

#[tokio::test]
async fn a_frozen_api_process_costs_the_others_seconds() {
    let _floor = floor::alone().await;
    let site = site().await;
    let [shared, free] = site.two_skus().await;
    let storefront = site.world.storefront();
    let at_the_frozen = Load::start(&[site.world.storefront_at(1)], std::slice::from_ref(&shared), 8);
    at_the_frozen.more_orders(20).await;
    // Until it stops in the middle of a transaction.
    wait_until("a process is stopped in its transaction", Duration::from_secs(30), async || {
        site.world.apis[1].pause();
        if site.lasting_transactions().await > 0 {
            return true;
        }
        site.world.apis[1].resume();
        false
    })
    .await;
    let frozen = Instant::now();
    let mut requests = JoinSet::new();
    while frozen.elapsed() < Duration::from_secs(7) {
        let (storefront, shared, free) = (storefront.clone(), shared.clone(), free.clone());
        requests.spawn(async move {
            let other = within(OTHERS, storefront.somebody().place(&[(&free, 1)])).await;
            assert_eq!(other.status, 201, "{}", other.body);
            let same = within(ANSWERED, storefront.somebody().place(&[(&shared, 1)])).await;
            assert!(same.status == 201 || (same.status, same.code()) == (503, "unavailable"), "{}", same.body);
            same.status
        });
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let answers = requests.join_all().await;
    assert_eq!(answers.last(), Some(&201), "the server ended the frozen transaction: {answers:?}");
    site.world.apis[1].resume();
    let sent = at_the_frozen.stop().await;
    expect_only(&sent, &[(503, "unavailable"), (503, "overloaded")]);
    for request in &sent {
        // What was asked at the frozen process has one order, asked anywhere.
        let shopper = storefront.customer(1, &request.user);
        let order = order_one(&shopper, &request.key, &shared).await.expect_status(201);
        if let Outcome::Placed(number) = &request.outcome {
            assert_eq!(&order.order_no(), number);
        }
    }
    site.world.reconciles_within(RECOVERY).await;
}

#[tokio::test]
async fn a_stock_row_held_by_a_stranger_holds_up_its_own_sku_alone() {
    let _floor = floor::alone().await;
    let site = site().await;
    let skus = site.two_skus().await;
    let [held, free] = &skus;
    let storefront = site.world.storefront();
    let (buyer, other) = (storefront.somebody(), storefront.somebody());
    let (of_held, of_free) = (
        buyer.place(&[(held, 1)]).await.expect_status(201).order_no(),
        other.place(&[(free, 1)]).await.expect_status(201).order_no(),
    );
    let session = site.session(format!("BEGIN; SELECT * FROM stock WHERE sku_id = {held} FOR UPDATE; DO SLEEP(11); ROLLBACK"));
    wait_until("the row is held", OTHERS, async || {
        site.database.sql(&format!("SELECT sku_id FROM stock WHERE sku_id = {held} FOR UPDATE SKIP LOCKED")).is_empty()
    })
    .await;
    let mut requests = JoinSet::new();
    for n in 0..48 {
        let (storefront, held, free) = (site.world.storefront_at(n % 2), held.clone(), free.clone());
        requests.spawn(async move {
            if n % 4 == 0 {
                let (user, key) = (unique_name("buyer"), unique_name("key"));
                let answer = within(ANSWERED, order_one(&storefront.customer(1, &user), &key, &held)).await;
                expect_away(&answer);
                return Some((user, key, storefront));
            }
            let answer = within(OTHERS, storefront.somebody().place(&[(&free, 1)])).await;
            assert_eq!(answer.status, 201, "{}", answer.body);
            None
        });
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    let (change_of_held, change_of_free) =
        tokio::join!(within(ANSWERED, buyer.cancel(&of_held)), within(OTHERS, other.cancel(&of_free)));
    expect_away(&change_of_held);
    assert_eq!(change_of_free.status, 200, "{}", change_of_free.body);
    let refused: Vec<_> = requests.join_all().await.into_iter().flatten().collect();
    session.await.unwrap();
    expect_all_served(&refused, held).await;
    let _ = buyer.cancel(&of_held).await.expect_status(200);
    storefront.expect_stock(held, [UNITS - 12, 12, 0, UNITS]).await;
    storefront.expect_stock(free, [UNITS - 36, 36, 0, UNITS]).await;
    site.world.reconciles_within(RECOVERY).await;
}

#[tokio::test]
async fn a_global_read_lock_is_told_in_time() {
    let _floor = floor::alone().await;
    let site = site().await;
    let [sku, _] = site.two_skus().await;
    let storefronts = [site.world.storefront(), site.world.storefront_at(1)];
    let session = site.session("FLUSH TABLES WITH READ LOCK; DO SLEEP(11); UNLOCK TABLES".to_owned());
    wait_until("the lock stands", OTHERS, async || {
        let waits = site.database.sql("SELECT 1 FROM information_schema.processlist WHERE INFO LIKE 'DO SLEEP%'");
        !waits.is_empty()
    })
    .await;
    let mut requests = JoinSet::new();
    for storefront in storefronts.iter().cycle().take(20).cloned() {
        let sku = sku.clone();
        requests.spawn(async move {
            let (user, key) = (unique_name("buyer"), unique_name("key"));
            let answer = within(ANSWERED, order_one(&storefront.customer(1, &user), &key, &sku)).await;
            expect_away(&answer);
            (user, key, storefront)
        });
    }
    let refused = requests.join_all().await;
    session.await.unwrap();
    expect_all_served(&refused, &sku).await;
    site.world.storefront().expect_stock(&sku, [UNITS - 20, 20, 0, UNITS]).await;
    site.world.reconciles_within(RECOVERY).await;
}

#[tokio::test]
async fn a_stopped_server_is_told_in_time_and_keeps_no_process_from_ending() {
    let _floor = floor::alone().await;
    let site = site().await;
    let [sku, _] = site.two_skus().await;
    let storefronts = [site.world.storefront(), site.world.storefront_at(1)];
    let buyer = unique_name("buyer");
    let order_no = storefronts[0].customer(1, &buyer).place(&[(&sku, 1)]).await.expect_status(201).order_no();
    let (mut api, mut worker) = (another(&site.world, "api").await, another(&site.world, "worker").await);
    let memory = site.world.apis[0].memory();
    site.mariadb.pause();
    let ending = async {
        let told = Instant::now();
        tokio::join!(api.terminate(), worker.terminate());
        told.elapsed()
    };
    let (refused, ended) = tokio::join!(expect_all_away(&storefronts, &sku, &order_no, &buyer), ending);
    assert!(ended < FAREWELL, "ended after {ended:?}");
    let grown = site.world.apis[0].memory().saturating_sub(memory);
    assert!(grown < 50 * 1024, "grown by {grown} KiB");
    site.mariadb.resume();
    expect_all_served(&refused, &sku).await;
    storefronts[0].expect_stock(&sku, [UNITS - 21, 21, 0, UNITS]).await;
    site.world.reconciles_within(RECOVERY).await;
}

#[tokio::test]
async fn a_path_that_swallows_everything_is_told_in_time_and_needs_no_restart() {
    let _floor = floor::alone().await;
    let site = site().await;
    let [sku, _] = site.two_skus().await;
    let storefronts = [site.world.storefront(), site.world.storefront_at(1)];
    let buyer = unique_name("buyer");
    let order_no = storefronts[0].customer(1, &buyer).place(&[(&sku, 1)]).await.expect_status(201).order_no();
    site.proxy.black_hole();
    let refused = expect_all_away(&storefronts, &sku, &order_no, &buyer).await;
    site.proxy.forward();
    expect_all_served(&refused, &sku).await;
    storefronts[0].expect_stock(&sku, [UNITS - 21, 21, 0, UNITS]).await;
    site.world.reconciles_within(RECOVERY).await;
}

#[tokio::test]
async fn a_commit_whose_answer_never_comes_leaves_one_order_a_key() {
    let _floor = floor::alone().await;
    let site = site().await;
    let [sku, _] = site.two_skus().await;
    let storefront = site.world.storefront();
    // Some of them are lost to transactions of other kinds.
    site.proxy.lose_answers_to("COMMIT", 6);
    let mut requests = JoinSet::new();
    for _ in 0..20 {
        let (storefront, sku) = (storefront.clone(), sku.clone());
        requests.spawn(async move {
            let (user, key) = (unique_name("buyer"), unique_name("key"));
            let answer = within(ANSWERED, order_one(&storefront.customer(1, &user), &key, &sku)).await;
            assert!(answer.status == 201 || (answer.status, answer.code()) == (503, "unavailable"), "{}", answer.body);
            (user, key, storefront)
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let asked = requests.join_all().await;
    assert_eq!(site.proxy.still_to_lose(), 0);
    expect_all_served(&asked, &sku).await;
    storefront.expect_stock(&sku, [UNITS - 20, 20, 0, UNITS]).await;
    site.world.reconciles_within(RECOVERY).await;
}
