//! What every session at a MySQL/MariaDB server is told at its start, and which sessions are used again.
//!
//! The server ends what a frozen or powered-off client leaves behind: its open transaction, and with it the locks that
//! others wait for, and its session. How long a statement waits for somebody else's lock is bounded here too.

use std::time::{Duration, Instant};

use sea_orm::sqlx::{
    self, AssertSqlSafe, Executor as _, MySql, MySqlConnection, Row as _,
    mysql::MySqlDatabaseError,
    pool::{PoolConnectionMetadata, PoolOptions},
};

use crate::{
    connection::{Connection, Doubt},
    error::StoreResult,
    settings::DatabaseSettings,
};

/// A connection that was idle for this long is asked whether its server is still there, and takes writes.
const ASK_AFTER_IDLE: Duration = Duration::from_secs(5);
/// How long it may take to answer; then another one is opened.
const ASK_LIMIT: Duration = Duration::from_secs(1);
/// How long a session may be idle outside of a transaction. The pool asks before it uses one.
const IDLE_SESSION_SECONDS: u64 = 60;
/// How long the server waits for the rest of a packet, or for a client that does not read its answer.
const NETWORK_SECONDS: u64 = 10;
/// A snapshot's reader works on what it read between two statements.
const IDLE_SNAPSHOT: &str = "SET SESSION idle_transaction_timeout = 120";

/// The settings are numbers or words, by the server's version.
const READ_ONLY: &str =
    "SELECT CAST(@@GLOBAL.read_only AS CHAR) NOT IN ('0', 'OFF') OR CAST(@@GLOBAL.innodb_read_only AS CHAR) NOT IN ('0', 'OFF')";

/// MySQL's number of an unknown system variable.
const UNKNOWN_VARIABLE: u16 = 1193;

/// The pool's hooks: settings at the start of a session, and a look before it is used again.
pub(crate) fn keep(pool: PoolOptions<MySql>, settings: &DatabaseSettings, doubt: &Doubt) -> PoolOptions<MySql> {
    let (lock_wait, idle) = (whole_seconds(settings.lock_wait), whole_seconds(settings.idle_transaction));
    let (at_start, before, after) = (doubt.clone(), doubt.clone(), doubt.clone());
    pool.test_before_acquire(false)
        .after_connect(move |connection, _| Box::pin(start(connection, lock_wait, idle, at_start.clone())))
        .before_acquire(move |connection, age| Box::pin(is_fit(connection, age, before.clone())))
        .after_release(move |_, PoolConnectionMetadata { age, .. }| {
            let doubted = after.covers(age);
            Box::pin(async move { Ok(!doubted) })
        })
}

fn whole_seconds(span: Duration) -> u64 {
    span.as_secs().max(1)
}

async fn start(connection: &mut MySqlConnection, lock_wait: u64, idle: u64, doubt: Doubt) -> Result<(), sqlx::Error> {
    // Gap locks would serialise neighbours, and a stale snapshot would hide what a lock was waited for.
    connection.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED").await?;
    // `lock_wait_timeout` bounds what a global read lock or a change of a table makes others wait for.
    let limits = format!(
        "SET SESSION innodb_lock_wait_timeout = {lock_wait}, lock_wait_timeout = {lock_wait}, \
         net_read_timeout = {NETWORK_SECONDS}, net_write_timeout = {NETWORK_SECONDS}"
    );
    let idle_transactions = format!("{limits}, wait_timeout = {IDLE_SESSION_SECONDS}, idle_transaction_timeout = {idle}");
    match connection.execute(AssertSqlSafe(idle_transactions)).await {
        Ok(_) => {}
        // MySQL knows one bound for idle sessions with and without a transaction.
        Err(error) if number(&error) == Some(UNKNOWN_VARIABLE) => {
            connection.execute(AssertSqlSafe(format!("{limits}, wait_timeout = {}", idle * 2))).await?;
        }
        Err(error) => return Err(error),
    }
    if is_read_only(connection).await? {
        doubt.raise_for_read_only();
    }
    Ok(())
}

/// Whether the server takes no writes, as one does that another server replaces.
async fn is_read_only(connection: &mut MySqlConnection) -> Result<bool, sqlx::Error> {
    let row = connection.fetch_one(READ_ONLY).await?;
    Ok(row.try_get::<i64, _>(0)? != 0)
}

fn number(error: &sqlx::Error) -> Option<u16> {
    let sqlx::Error::Database(database) = error else { return None };
    database.try_downcast_ref::<MySqlDatabaseError>().map(MySqlDatabaseError::number)
}

/// False where the connection is to be closed and another one opened.
async fn is_fit(
    connection: &mut MySqlConnection,
    PoolConnectionMetadata { age, idle_for, .. }: PoolConnectionMetadata,
    doubt: Doubt,
) -> Result<bool, sqlx::Error> {
    if doubt.covers(age) {
        return Ok(false);
    }
    if idle_for < ASK_AFTER_IDLE {
        return Ok(true);
    }
    match tokio::time::timeout(ASK_LIMIT, is_read_only(connection)).await {
        Ok(Ok(read_only)) => Ok(!read_only),
        Ok(Err(error)) => {
            tracing::debug!(error = %error, "A connection to the database had gone while it was idle.");
            Ok(false)
        }
        Err(_) => {
            doubt.raise(Instant::now());
            Ok(false)
        }
    }
}

/// Makes the next transaction of this connection a snapshot, whose reader may take its time; the connection is used for
/// nothing else afterwards.
pub(crate) async fn prepare_snapshot(connection: &mut Connection) -> StoreResult<()> {
    connection.use_once();
    // A server without this setting bounds idle sessions alone.
    if let Err(error) = connection.command(IDLE_SNAPSHOT).await
        && error.ends_connection()
    {
        return Err(error);
    }
    connection.command("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").await
}
