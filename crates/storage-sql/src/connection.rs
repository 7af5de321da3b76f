//! One connection taken from a pool, how long its commands may take, and whether it is ever used again.
//!
//! Contract: every command has a bound. A connection goes back to its pool only when its last command was answered and no
//! transaction is open on it. Otherwise it is thrown away for good: a command that was not waited for to its end, a COMMIT
//! or ROLLBACK that failed, or an error that ends connections leave nobody knows what behind. Throwing away waits for
//! nobody, frees its place in the pool at once, and the server rolls back what was open.
//!
//! BEGIN, COMMIT and ROLLBACK are statements like others. The driver's own count of open transactions is not used: it
//! goes wrong where a database rolls back by itself.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sea_orm::{
    ConnAcquireErr, DbErr, ExecResult, QueryResult, RuntimeErr, Value,
    sea_query::Values,
    sqlx::{self, AssertSqlSafe, Executor as _, MySql, MySqlPool, Sqlite, SqlitePool, pool::PoolConnection},
};
use sea_query_sqlx::SqlxValues;

use crate::error::{StoreError, StoreResult};

/// How long a connection's way back into its pool may take: one round trip.
const RETURN_LIMIT: Duration = Duration::from_secs(2);
/// A session at a read-only server is used once, and so is every other that was opened within this time: while one of them
/// is opened, another server may take the place of the one at the address.
const READ_ONLY_GRACE: Duration = Duration::from_secs(1);
/// A time-out after less than this says that the caller had no time left, and nothing of the server.
const SUSPICIOUS: Duration = Duration::from_secs(1);

/// Connections opened before a certain moment are not trusted any more: the server behind them was silent, went away or
/// became read-only. Pools close them instead of handing them out. One for all pools of a server.
#[derive(Debug, Clone)]
pub(crate) struct Doubt(Arc<Signs>);

#[derive(Debug)]
struct Signs {
    start: Instant,
    raised: Mutex<Option<Instant>>,
    /// When the server answered last, in microseconds since `start`.
    answered: AtomicU64,
}

impl Default for Doubt {
    fn default() -> Self {
        Self(Arc::new(Signs { start: Instant::now(), raised: Mutex::default(), answered: AtomicU64::new(0) }))
    }
}

impl Doubt {
    /// A connection that was handed out at `taken` showed that those of its age lead nowhere. One that was open before the
    /// last doubt came up shows nothing new: an outage fails many commands at the same moment.
    pub(crate) fn raise(&self, taken: Instant) {
        let mut raised = self.raised();
        if raised.is_none_or(|raised| raised <= taken) {
            *raised = Some(Instant::now());
            metrics::counter!("sluice_database_doubts_total").increment(1);
        }
    }

    /// A session was opened at a server that is read-only. What is behind the address may be another server soon, and this
    /// one would go on answering with old rows.
    pub(crate) fn raise_for_read_only(&self) {
        *self.raised() = Some(Instant::now() + READ_ONLY_GRACE);
        metrics::counter!("sluice_database_doubts_total").increment(1);
    }

    fn raised(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.raised.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a connection of this age was open when the last doubt came up.
    pub(crate) fn covers(&self, age: Duration) -> bool {
        self.raised().is_some_and(|raised| raised.elapsed() <= age)
    }

    fn micros(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.0.start).as_micros()).unwrap_or(u64::MAX)
    }

    fn note_answer(&self) {
        self.0.answered.store(self.micros(Instant::now()), Ordering::Relaxed);
    }

    /// A command that was sent then was not answered. If nobody else was either, it is the server or the path to it.
    fn note_silence(&self, sent: Instant, taken: Instant) {
        if self.0.answered.load(Ordering::Relaxed) < self.micros(sent) {
            self.raise(taken);
        }
    }
}

#[derive(Clone)]
enum Source {
    MySql(MySqlPool),
    Sqlite(SqlitePool),
}

/// A pool, and the bounds of what is done on its connections.
#[derive(Clone)]
pub(crate) struct Pool {
    source: Source,
    acquire_timeout: Duration,
    statement_timeout: Duration,
    doubt: Doubt,
}

enum Held {
    MySql(PoolConnection<MySql>),
    Sqlite(PoolConnection<Sqlite>),
}

