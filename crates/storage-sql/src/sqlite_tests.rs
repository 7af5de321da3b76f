use std::os::unix::fs::PermissionsExt as _;

use futures_util::{FutureExt as _, future::join_all};
use sea_orm::ConnectionTrait as _;
use sluice_kernel::{Classified as _, ErrorKind, PortResult};

use super::*;
use crate::{
    Database,
    error::{IntoPort as _, StoreError},
    unit_of_work::UnitOfWork,
};

fn settings(file: &Path) -> DatabaseSettings {
    DatabaseSettings::at(DatabasePlace::File(file.to_owned()))
}

async fn notes(file: &Path) -> Database {
    let database = Database::connect(&settings(file)).await.unwrap();
    database.execute("CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)", vec![]).await.unwrap();
    database
}

async fn write(unit: &UnitOfWork, text: &str) -> StoreResult<u64> {
    unit.execute("INSERT INTO notes (text) VALUES (?)", vec![text.into()]).await
}

async fn note(database: &Database, text: &'static str) -> PortResult<u64> {
    database.transact(move |unit, _| write(unit, text).boxed()).await.into_port("a note")
}

/// Read by another connection, so that only what was committed is seen.
async fn committed(file: &Path) -> Vec<String> {
    let database = Database::connect(&DatabaseSettings { read_only: true, ..settings(file) }).await.unwrap();
    let rows = database.rows("SELECT text FROM notes ORDER BY id", vec![]).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

/// SQLite then refuses to grow the file, as on a full disk, and rolls the whole transaction back by itself.
async fn fill_up(database: &Database) -> StoreError {
    let unit = database.begin().await.unwrap();
    unit.rows("PRAGMA max_page_count = 3", vec![]).await.unwrap();
    let big = "x".repeat(100_000);
    let refused = write(&unit, &big).await.unwrap_err();
    assert_eq!(refused.remedy(), crate::error::Remedy::Discard, "{refused}");
    assert!(matches!(write(&unit, "after it").await, Err(StoreError::Broken)), "nothing follows in a transaction that may be gone");
    unit.rollback().await;
    refused
}

#[tokio::test]
async fn what_is_committed_after_a_full_disk_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.db");
    let database = notes(&file).await;
    note(&database, "before").await.unwrap();
    for _ in 0..3 {
        let refused = fill_up(&database).await.into_port("a note");
        assert_eq!(refused.kind(), ErrorKind::Unavailable, "{refused}");
        note(&database, "after").await.unwrap();
    }
    assert_eq!(committed(&file).await, ["before", "after", "after", "after"]);
}

/// Whatever hides the end of a transaction from the driver: no commit is believed that SQLite did not count.
#[tokio::test]
async fn a_commit_that_sqlite_did_not_make_is_not_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.db");
    let database = notes(&file).await;
    let unit = database.begin().await.unwrap();
    // What runs now is a transaction within one that the driver does not know of.
    unit.execute("COMMIT", vec![]).await.unwrap();
    unit.execute("SAVEPOINT outer", vec![]).await.unwrap();
    unit.execute("SAVEPOINT inner", vec![]).await.unwrap();
    write(&unit, "gone").await.unwrap();
    unit.execute("ROLLBACK TO outer", vec![]).await.unwrap();
    unit.execute("RELEASE outer", vec![]).await.unwrap();
    unit.execute("BEGIN DEFERRED", vec![]).await.unwrap();
    assert!(matches!(unit.commit().await, Err(StoreError::CommitLost)));
    assert_eq!(committed(&file).await, [""; 0]);
    note(&database, "after").await.unwrap();
    assert_eq!(committed(&file).await, ["after"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_waits_longer_than_others_for_the_lock_of_another_process() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.db");
    let database = notes(&file).await;
    let other = sea_orm::Database::connect(pool(&settings(&file), &file_options(&settings(&file)).unwrap(), 1)).await.unwrap();
    other.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();
    let asked = Instant::now();
    let callers = (0..6).map(|_| note(&database, "later"));
    let single = (0..6).map(|_| database.execute("INSERT INTO notes (text) VALUES ('single')", vec![]));
    let (grouped, single) = tokio::join!(join_all(callers), join_all(single));
    let waited = asked.elapsed();
    assert!(grouped.iter().all(|answer| answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::Unavailable)), "{grouped:?}");
    assert!(single.iter().all(|answer| answer.as_ref().is_err_and(StoreError::is_unavailable)), "{single:?}");
    assert!(waited < Duration::from_secs(6), "the last answer came after {waited:?}");
    assert!(waited >= MAX_LOCK_WAIT, "a lock that passes soon is waited for, not only {waited:?}");

    other.execute_unprepared("COMMIT").await.unwrap();
    note(&database, "granted").await.unwrap();
    assert_eq!(committed(&file).await, ["granted"]);
}

#[test]
fn a_refusal_of_long_ago_does_not_shorten_the_next_wait() {
    let wait = LockWait::default();
    let start = Instant::now();
    assert!(wait.goes_on(start));
    assert!(wait.goes_on(start + Duration::from_millis(1_900)));
    assert!(!wait.goes_on(start + MAX_LOCK_WAIT));
    assert!(wait.goes_on(start + Duration::from_mins(1)));
}

#[tokio::test]
async fn the_named_file_is_opened_whatever_characters_it_has() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["100%25?mode=memory#top", "a b&c=d", ":memory:", "file:x"] {
        let inside = folder.path().join(name);
        std::fs::create_dir(&inside).unwrap();
        let file = inside.join("notes.db");
        let database = notes(&file).await;
        note(&database, "here").await.unwrap();
        database.close().await;
        assert!(file.metadata().unwrap().len() > 0, "{}", file.display());
    }
}

#[tokio::test]
async fn the_files_are_their_owners_alone_and_one_of_them_is_left_after_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.db");
    let database = notes(&file).await;
    note(&database, "kept").await.unwrap();
    let names = || -> Vec<_> { std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap()).collect() };
    assert!(names().len() >= 2, "the log is beside the file");
    for entry in names() {
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.file_name());
    }
    database.close().await;
    let left: Vec<_> = names().iter().map(std::fs::DirEntry::file_name).collect();
    assert_eq!(left, ["notes.db"]);

    let copy = folder.path().join("copy.db");
    std::fs::copy(&file, &copy).unwrap();
    assert_eq!(committed(&copy).await, ["kept"]);
    assert_eq!(names().len(), 2, "nothing is made beside a copy that is only read");
}
