//! Connections: a pool for MySQL/MariaDB; for SQLite one writer and a few readers over one file.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use sea_orm::{ConnectOptions, DatabaseConnection, ExecResult, QueryResult, Value};
use sluice_kernel::{PortError, PortResult};
use tokio::sync::Notify;

use crate::{
    connection::{Doubt, Pool},
    error::{StoreError, StoreResult},
    held_rows::HeldRows,
    session,
    settings::{DatabasePlace, DatabaseSettings},
    sqlite::{self, Commits, LockWait},
    statement::Dialect,
    unit_of_work::UnitOfWork,
};

/// Says that what a transaction's work borrows lives at least as long as the transaction.
pub(crate) type Borrows<'a, 'b> = std::marker::PhantomData<&'a &'b ()>;

/// Handle to one database; cheap to clone.
#[derive(Clone)]
pub struct Database {
    dialect: Dialect,
    settings: Arc<DatabaseSettings>,
    reader: Pool,
    writer: Pool,
    doubt: Doubt,
    held: Arc<HeldRows>,
    outbox: Arc<Notify>,
    /// The connections are few and may keep a statement for every number of rows.
    every_shape: bool,
    lock_wait: Arc<LockWait>,
    /// SQLite's count of what the writer committed.
    commits: Option<Arc<Commits>>,
}

/// Statements that a connection of the pool keeps prepared. All connections of all processes together must stay below
/// `max_prepared_stmt_count` of the server (16,382 unless set), and one that is evicted stalls the next command.
const POOL_STATEMENTS: u16 = 200;
/// Statements that a connection of a group commit keeps prepared: its multi-row shapes.
const GROUP_STATEMENTS: u16 = 1_500;
/// Connections of the group commit of orders, beside the pool.
pub(crate) const GROUP_CONNECTIONS: u16 = 2;
/// How often work is tried that the engine broke off, before its caller is told.
const MAX_TRIES: u32 = 5;
/// No further try begins after this time.
const MAX_TRYING: Duration = Duration::from_secs(3);
const FORMER_SCHEMA: &str = "this database is from before the first release and cannot be brought up to date: take an empty one";
const MIGRATION_LOCK_WAIT: Duration = Duration::from_secs(50);
/// A snapshot reads all orders there are; it is taken by commands and by a gate that is built anew, never by a request.
const SNAPSHOT_STATEMENT: Duration = Duration::from_mins(2);

/// Tries of a statement or a transaction that the engine broke off and that may succeed at once.
struct Tries {
    made: u32,
    began: Instant,
}

impl Tries {
    fn begin() -> Self {
        Self { made: 0, began: Instant::now() }
    }

    /// Whether the work is to be done once more; waits a moment before.
    async fn again<T>(&mut self, outcome: &StoreResult<T>) -> bool {
        let Err(error) = outcome else { return false };
        self.made += 1;
        // Whoever holds a row for longer than a lock is waited for will hold it still: that is told at once.
        if !error.is_retryable() || error.is_lock_wait() || self.made >= MAX_TRIES || self.began.elapsed() >= MAX_TRYING {
            return false;
        }
        metrics::counter!("sluice_transaction_retries_total").increment(1);
        tokio::time::sleep(Duration::from_millis(u64::from(self.made) * 3)).await;
        true
    }
}

impl Database {
    pub async fn connect(settings: &DatabaseSettings) -> PortResult<Self> {
        Self::open(settings, Doubt::default(), POOL_STATEMENTS).await
    }

    async fn open(settings: &DatabaseSettings, doubt: Doubt, statements: u16) -> PortResult<Self> {
        let opened = match &settings.place {
            DatabasePlace::Url(url) if !settings.place.is_sqlite() => open_mysql(url, settings, doubt, statements).await,
            DatabasePlace::Url(_) | DatabasePlace::File(_) => open_sqlite(settings).await,
        };
        opened.map_err(|error| PortError::unavailable("the database", error))
    }

    /// The same database over connections of one's own. Statements of many shapes are then prepared on these few and not
    /// on every connection of the pool. SQLite has one writer for everybody.
    pub(crate) async fn with_own_connections(&self, connections: u32) -> PortResult<Self> {
        if self.is_sqlite() {
            return Ok(self.clone());
        }
        let settings = DatabaseSettings { max_connections: connections, ..(*self.settings).clone() };
        // One server is behind both: what one doubts the other doubts.
        let apart = Self::open(&settings, self.doubt.clone(), GROUP_STATEMENTS).await?;
        Ok(Self { outbox: Arc::clone(&self.outbox), held: Arc::clone(&self.held), every_shape: true, ..apart })
    }