/// A connection that is in use. See the module's contract for what becomes of it.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own; none excludes another")]
pub(crate) struct Connection {
    held: Option<Held>,
    doubt: Doubt,
    /// When it was handed out.
    taken: Instant,
    /// How long one command may take.
    limit: Duration,
    /// No command goes on beyond it.
    deadline: Option<Instant>,
    /// When the last command was sent.
    sent: Instant,
    /// The last command was answered, and its answer did not end the connection.
    answered: bool,
    /// BEGIN was sent, and neither COMMIT nor ROLLBACK succeeded since.
    open: bool,
    /// An error after which the engine may have rolled back by itself: nothing follows it.
    broken: bool,
    /// It is thrown away after this use, whatever happens.
    once: bool,
}

/// What becomes of a connection after its use.
enum Fate {
    Returns,
    ThrownAway,
}

pub(crate) fn timed_out(what: &'static str) -> DbErr {
    DbErr::Conn(RuntimeErr::Internal(format!("{what} was not answered in time")))
}

fn not_acquired(error: sqlx::Error) -> DbErr {
    #[expect(clippy::wildcard_enum_match_arm, reason = "two of the driver's many errors have a kind of their own")]
    match error {
        sqlx::Error::PoolTimedOut => DbErr::ConnectionAcquire(ConnAcquireErr::Timeout),
        sqlx::Error::PoolClosed => DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed),
        other => DbErr::Conn(RuntimeErr::SqlxError(other.into())),
    }
}

impl Pool {
    pub(crate) fn mysql(pool: MySqlPool, acquire_timeout: Duration, statement_timeout: Duration, doubt: Doubt) -> Self {
        Self { source: Source::MySql(pool), acquire_timeout, statement_timeout, doubt }
    }

    pub(crate) fn sqlite(pool: SqlitePool, acquire_timeout: Duration, statement_timeout: Duration) -> Self {
        Self { source: Source::Sqlite(pool), acquire_timeout, statement_timeout, doubt: Doubt::default() }
    }

    /// The same connections as sea-orm sees them: for migrations, which know no bounds.
    pub(crate) fn unbounded(&self) -> sea_orm::DatabaseConnection {
        match &self.source {
            Source::MySql(pool) => pool.clone().into(),
            Source::Sqlite(pool) => pool.clone().into(),
        }
    }

    /// A connection within the acquire time-out, and not beyond `deadline`.
    pub(crate) async fn acquire(&self, deadline: Option<Instant>) -> StoreResult<Connection> {
        let wait =
            deadline.map_or(self.acquire_timeout, |end| self.acquire_timeout.min(end.saturating_duration_since(Instant::now())));
        let acquiring = async {
            match &self.source {
                Source::MySql(pool) => pool.acquire().await.map(Held::MySql),
                Source::Sqlite(pool) => pool.acquire().await.map(Held::Sqlite),
            }
        };
        let acquired = match tokio::time::timeout(wait, acquiring).await {
            Ok(acquired) => acquired.map_err(not_acquired)?,
            Err(_) => return Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout).into()),
        };
        let taken = Instant::now();
        Ok(Connection {
            held: Some(acquired),
            doubt: self.doubt.clone(),
            taken,
            limit: self.statement_timeout,
            deadline,
            sent: taken,
            answered: true,
            open: false,
            broken: false,
            once: false,
        })
    }
}

/// Text and values of a statement, in the driver's words.
fn query<DB>(sql: String, values: Vec<Value>) -> sqlx::query::Query<'static, DB, SqlxValues>
where
    DB: sqlx::Database,
    SqlxValues: sqlx::IntoArguments<DB>,
{
    #[cfg(test)]
    crate::growth_tests::record(&sql, &values);
    sqlx::query_with(AssertSqlSafe(sql), SqlxValues(Values(values)))
}

impl Connection {
    /// Gives the commands that follow this long each, for work that reads much.
    pub(crate) fn allow(&mut self, limit: Duration) {
        self.limit = limit;
    }

    pub(crate) fn use_once(&mut self) {
        self.once = true;
    }

    pub(crate) async fn execute(&mut self, sql: String, values: Vec<Value>) -> StoreResult<ExecResult> {
        let (limit, held) = self.begin_command()?;
        let command = async {
            match held {
                Held::MySql(mysql) => query(sql, values).execute(&mut **mysql).await.map(ExecResult::from),
                Held::Sqlite(sqlite) => query(sql, values).execute(&mut **sqlite).await.map(ExecResult::from),
            }
        };
        let outcome = tokio::time::timeout(limit, command).await;
        self.end_command(outcome, limit, DbErr::Exec)
    }

