//! Somebody else holds a row, a connection swallows what is sent, an answer never comes: everybody else goes on, whoever
//! has to wait is told within ten seconds, and a key has one order in the end.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use sea_orm::{ConnectionTrait as _, DatabaseTransaction, Statement, TransactionTrait as _};
use sluice_inventory::Listing;
use sluice_kernel::{Clock as _, ManualClock, PortError, PortResult, SkuId};
use sluice_order::{
    CancelReason, CommitOutcome, NewOrder, OrderRepository as _, OrderState, OrderWriter, StockStep,
    testing::{new_order, plain_transition},
};
use sluice_storage_sql::{
    Database, DatabaseSettings, SqlOrderRepository, SqlOrderWriter, SqlReconciler, StockMode, WriterSettings,
};
use sluice_testkit::{MariaDb, TcpProxy};

use super::{
    databases::TestDatabase,
    order_fixture::{Engine, STORE, now},
};

const HELD: SkuId = SkuId(7);
const FREE: SkuId = SkuId(8);
const UNITS: i64 = 1_000;
const LISTED: Listing = Listing { buyable: true, revision: 3 };
/// Orders that need nothing that is held.
const OTHERS: Duration = Duration::from_secs(5);
/// Whoever has to wait.
const ANSWERED: Duration = Duration::from_secs(10);

async fn shop() -> (Arc<Engine>, String) {
    let kept = TestDatabase::mariadb().await;
    let url = kept.url.clone();
    let engine = Arc::new(Engine::over(kept).await);
    engine.claim_gate("database").await;
    for sku in [HELD, FREE] {
        engine.put_sku(StockMode::InCommit, STORE, sku, UNITS, LISTED).await;
    }
    (engine, url)
}

/// Another session in the middle of its transaction.
async fn session(url: &str, statement: &str) -> DatabaseTransaction {
    let transaction = sea_orm::Database::connect(url).await.unwrap().begin().await.unwrap();
    let statement = Statement::from_string(transaction.get_database_backend(), statement.to_owned());
    transaction.query_all_raw(statement).await.unwrap();
    transaction
}

async fn hold_stock(url: &str, sku: SkuId) -> DatabaseTransaction {
    session(url, &format!("SELECT * FROM stock WHERE sku_id = {sku} FOR UPDATE")).await
}

async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let started = Instant::now();
    let outcome = work.await;
    (outcome, started.elapsed())
}

async fn place(writer: &Arc<dyn OrderWriter>, order: NewOrder) -> (PortResult<CommitOutcome>, Duration) {
    timed(writer.commit(order.into())).await
}

fn assert_away<T: std::fmt::Debug>((outcome, took): &(PortResult<T>, Duration)) {
    assert!(matches!(outcome, Err(PortError::Unavailable { .. })), "{outcome:?}");
    assert!(*took < ANSWERED, "after {took:?}");
}

async fn reconciles(engine: &Engine) {
    assert_eq!(SqlReconciler::new(engine.reconnected().await).differences().await.unwrap(), vec![]);
}