    /// Ends the use of this database in an orderly way: the file of a SQLite database is then a whole copy by itself.
    /// What is still asked afterwards is told that the database is not available.
    pub async fn close(&self) {
        if self.is_sqlite() && !self.settings.read_only {
            sqlite::close(&self.reader.unbounded(), &self.writer.unbounded()).await;
        }
    }

    pub fn is_sqlite(&self) -> bool {
        self.dialect == Dialect::Sqlite
    }

    /// Connections that a process opens at a server at most.
    pub(crate) fn connections_of_a_process(&self) -> i64 {
        i64::from(self.settings.max_connections) + i64::from(GROUP_CONNECTIONS)
    }

    /// Statements that a process keeps prepared at a server at most.
    pub(crate) fn statements_of_a_process(&self) -> i64 {
        let pool = i64::from(self.settings.max_connections).saturating_mul(POOL_STATEMENTS.into());
        pool.saturating_add(i64::from(GROUP_CONNECTIONS) * i64::from(GROUP_STATEMENTS))
    }

    /// Brings the schema up to date.
    pub async fn migrate(&self) -> PortResult<()> {
        use sluice_migrations::{Migrator, MigratorTrait as _};
        let failed = |error: StoreError| error.into_port("the migration");
        // A change of a table waits for the transactions that use it, and may take its time.
        let patient = if self.is_sqlite() {
            sqlite::open_for_migration(&self.settings).await.map_err(failed)?
        } else {
            let patient = DatabaseSettings { lock_wait: MIGRATION_LOCK_WAIT, ..(*self.settings).clone() };
            Self::open(&patient, Doubt::default(), POOL_STATEMENTS).await?.writer.unbounded()
        };
        let migrated = match refuse_former(&patient).await {
            Ok(()) => Migrator::up(&patient, None).await.map_err(|error| failed(error.into())),
            Err(error) => Err(failed(error)),
        };
        let closed = patient.close().await.map_err(|error| failed(error.into()));
        migrated.and(closed)
    }

    /// False where migrations of this program were not applied yet.
    pub async fn is_up_to_date(&self) -> PortResult<bool> {
        use sluice_migrations::{Migrator, MigratorTrait as _};
        let failed = |error: StoreError| error.into_port("reading the schema's version");
        let connection = self.writer.unbounded();
        refuse_former(&connection).await.map_err(failed)?;
        let pending = Migrator::get_pending_migrations(&connection).await.map_err(|error| failed(error.into()))?;
        Ok(pending.is_empty())
    }

    /// Notified after each commit in this process that left facts in the outbox.
    pub fn outbox_hint(&self) -> Arc<Notify> {
        Arc::clone(&self.outbox)
    }