    pub(crate) async fn rows(&mut self, sql: String, values: Vec<Value>) -> StoreResult<Vec<QueryResult>> {
        let (limit, held) = self.begin_command()?;
        let command = async {
            match held {
                Held::MySql(mysql) => {
                    let rows = query(sql, values).fetch_all(&mut **mysql).await?;
                    Ok(rows.into_iter().map(QueryResult::from).collect())
                }
                Held::Sqlite(sqlite) => {
                    let rows = query(sql, values).fetch_all(&mut **sqlite).await?;
                    Ok(rows.into_iter().map(QueryResult::from).collect())
                }
            }
        };
        let outcome = tokio::time::timeout(limit, command).await;
        self.end_command(outcome, limit, DbErr::Query)
    }

    pub(crate) async fn row(&mut self, sql: String, values: Vec<Value>) -> StoreResult<Option<QueryResult>> {
        let (limit, held) = self.begin_command()?;
        let command = async {
            match held {
                Held::MySql(mysql) => query(sql, values).fetch_optional(&mut **mysql).await.map(|row| row.map(QueryResult::from)),
                Held::Sqlite(sqlite) => {
                    query(sql, values).fetch_optional(&mut **sqlite).await.map(|row| row.map(QueryResult::from))
                }
            }
        };
        let outcome = tokio::time::timeout(limit, command).await;
        self.end_command(outcome, limit, DbErr::Query)
    }

    /// Opens a transaction.
    pub(crate) async fn begin(&mut self, statement: &'static str) -> StoreResult<()> {
        self.open = true;
        let begun = self.command(statement).await;
        // A BEGIN that was answered with an error opened nothing.
        if begun.is_err() && self.answered {
            self.open = false;
        }
        begun
    }

    /// COMMIT or ROLLBACK; a connection on which it failed is thrown away.
    pub(crate) async fn end(&mut self, statement: &'static str) -> StoreResult<()> {
        self.command(statement).await?;
        self.open = false;
        Ok(())
    }

    /// A statement that is not prepared.
    pub(crate) async fn command(&mut self, statement: &'static str) -> StoreResult<()> {
        let (limit, held) = self.begin_command()?;
        let command = async {
            match held {
                Held::MySql(mysql) => mysql.execute(statement).await.map(|_| ()),
                Held::Sqlite(sqlite) => sqlite.execute(statement).await.map(|_| ()),
            }
        };
        let outcome = tokio::time::timeout(limit, command).await;
        self.end_command(outcome, limit, DbErr::Query)
    }

    fn begin_command(&mut self) -> StoreResult<(Duration, &mut Held)> {
        if self.broken {
            return Err(StoreError::Broken);
        }
        if !self.answered {
            return Err(timed_out("the statement before").into());
        }
        self.sent = Instant::now();
        let left = self.deadline.map(|end| end.saturating_duration_since(self.sent));
        let limit = left.map_or(self.limit, |left| self.limit.min(left));
        // A future that is dropped half way leaves it so.
        self.answered = false;
        let held = self.held.as_mut().ok_or(StoreError::Contradiction("a connection that was given back is used"))?;
        Ok((limit, held))
    }

    fn end_command<T>(
        &mut self,
        outcome: Result<Result<T, sqlx::Error>, tokio::time::error::Elapsed>,
        limit: Duration,
        kind: fn(RuntimeErr) -> DbErr,
    ) -> StoreResult<T> {
        let error = match outcome {
            Ok(Ok(answer)) => {
                self.answered = true;
                self.doubt.note_answer();
                return Ok(answer);
            }
            Ok(Err(error)) => StoreError::from(kind(RuntimeErr::SqlxError(error.into()))),
            Err(_) => {
                if limit >= SUSPICIOUS {
                    self.doubt.note_silence(self.sent, self.taken);
                }
                return Err(timed_out("a statement").into());
            }
        };
        if error.ends_connection() {
            self.broken = true;
            self.doubt.raise(self.taken);
        } else {
            self.answered = true;
        }
        Err(error)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let Some(held) = self.held.take() else { return };
        let fate = if self.answered && !self.open && !self.once { Fate::Returns } else { Fate::ThrownAway };
        match (held, fate, tokio::runtime::Handle::try_current()) {
            (Held::MySql(mut mysql), Fate::Returns, Ok(runtime)) => {
                runtime.spawn(tokio::time::timeout(RETURN_LIMIT, mysql.return_to_pool()));
            }
            (Held::Sqlite(mut sqlite), Fate::Returns, Ok(runtime)) => {
                runtime.spawn(tokio::time::timeout(RETURN_LIMIT, sqlite.return_to_pool()));
            }
            // Detached it frees its place in the pool; dropped it closes its socket or file without a word.
            (Held::MySql(mysql), ..) => drop(mysql.detach()),
            (Held::Sqlite(sqlite), ..) => drop(sqlite.detach()),
        }
    }
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
