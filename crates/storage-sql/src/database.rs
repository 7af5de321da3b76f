//! Connections: a pool for MySQL/MariaDB; for SQLite one writer and a few readers over one file.

use std::{sync::Arc, time::Duration};

use sea_orm::{
    ConnectOptions, ConnectionTrait as _, DatabaseConnection, ExecResult, IsolationLevel, QueryResult, SqliteTransactionMode,
    Statement, TransactionOptions, TransactionTrait as _, Value,
    sqlx::{
        Executor as _,
        sqlite::{SqliteJournalMode, SqliteSynchronous},
    },
};
use sluice_kernel::{PortError, PortResult};
use tokio::sync::Notify;

use crate::{
    error::{StoreError, StoreResult},
    statement::Dialect,
    unit_of_work::UnitOfWork,
};

#[derive(Debug, Clone)]
pub struct DatabaseSettings {
    /// `sqlite://FILE` or `mysql://USER[:PASSWORD]@HOST:PORT/DB[?socket=PATH]`.
    pub url: String,
    /// Connections to MySQL/MariaDB at most.
    pub max_connections: u32,
    /// How long a caller waits for a connection before it is told that the database is away.
    pub acquire_timeout: Duration,
}

impl DatabaseSettings {
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), max_connections: 32, acquire_timeout: Duration::from_secs(3) }
    }
}

/// Says that what a transaction's work borrows lives at least as long as the transaction.
pub(crate) type Borrows<'a, 'b> = std::marker::PhantomData<&'a &'b ()>;

/// Handle to one database; cheap to clone.
#[derive(Clone)]
pub struct Database {
    dialect: Dialect,
    settings: Arc<DatabaseSettings>,
    reader: DatabaseConnection,
    writer: DatabaseConnection,
    outbox: Arc<Notify>,
}

/// Statements a connection keeps prepared: the multi-row shapes of the hot path and everything else.
const PREPARED_STATEMENTS: usize = 1_500;
const SQLITE_READERS: u32 = 4;
/// How often a transaction that met a deadlock is tried before its caller is told.
const MOST_TRIES: u32 = 5;

impl Database {
    pub async fn connect(settings: &DatabaseSettings) -> PortResult<Self> {
        let opened = if settings.url.starts_with("sqlite:") { open_sqlite(settings).await } else { open_mysql(settings).await };
        opened.map_err(|error| PortError::unavailable("the database", error))
    }

    /// The same database over connections of one's own. Statements of many shapes are then prepared on these few and not
    /// on every connection of the pool. SQLite has one writer for everybody.
    pub(crate) async fn with_own_connections(&self, connections: u32) -> PortResult<Self> {
        if self.is_sqlite() {
            return Ok(self.clone());
        }
        let apart = Self::connect(&DatabaseSettings { max_connections: connections, ..(*self.settings).clone() }).await?;
        Ok(Self { outbox: Arc::clone(&self.outbox), ..apart })
    }

    pub fn is_sqlite(&self) -> bool {
        self.dialect == Dialect::Sqlite
    }

    /// A round trip, for readiness.
    pub async fn ping(&self) -> PortResult<()> {
        self.rows("SELECT 1", vec![]).await.map(|_| ()).map_err(|error| error.into_port("a ping"))
    }

    /// Brings the schema up to date.
    pub async fn migrate(&self) -> PortResult<()> {
        use sluice_migrations::{Migrator, MigratorTrait as _};
        Migrator::up(&self.writer, None).await.map_err(|error| PortError::internal("the migration", error))
    }

    /// False where migrations of this program were not applied yet.
    pub async fn is_up_to_date(&self) -> PortResult<bool> {
        use sluice_migrations::{Migrator, MigratorTrait as _};
        let pending = Migrator::get_pending_migrations(&self.writer).await;
        pending.map(|pending| pending.is_empty()).map_err(|error| PortError::internal("reading the schema's version", error))
    }