/// A writer of a process that reaches the server through a proxy.
async fn writer_by(url: &str, clock: Arc<ManualClock>) -> Arc<dyn OrderWriter> {
    let database = Database::connect(&DatabaseSettings::new(url)).await.unwrap();
    Arc::new(SqlOrderWriter::start(&database, WriterSettings::new(StockMode::InCommit), clock).await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_held_stock_row_holds_up_no_order_of_another_sku() {
    let (engine, url) = shop().await;
    let writer = engine.writer(StockMode::InCommit).await;
    let session = hold_stock(&url, HELD).await;
    let mut calls = tokio::task::JoinSet::new();
    for round in 0..8_i64 {
        for n in 0..6_i64 {
            let (writer, first) = (writer.clone(), 1_000 + round * 1_000 + n * 10);
            let sku = if n == 0 { HELD } else { FREE };
            calls.spawn(async move { (sku, first, place(&writer, new_order(first, &[(sku, 1)])).await) });
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    for (sku, first, answered) in calls.join_all().await {
        if sku == HELD {
            assert_away(&answered);
            assert_eq!(engine.rows_of(new_order(first, &[]).order_no).await, 0);
        } else {
            assert_eq!(answered.0.unwrap(), CommitOutcome::Committed);
            assert!(answered.1 < OTHERS, "after {:?}", answered.1);
        }
    }
    session.rollback().await.unwrap();
    // The keys are as good as new.
    for round in 0..8_i64 {
        let (answer, took) = place(&writer, new_order(1_000 + round * 1_000, &[(HELD, 1)])).await;
        assert_eq!(answer.unwrap(), CommitOutcome::Committed, "after {took:?}");
    }
    assert_eq!(engine.stock(HELD).await, (UNITS - 8, 8, 0));
    assert_eq!(engine.stock(FREE).await, (UNITS - 40, 40, 0));
    reconciles(&engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_order_waits_for_a_row_that_is_soon_free() {
    let (engine, url) = shop().await;
    let writer = engine.writer(StockMode::InCommit).await;
    let session = hold_stock(&url, HELD).await;
    let waiting = tokio::spawn(async move { place(&writer, new_order(1_000, &[(HELD, 1)])).await });
    tokio::time::sleep(Duration::from_secs(2)).await;
    session.rollback().await.unwrap();
    assert_eq!(waiting.await.unwrap().0.unwrap(), CommitOutcome::Committed);
    assert_eq!(engine.stock(HELD).await, (UNITS - 1, 1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_held_order_or_stock_row_holds_up_no_change_of_another_order() {
    let (engine, url) = shop().await;
    let writer = engine.writer(StockMode::InCommit).await;
    let orders = Arc::new(SqlOrderRepository::new(engine.database.clone(), StockMode::InCommit));
    let mut placed = Vec::new();
    for (first, sku) in [(1_000, HELD), (2_000, FREE), (3_000, FREE), (4_000, FREE), (5_000, FREE)] {
        let order = new_order(first, &[(sku, 1)]);
        let order_no = order.order_no;
        writer.commit(order.into()).await.unwrap();
        placed.push(orders.find(STORE, order_no).await.unwrap().unwrap());
    }
    let stock = hold_stock(&url, HELD).await;
    let held_order = session(&url, &format!("SELECT * FROM orders WHERE order_no = {} FOR UPDATE", placed[1].order_no.id())).await;
    let cancelled = OrderState::Cancelled { reason: CancelReason::User };
    let mut calls = tokio::task::JoinSet::new();
    for (n, order) in placed.iter().enumerate() {
        let (orders, transition) =
            (orders.clone(), plain_transition(order, cancelled.clone(), StockStep::Release(order.reservation)));
        calls.spawn(async move { (n, timed(orders.apply(&transition)).await) });
    }
    for (n, answered) in calls.join_all().await {
        if n < 2 {
            assert_away(&answered);
        } else {
            assert!(answered.0.is_ok(), "{answered:?}");
            assert!(answered.1 < OTHERS, "after {:?}", answered.1);
        }
    }
    stock.rollback().await.unwrap();
    held_order.rollback().await.unwrap();
    for order in &placed[..2] {
        orders.apply(&plain_transition(order, cancelled.clone(), StockStep::Release(order.reservation))).await.unwrap();
    }
    assert_eq!((engine.stock(HELD).await, engine.stock(FREE).await), ((UNITS, 0, 0), (UNITS, 0, 0)));
    reconciles(&engine).await;
}

/// The server carries the COMMIT out, and its answer is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_commit_without_an_answer_is_looked_up_in_time() {
    let (engine, _) = shop().await;
    let proxy = TcpProxy::start(MariaDb::shared().await.port());
    let writer = writer_by(&engine.url_by(proxy.port()), engine.clock.clone()).await;
    proxy.lose_answers_to("COMMIT", 1);
    let (answer, took) = place(&writer, new_order(1_000, &[(HELD, 1)])).await;
    assert_eq!((answer.unwrap(), proxy.still_to_lose()), (CommitOutcome::Committed, 0));
    assert!(took < ANSWERED, "after {took:?}");
    assert_eq!(engine.stock(HELD).await, (UNITS - 1, 1, 0));
}

/// A process that stops in the middle of its transaction: the server hears nothing more of it, its connection stays open.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_neighbour_that_stopped_before_its_commit_costs_others_seconds() {
    let (engine, _) = shop().await;
    let proxy = TcpProxy::start(MariaDb::shared().await.port());
    let stopped = writer_by(&engine.url_by(proxy.port()), engine.clock.clone()).await;
    let writer = engine.writer(StockMode::InCommit).await;
    let order = new_order(1_000, &[(HELD, 1)]);
    proxy.lose_requests("COMMIT", 1);
    let lost = tokio::spawn({
        let order = order.clone();
        async move { place(&stopped, order).await }
    });
    sluice_testkit::wait_until("the COMMIT is lost", ANSWERED, async || proxy.still_to_lose() == 0).await;
    let stopped_at = Instant::now();
    let mut n = 0;
    while stopped_at.elapsed() < Duration::from_secs(3) {
        n += 1;
        let (answer, took) = place(&writer, new_order(10_000 + n * 10, &[(FREE, 1)])).await;
        assert_eq!(answer.unwrap(), CommitOutcome::Committed);
        assert!(took < OTHERS, "after {took:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let repeated = sluice_testkit::wait_for("the key has its order", Duration::from_secs(15), async || {
        let (answer, took) = place(&writer, NewOrder { key: order.key.clone(), ..new_order(2_000, &[(HELD, 1)]) }).await;
        assert!(took < ANSWERED, "after {took:?}");
        answer.ok()
    })
    .await;
    let (first, took) = lost.await.unwrap();
    assert!(took < ANSWERED, "after {took:?}");
    let answers = (first.ok(), repeated);
    assert!(
        matches!(&answers, (None, CommitOutcome::Committed) | (Some(CommitOutcome::Committed), CommitOutcome::Replayed(_)))
            || matches!(&answers, (Some(CommitOutcome::Replayed(_)), CommitOutcome::Committed)),
        "{answers:?}"
    );
    assert_eq!(engine.stock(HELD).await, (UNITS - 1, 1, 0));
    reconciles(&engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_black_hole_is_told_in_time_and_forgotten_when_it_ends() {
    let (engine, _) = shop().await;
    let proxy = TcpProxy::start(MariaDb::shared().await.port());
    let database = Database::connect(&DatabaseSettings::new(engine.url_by(proxy.port()))).await.unwrap();
    let writer = writer_by(&engine.url_by(proxy.port()), engine.clock.clone()).await;
    // Every connection of the pool is open and idle.
    let reads = (0..32).map(|_| database.time());
    assert!(futures_util::future::join_all(reads).await.into_iter().all(|read| read.is_ok()));
    proxy.black_hole();
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..100_i64 {
        let (writer, database) = (writer.clone(), database.clone());
        calls.spawn(async move {
            let order = place(&writer, new_order(10_000 + n * 10, &[(FREE, 1)])).await;
            let read = timed(database.time()).await;
            assert_away(&order);
            assert_away(&read);
        });
    }
    calls.join_all().await;
    proxy.forward();
    let good_again = Instant::now();
    for n in 0..100_i64 {
        let (answer, _) = place(&writer, new_order(20_000 + n * 10, &[(FREE, 1)])).await;
        assert_eq!(answer.unwrap(), CommitOutcome::Committed);
        database.time().await.unwrap();
    }
    assert!(good_again.elapsed() < ANSWERED, "after {:?}", good_again.elapsed());
    assert_eq!(engine.stock(FREE).await, (UNITS - 100, 100, 0));
}

/// The clock stands for a process that was stopped, or a queue that was long.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_order_is_committed_after_its_own_deadline() {
    for kept in [TestDatabase::sqlite().await, TestDatabase::mariadb().await] {
        let engine = Engine::over(kept).await;
        engine.claim_gate("database").await;
        engine.put_sku(StockMode::InCommit, STORE, FREE, UNITS, LISTED).await;
        let writer = engine.writer(StockMode::InCommit).await;
        let order = new_order(1_000, &[(FREE, 1)]);
        engine.clock.set(order.terms.expires_at);
        assert_eq!(engine.clock.now(), order.terms.expires_at);
        assert_away(&place(&writer, order.clone()).await);
        assert_eq!(engine.rows_of(order.order_no).await, 0);
        engine.clock.set(now());
        assert_eq!(place(&writer, order).await.0.unwrap(), CommitOutcome::Committed);
    }
}
