//! A SQLite file: one writer and a few readers over it.
//!
//! Contract: exactly the named file is opened, and made readable by its owner alone. SQLite itself counts what was
//! committed: after an error, of a full disk for instance, it rolls back by itself, and a COMMIT that it did not make is
//! not acknowledged. Who waits for the lock of another process waits no longer than [`MAX_LOCK_WAIT`], together with
//! everybody else.

use std::{
    io,
    path::{Path, PathBuf},
    str::FromStr as _,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sea_orm::{
    ConnectOptions, ConnectionTrait as _, DatabaseConnection, DbErr, RuntimeErr,
    sqlx::{
        self, Executor as _,
        sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous},
    },
};

use crate::{
    error::StoreResult,
    settings::{DatabasePlace, DatabaseSettings},
};

/// Statements that a connection keeps prepared.
const PREPARED_STATEMENTS: usize = 1_500;
const READERS: u32 = 4;
/// Opening and migrating wait this long for another process.
const OPENING_WAIT: Duration = Duration::from_secs(10);
/// Readers wait only while another process recovers or restores the file.
const READER_WAIT: Duration = Duration::from_secs(2);
/// One try of the writer to get the lock.
const LOCK_TRY: Duration = Duration::from_millis(100);
/// How long another process may hold the lock before those who wait are told that the file is not available.
const MAX_LOCK_WAIT: Duration = Duration::from_secs(2);
/// An orderly end waits this long for connections that are still in use.
const CLOSING_WAIT: Duration = Duration::from_secs(2);

/// How often the writer committed. SQLite counts, not its driver: the release of a savepoint is no commit.
#[derive(Debug, Default)]
pub(crate) struct Commits(AtomicU64);

impl Commits {
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// The time for which another process has held the lock, as seen by those who try to get it.
#[derive(Debug, Default)]
pub(crate) struct LockWait(Mutex<Option<Refusals>>);

#[derive(Debug, Clone, Copy)]
struct Refusals {
    first: Instant,
    last: Instant,
}

impl LockWait {
    /// Whether a try met the lock of another process and the next one may be made. All callers share one bound.
    pub(crate) fn tries_again<T>(&self, tried: &StoreResult<T>) -> bool {
        match tried {
            Ok(_) => {
                *self.refusals() = None;
                false
            }
            Err(error) => error.is_locked_file() && self.goes_on(Instant::now()),
        }
    }

    fn goes_on(&self, now: Instant) -> bool {
        let mut refusals = self.refusals();
        // A refusal of long ago belongs to another wait.
        let same = refusals.filter(|seen| now.saturating_duration_since(seen.last) < MAX_LOCK_WAIT);
        let first = same.map_or(now, |seen| seen.first);
        *refusals = Some(Refusals { first, last: now });
        now.saturating_duration_since(first) < MAX_LOCK_WAIT
    }

    fn refusals(&self) -> MutexGuard<'_, Option<Refusals>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct OpenFile {
    pub(crate) reader: DatabaseConnection,
    pub(crate) writer: DatabaseConnection,
    pub(crate) commits: Arc<Commits>,
}

fn driver_error(error: sqlx::Error) -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error)))
}

/// What the file is opened with; a new one is made first, for its owner alone.
fn file_options(settings: &DatabaseSettings) -> Result<SqliteConnectOptions, DbErr> {
    use sqlx::ConnectOptions as _;
    let options = match &settings.place {
        DatabasePlace::Url(url) => SqliteConnectOptions::from_str(url).map_err(driver_error)?,
        // Absolute, since SQLite takes a name that begins with `file:` for a URI.
        DatabasePlace::File(path) => SqliteConnectOptions::new().filename(std::path::absolute(path).map_err(file_error)?),
    };
    let options = options.statement_cache_capacity(PREPARED_STATEMENTS).disable_statement_logging();
    if settings.read_only {
        // Without a log beside it the file is whole, and nothing has to be made in its folder to read it.
        let whole = !log_of(options.get_filename()).exists();
        return Ok(options.read_only(true).immutable(whole).busy_timeout(READER_WAIT));
    }
    if settings.place.is_a_writable_file() {
        make_for_owner(options.get_filename()).map_err(file_error)?;
    }
    Ok(options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // An acknowledged order survives the loss of power, not only of the process.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(OPENING_WAIT))
}

fn file_error(error: io::Error) -> DbErr {
    driver_error(sqlx::Error::Io(error))
}

/// The write-ahead log of a database file.
fn log_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}

/// Makes the file where it is missing, for its owner alone; SQLite gives the files beside it the same mode. One that is
/// there keeps the mode that its operator chose, and what cannot be made is SQLite's to say.
fn make_for_owner(file: &Path) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(file) {
        #[cfg(unix)]
        Ok(made) => made.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600)),
        #[cfg(not(unix))]
        Ok(_) => Ok(()),
        Err(_) => Ok(()),
    }
}

/// A pool of connections to the file.
fn pool(settings: &DatabaseSettings, file: &SqliteConnectOptions, connections: u32) -> ConnectOptions {
    // The options of the file take the place of this URL.
    let mut options = ConnectOptions::new("sqlite::memory:");
    options
        .max_connections(connections)
        .acquire_timeout(settings.acquire_timeout)
        .test_before_acquire(false)
        .sqlx_logging(false)
        .record_stmt_in_spans(false);
    let file = file.clone();
    options.map_sqlx_sqlite_opts(move |_| file.clone());
    options
}

/// The writer tries often and shortly to get the lock, and SQLite itself says what was committed.
async fn prepare_writer(connection: &mut SqliteConnection, commits: Arc<Commits>) -> Result<(), sqlx::Error> {
    let wait = format!("PRAGMA busy_timeout = {}", LOCK_TRY.as_millis());
    connection.execute(sqlx::AssertSqlSafe(wait)).await?;
    let mut handle = connection.lock_handle().await?;
    handle.set_commit_hook(move || {
        commits.0.fetch_add(1, Ordering::AcqRel);
        true
    });
    Ok(())
}

pub(crate) async fn open(settings: &DatabaseSettings) -> StoreResult<OpenFile> {
    let file = file_options(settings)?;
    let commits = Arc::new(Commits::default());
    let counted = Arc::clone(&commits);
    let mut writer = pool(settings, &file, 1);
    writer.map_sqlx_sqlite_pool_opts(move |pool| {
        let counted = Arc::clone(&counted);
        pool.after_connect(move |connection, _| Box::pin(prepare_writer(connection, Arc::clone(&counted))))
    });
    let writer = sea_orm::Database::connect(writer).await?;
    let reader = sea_orm::Database::connect(pool(settings, &file.busy_timeout(READER_WAIT), READERS)).await?;
    Ok(OpenFile { reader, writer, commits })
}

/// A connection for a migration, which must not be broken off half way because another process holds the lock.
pub(crate) async fn open_for_migration(settings: &DatabaseSettings) -> StoreResult<DatabaseConnection> {
    Ok(sea_orm::Database::connect(pool(settings, &file_options(settings)?, 1)).await?)
}

/// Moves what the log holds into the file, so that the file alone is a whole copy, and closes all connections.
pub(crate) async fn close(reader: &DatabaseConnection, writer: &DatabaseConnection) {
    let work = async {
        reader.close_by_ref().await?;
        writer.execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await?;
        writer.close_by_ref().await
    };
    match tokio::time::timeout(CLOSING_WAIT, work).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(error = %error, "The database file was not closed in order; its log stays beside it."),
        Err(_) => tracing::warn!("The database file is still in use; its log stays beside it."),
    }
}

#[cfg(test)]
#[path = "sqlite_tests.rs"]
mod tests;
