//! A connection is never used again after a command that was not answered, and its place in the pool is free at once.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use futures_util::FutureExt as _;

use crate::{
    Database, DatabaseSettings,
    error::{StoreError, StoreResult},
    group::together_or_each,
    multi_row::tuple,
};

/// One connection alone, so that a place that is not given back shows at once.
async fn one_connection(url: &str) -> Database {
    let settings = DatabaseSettings {
        max_connections: 1,
        statement_timeout: Duration::from_secs(1),
        acquire_timeout: Duration::from_secs(2),
        ..DatabaseSettings::new(url)
    };
    Database::connect(&settings).await.unwrap()
}

async fn number(database: &Database, sql: &str) -> StoreResult<i64> {
    let row = database.row(sql, vec![]).await?.ok_or(StoreError::Contradiction("no row"))?;
    tuple(&row)
}

async fn session(database: &Database) -> i64 {
    number(database, "SELECT CAST(CONNECTION_ID() AS SIGNED)").await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_without_an_answer_costs_its_connection_and_nothing_else() {
    let kept = sluice_testkit::fresh_database().await;
    let database = one_connection(&kept.url()).await;
    let first = session(&database).await;
    assert_eq!(session(&database).await, first, "a connection that was answered is used again");
    let asked = Instant::now();
    let slow = database.rows("SELECT SLEEP(5)", vec![]).await;
    assert!(slow.is_err_and(|error| error.is_unavailable()));
    assert!(asked.elapsed() < Duration::from_secs(3), "after {:?}", asked.elapsed());
    let second = session(&database).await;
    assert_ne!(second, first);

    // Whoever does not wait for the end leaves nothing half read behind.
    let given_up = tokio::time::timeout(Duration::from_millis(100), database.rows("SELECT SLEEP(0.5), 7", vec![])).await;
    assert!(given_up.is_err());
    assert_eq!(number(&database, "SELECT 42").await.unwrap(), 42);
    assert_ne!(session(&database).await, second);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_is_dropped_is_rolled_back_and_its_connection_gone() {
    let kept = sluice_testkit::fresh_database().await;
    let database = one_connection(&kept.url()).await;
    kept.sql("CREATE TABLE t (id INT PRIMARY KEY)");
    let first = session(&database).await;
    let unit = database.begin().await.unwrap();
    unit.execute("INSERT INTO t VALUES (1)", vec![]).await.unwrap();
    drop(unit);
    assert_eq!(number(&database, "SELECT COUNT(*) FROM t").await.unwrap(), 0);
    assert_ne!(session(&database).await, first);
    let second = session(&database).await;
    let unit = database.begin().await.unwrap();
    unit.execute("INSERT INTO t VALUES (1)", vec![]).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(session(&database).await, second, "an orderly end keeps the connection");
    // After a statement without an answer nobody waits for the rollback.
    let unit = database.begin().await.unwrap();
    assert!(unit.rows("SELECT SLEEP(5)", vec![]).await.is_err());
    let asked = Instant::now();
    unit.rollback().await;
    assert!(asked.elapsed() < Duration::from_millis(500), "after {:?}", asked.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sqlite_transaction_that_is_dropped_is_rolled_back_and_its_connection_gone() {
    let folder = tempfile::tempdir().unwrap();
    let database =
        Database::connect(&DatabaseSettings::new(format!("sqlite://{}", folder.path().join("t.db").display()))).await.unwrap();
    database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)", vec![]).await.unwrap();
    let unit = database.begin().await.unwrap();
    unit.execute("INSERT INTO t VALUES (1)", vec![]).await.unwrap();
    drop(unit);
    let unit = database.begin().await.unwrap();
    unit.execute("INSERT INTO t VALUES (2)", vec![]).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(number(&database, "SELECT SUM(id) FROM t").await.unwrap(), 2);
}

/// Another server may take the place of a read-only one behind its address, whose old rows nobody is shown then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_at_a_read_only_server_is_used_once() {
    let mariadb = sluice_testkit::MariaDb::start().await;
    mariadb.sql("SET GLOBAL read_only = 1");
    let kept = mariadb.fresh_database();
    let database = one_connection(&kept.plain_user()).await;
    let mut seen = BTreeSet::new();
    for _ in 0..5 {
        assert!(seen.insert(session(&database).await), "a session is used twice");
    }
    mariadb.sql("SET GLOBAL read_only = 0");
    sluice_testkit::wait_for("a session is used again", Duration::from_secs(10), async || {
        (session(&database).await == session(&database).await).then_some(())
    })
    .await;
}

/// The server ends what a process that stands still leaves open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_transaction_is_ended_by_the_server() {
    let kept = sluice_testkit::fresh_database().await;
    kept.sql("CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1)");
    let settings = DatabaseSettings { idle_transaction: Duration::from_secs(1), ..DatabaseSettings::new(kept.url()) };
    let frozen = Database::connect(&settings).await.unwrap();
    let unit = frozen.begin().await.unwrap();
    unit.rows("SELECT * FROM t WHERE id = 1 FOR UPDATE", vec![]).await.unwrap();
    let other = Database::connect(&DatabaseSettings::new(kept.url())).await.unwrap();
    let asked = Instant::now();
    let mut waits = 0;
    while let Err(error) = other.execute("UPDATE t SET id = 2 WHERE id = 1", vec![]).await {
        assert!(error.is_lock_wait(), "{error}");
        waits += 1;
        assert!(waits < 5, "the row is held after {:?}", asked.elapsed());
    }
    assert!(unit.commit().await.is_err_and(|error| error.is_unavailable()));
    assert_eq!(number(&other, "SELECT COUNT(*) FROM t WHERE id = 2").await.unwrap(), 1);
}

/// A group of several rows of which somebody holds one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_row_fails_its_own_item_of_a_group() {
    let kept = sluice_testkit::fresh_database().await;
    kept.sql("CREATE TABLE t (id INT PRIMARY KEY, n INT NOT NULL); INSERT INTO t VALUES (1, 0), (2, 0), (3, 0)");
    let database = Database::connect(&DatabaseSettings::new(kept.url())).await.unwrap();
    let stranger = database.begin().await.unwrap();
    stranger.rows("SELECT * FROM t WHERE id = 2 FOR UPDATE", vec![]).await.unwrap();
    let asked = Instant::now();
    let answers = together_or_each("counting", vec![1_i64, 2, 3], |ids| {
        let database = database.clone();
        async move {
            let unit = database.begin().await?;
            for id in ids {
                if let Err(error) = unit.execute("UPDATE t SET n = n + 1 WHERE id = ?", vec![(*id).into()]).await {
                    unit.rollback().await;
                    return Err(error);
                }
            }
            unit.commit().await?;
            Ok(ids.to_vec())
        }
        .boxed()
    })
    .await;
    assert!(asked.elapsed() < Duration::from_secs(5), "after {:?}", asked.elapsed());
    assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    stranger.rollback().await;
    assert_eq!(number(&database, "SELECT CAST(SUM(n) AS SIGNED) FROM t").await.unwrap(), 2);
}