    /// Rung after each commit in this process that left facts in the outbox.
    pub fn outbox_hint(&self) -> Arc<Notify> {
        Arc::clone(&self.outbox)
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Rows of a query outside any transaction.
    pub(crate) async fn rows(&self, sql: impl Into<String>, values: Vec<Value>) -> StoreResult<Vec<QueryResult>> {
        Ok(self.reader.query_all_raw(Statement::from_sql_and_values(self.dialect.backend(), sql, values)).await?)
    }

    pub(crate) async fn row(&self, sql: impl Into<String>, values: Vec<Value>) -> StoreResult<Option<QueryResult>> {
        Ok(self.reader.query_one_raw(Statement::from_sql_and_values(self.dialect.backend(), sql, values)).await?)
    }

    /// One statement that is a transaction of its own.
    pub(crate) async fn execute(&self, sql: impl Into<String>, values: Vec<Value>) -> StoreResult<ExecResult> {
        Ok(self.writer.execute_raw(Statement::from_sql_and_values(self.dialect.backend(), sql, values)).await?)
    }

    pub(crate) async fn begin(&self) -> StoreResult<UnitOfWork> {
        let options = TransactionOptions {
            // A deferred transaction that turns into a writer fails with BUSY at once, whatever the time-out.
            sqlite_transaction_mode: self.is_sqlite().then_some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        Ok(UnitOfWork::new(self.dialect, self.writer.begin_with_options(options).await?, Arc::clone(&self.outbox)))
    }

    /// A transaction that only reads, all of it at one moment.
    pub(crate) async fn begin_snapshot(&self) -> StoreResult<UnitOfWork> {
        let isolation_level = (!self.is_sqlite()).then_some(IsolationLevel::RepeatableRead);
        let options = TransactionOptions { isolation_level, ..TransactionOptions::default() };
        Ok(UnitOfWork::new(self.dialect, self.reader.begin_with_options(options).await?, Arc::clone(&self.outbox)))
    }

    /// Runs `work` in a transaction and commits it; tries again, a bounded number of times, where the database asks for
    /// it. `work` may run several times and must have no effect outside the transaction.
    pub(crate) async fn in_transaction<T, F>(&self, what: &'static str, work: F) -> PortResult<T>
    where
        T: Send,
        F: for<'a> Fn(&'a UnitOfWork) -> futures_util::future::BoxFuture<'a, StoreResult<T>> + Send + Sync,
    {
        self.try_transaction(work).await.map_err(|error| error.into_port(what))
    }

    /// Like [`Database::in_transaction`], for work that borrows from its caller.
    pub(crate) async fn transact<'b, T, F>(&self, what: &'static str, work: F) -> PortResult<T>
    where
        T: Send,
        F: for<'a> Fn(&'a UnitOfWork, Borrows<'a, 'b>) -> futures_util::future::BoxFuture<'a, StoreResult<T>> + Send + Sync,
    {
        self.try_transact(work).await.map_err(|error| error.into_port(what))
    }

    /// Like [`Database::in_transaction`], for callers that tell errors apart.
    pub(crate) async fn try_transaction<T, F>(&self, work: F) -> StoreResult<T>
    where
        T: Send,
        F: for<'a> Fn(&'a UnitOfWork) -> futures_util::future::BoxFuture<'a, StoreResult<T>> + Send + Sync,
    {
        self.try_transact(|unit, _| work(unit)).await
    }

    pub(crate) async fn try_transact<'b, T, F>(&self, work: F) -> StoreResult<T>
    where
        T: Send,
        F: for<'a> Fn(&'a UnitOfWork, Borrows<'a, 'b>) -> futures_util::future::BoxFuture<'a, StoreResult<T>> + Send + Sync,
    {
        let mut tries = 0;
        loop {
            tries += 1;
            let unit = self.begin().await?;
            let outcome = match work(&unit, Borrows::default()).await {
                Ok(value) => unit.commit().await.map(|()| value),
                Err(error) => {
                    unit.rollback().await;
                    Err(error)
                }
            };
            match outcome {
                Err(error) if error.is_retryable() && tries < MOST_TRIES => {
                    metrics::counter!("sluice_transaction_retries_total").increment(1);
                    tokio::time::sleep(Duration::from_millis(u64::from(tries) * 3)).await;
                }
                settled => return settled,
            }
        }
    }
}

async fn open_sqlite(settings: &DatabaseSettings) -> Result<Database, StoreError> {
    let mut options = ConnectOptions::new(settings.url.clone());
    options.acquire_timeout(settings.acquire_timeout).test_before_acquire(false).sqlx_logging(false).record_stmt_in_spans(false);
    options.map_sqlx_sqlite_opts(|sqlite| {
        sqlite
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // An acknowledged order survives the loss of power, not only of the process.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(10))
            .statement_cache_capacity(PREPARED_STATEMENTS)
    });
    let mut writer = options.clone();
    writer.max_connections(1).min_connections(1);
    let writer = sea_orm::Database::connect(writer).await?;
    options.max_connections(SQLITE_READERS).min_connections(1);
    let reader = sea_orm::Database::connect(options).await?;
    Ok(Database { dialect: Dialect::Sqlite, settings: Arc::new(settings.clone()), reader, writer, outbox: Arc::default() })
}

async fn open_mysql(settings: &DatabaseSettings) -> Result<Database, StoreError> {
    let mut options = ConnectOptions::new(settings.url.clone());
    options
        .max_connections(settings.max_connections)
        .min_connections(settings.max_connections.min(2))
        .acquire_timeout(settings.acquire_timeout)
        .test_before_acquire_if_idle_for(Duration::from_secs(5))
        .sqlx_logging(false)
        .record_stmt_in_spans(false);
    options.map_sqlx_mysql_opts(|mysql| mysql.statement_cache_capacity(PREPARED_STATEMENTS));
    options.map_sqlx_mysql_pool_opts(|pool| {
        pool.after_connect(|connection, _| {
            Box::pin(async move {
                // Gap locks would serialise neighbours, and a stale snapshot would hide what a lock was waited for.
                connection.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED").await?;
                Ok(())
            })
        })
    });
    let connection = sea_orm::Database::connect(options).await?;
    Ok(Database {
        dialect: Dialect::MySql,
        settings: Arc::new(settings.clone()),
        reader: connection.clone(),
        writer: connection,
        outbox: Arc::default(),
    })
}
