//! A transaction: all of it or nothing.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use sea_orm::{ExecResult, QueryResult, Value};
use tokio::sync::{Mutex, Notify};

use crate::{
    connection::Connection,
    error::{Remedy, StoreError, StoreResult},
    sqlite::Commits,
    statement::Dialect,
};

/// An open transaction. Dropping it throws its connection away, and the server rolls back.
pub(crate) struct UnitOfWork {
    dialect: Dialect,
    connection: Mutex<Connection>,
    /// Notified after a commit that left facts in the outbox.
    outbox: Arc<Notify>,
    leaves_facts: AtomicBool,
    /// Its connection is one of few and may keep a statement for every number of rows.
    every_shape: bool,
    /// Where SQLite counts the commits of the connection in use.
    commits: Option<Arc<Commits>>,
}

impl UnitOfWork {
    /// `connection` has begun its transaction.
    pub(crate) fn new(dialect: Dialect, connection: Connection, outbox: Arc<Notify>) -> Self {
        Self {
            dialect,
            connection: Mutex::new(connection),
            outbox,
            leaves_facts: AtomicBool::new(false),
            every_shape: true,
            commits: None,
        }
    }

    pub(crate) fn of_few_connections(self, every_shape: bool) -> Self {
        Self { every_shape, ..self }
    }

    pub(crate) fn counted(self, commits: Option<Arc<Commits>>) -> Self {
        Self { commits, ..self }
    }

    /// Outbox rows were written here: the relay is called once they are committed.
    pub(crate) fn leaves_facts(&self) {
        self.leaves_facts.store(true, Ordering::Relaxed);
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    pub(crate) fn keeps_every_shape(&self) -> bool {
        self.every_shape
    }

    /// A statement without values that is not kept prepared.
    pub(crate) async fn command(&self, sql: &'static str) -> StoreResult<()> {
        self.connection.lock().await.command(sql).await
    }

    /// Runs a statement and answers how many rows it changed.
    pub(crate) async fn execute(&self, sql: impl Into<String>, values: Vec<Value>) -> StoreResult<u64> {
        Ok(self.execute_raw(sql, values).await?.rows_affected())
    }

    pub(crate) async fn execute_raw(&self, sql: impl Into<String>, values: Vec<Value>) -> StoreResult<ExecResult> {
        self.connection.lock().await.execute(sql.into(), values).await
    }

    pub(crate) async fn rows(&self, sql: impl Into<String>, values: Vec<Value>) -> StoreResult<Vec<QueryResult>> {
        self.connection.lock().await.rows(sql.into(), values).await
    }

    pub(crate) async fn row(&self, sql: impl Into<String>, values: Vec<Value>) -> StoreResult<Option<QueryResult>> {
        self.connection.lock().await.row(sql.into(), values).await
    }

    /// `CommitUnknown` and `CommitLost` leave open, or deny, what an answer seemed to say: look up before going on.
    pub(crate) async fn commit(self) -> StoreResult<()> {
        let counted = self.commits.as_ref().map(|commits| commits.count());
        match self.connection.into_inner().end("COMMIT").await {
            Ok(()) if counted.is_some() && counted == self.commits.as_ref().map(|commits| commits.count()) => {
                tracing::error!("SQLite had ended a transaction before its commit; it is not acknowledged.");
                Err(StoreError::CommitLost)
            }
            Ok(()) => {
                if self.leaves_facts.into_inner() {
                    self.outbox.notify_one();
                }
                Ok(())
            }
            // The engine said no: nothing was committed. Anything else leaves the outcome open.
            Err(StoreError::Db(error)) if Remedy::of(&error).leaves_commit_open() => Err(StoreError::CommitUnknown(error)),
            Err(failed) => Err(failed),
        }
    }

    /// Rolls back; a connection that is lost is not waited for, the server rolls back when it is gone.
    pub(crate) async fn rollback(self) {
        if let Err(error) = self.connection.into_inner().end("ROLLBACK").await {
            tracing::debug!(error = %error, "A rollback was not answered; its connection is thrown away and the transaction with it.");
        }
    }
}