    /// The rows that somebody else is known to hold.
    pub(crate) fn held(&self) -> &HeldRows {
        &self.held
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Rows of a query outside any transaction.
    pub(crate) async fn rows(&self, sql: impl Into<String>, values: Vec<Value>) -> StoreResult<Vec<QueryResult>> {
        let sql = sql.into();
        let mut tries = Tries::begin();
        loop {
            let read = match self.reader.acquire(None).await {
                Ok(mut connection) => connection.rows(sql.clone(), values.clone()).await,
                Err(error) => Err(error),
            };
            if !tries.again(&read).await {
                return read;
            }
        }
    }

    pub(crate) async fn row(&self, sql: impl Into<String>, values: Vec<Value>) -> StoreResult<Option<QueryResult>> {
        let sql = sql.into();
        let mut tries = Tries::begin();
        loop {
            let read = match self.reader.acquire(None).await {
                Ok(mut connection) => connection.row(sql.clone(), values.clone()).await,
                Err(error) => Err(error),
            };
            if !tries.again(&read).await {
                return read;
            }
        }
    }

    /// One statement that is a transaction of its own.
    pub(crate) async fn execute(&self, sql: impl Into<String>, values: Vec<Value>) -> StoreResult<ExecResult> {
        let sql = sql.into();
        let mut tries = Tries::begin();
        loop {
            let executed = match self.writer.acquire(None).await {
                Ok(mut connection) => connection.execute(sql.clone(), values.clone()).await,
                Err(error) => Err(error),
            };
            if !self.lock_wait.tries_again(&executed) && !tries.again(&executed).await {
                return executed;
            }
        }
    }

    pub(crate) async fn begin(&self) -> StoreResult<UnitOfWork> {
        self.begin_until(None).await
    }

    /// A transaction of which nothing waits beyond `deadline`.
    pub(crate) async fn begin_until(&self, deadline: Option<Instant>) -> StoreResult<UnitOfWork> {
        loop {
            let begun = self.begin_once(deadline).await;
            if !self.lock_wait.tries_again(&begun) || deadline.is_some_and(|end| Instant::now() >= end) {
                return begun;
            }
        }
    }

    async fn begin_once(&self, deadline: Option<Instant>) -> StoreResult<UnitOfWork> {
        let mut connection = self.writer.acquire(deadline).await?;
        let statement = match self.dialect {
            // A deferred transaction that turns into a writer fails with BUSY at once, whatever the time-out.
            Dialect::Sqlite => "BEGIN IMMEDIATE",
            Dialect::MySql => "BEGIN",
        };
        connection.begin(statement).await?;
        let unit = UnitOfWork::new(self.dialect, connection, Arc::clone(&self.outbox));
        Ok(unit.of_few_connections(self.every_shape).counted(self.commits.clone()))
    }

    /// A transaction that sees what others have written and not committed.
    pub(crate) async fn begin_dirty(&self) -> StoreResult<UnitOfWork> {
        let mut connection = self.reader.acquire(None).await?;
        if self.dialect == Dialect::MySql {
            connection.command("SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED").await?;
        }
        connection.begin("BEGIN").await?;
        Ok(UnitOfWork::new(self.dialect, connection, Arc::clone(&self.outbox)))
    }

    /// A transaction that only reads, all of it at one moment.
    pub(crate) async fn begin_snapshot(&self) -> StoreResult<UnitOfWork> {
        let mut connection = self.reader.acquire(None).await?;
        connection.allow(SNAPSHOT_STATEMENT);
        if self.dialect == Dialect::MySql {
            session::prepare_snapshot(&mut connection).await?;
        }
        connection.begin("BEGIN").await?;
        Ok(UnitOfWork::new(self.dialect, connection, Arc::clone(&self.outbox)))
    }

    /// Runs `work` in a transaction and commits it; tries again, a bounded number of times, where the database asks for
    /// it. `work` may run several times and must have no effect outside the transaction. It may borrow from its caller: its
    /// second argument says that what it borrows lives long enough.
    pub(crate) async fn transact<'b, T, F>(&self, work: F) -> StoreResult<T>
    where
        T: Send,
        F: for<'a> Fn(&'a UnitOfWork, Borrows<'a, 'b>) -> futures_util::future::BoxFuture<'a, StoreResult<T>> + Send + Sync,
    {
        let mut tries = Tries::begin();
        loop {
            let outcome = match self.begin().await {
                Ok(unit) => match work(&unit, Borrows::default()).await {
                    Ok(value) => unit.commit().await.map(|()| value),
                    Err(error) => {
                        unit.rollback().await;
                        Err(error)
                    }
                },
                Err(error) => Err(error),
            };
            if !tries.again(&outcome).await {
                return outcome;
            }
        }
    }
}

/// A database of before the first release is never migrated half way.
async fn refuse_former(connection: &DatabaseConnection) -> StoreResult<()> {
    if sluice_migrations::Migrator::is_from_before_the_first_release(connection).await? {
        return Err(StoreError::Contradiction(FORMER_SCHEMA));
    }
    Ok(())
}

async fn open_sqlite(settings: &DatabaseSettings) -> Result<Database, StoreError> {
    let sqlite::OpenFile { reader, writer, commits } = sqlite::open(settings).await?;
    let pool = |connection: &sea_orm::DatabaseConnection| {
        Pool::sqlite(connection.get_sqlite_connection_pool().clone(), settings.acquire_timeout, settings.statement_timeout)
    };
    Ok(Database {
        dialect: Dialect::Sqlite,
        settings: Arc::new(settings.clone()),
        reader: pool(&reader),
        writer: pool(&writer),
        doubt: Doubt::default(),
        held: Arc::default(),
        outbox: Arc::default(),
        // No server counts them.
        every_shape: true,
        lock_wait: Arc::default(),
        commits: Some(commits),
    })
}

async fn open_mysql(url: &str, settings: &DatabaseSettings, doubt: Doubt, statements: u16) -> Result<Database, StoreError> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(settings.max_connections)
        .acquire_timeout(settings.acquire_timeout)
        .sqlx_logging(false)
        .record_stmt_in_spans(false);
    options.map_sqlx_mysql_opts(move |mysql| mysql.statement_cache_capacity(usize::from(statements)));
    let (limits, doubted) = (settings.clone(), doubt.clone());
    options.map_sqlx_mysql_pool_opts(move |pool| session::keep(pool, &limits, &doubted));
    let connection = sea_orm::Database::connect(options).await?;
    let pool = connection.get_mysql_connection_pool().clone();
    let pool = Pool::mysql(pool, settings.acquire_timeout, settings.statement_timeout, doubt.clone());
    Ok(Database {
        dialect: Dialect::MySql,
        settings: Arc::new(settings.clone()),
        reader: pool.clone(),
        writer: pool,
        doubt,
        held: Arc::default(),
        outbox: Arc::default(),
        every_shape: false,
        lock_wait: Arc::default(),
        commits: None,
    })
}
