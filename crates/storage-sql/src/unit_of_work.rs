//! A transaction: all of it or nothing.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbErr, ExecResult, QueryResult, Statement, Value};

use tokio::sync::Notify;

use crate::{
    error::{StoreError, StoreResult},
    statement::Dialect,
};

/// An open transaction. Dropping it rolls back.
pub(crate) struct UnitOfWork {
    dialect: Dialect,
    transaction: DatabaseTransaction,
    /// Rung after a commit that left facts in the outbox.
    outbox: Arc<Notify>,
    leaves_facts: AtomicBool,
}

impl UnitOfWork {
    pub(crate) fn new(dialect: Dialect, transaction: DatabaseTransaction, outbox: Arc<Notify>) -> Self {
        Self { dialect, transaction, outbox, leaves_facts: AtomicBool::new(false) }
    }

    /// Outbox rows were written here: the relay is called once they are committed.
    pub(crate) fn leaves_facts(&self) {
        self.leaves_facts.store(true, Ordering::Relaxed);
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Runs a statement and answers how many rows it changed.
    pub(crate) async fn execute(&self, sql: impl Into<String>, values: Vec<Value>) -> StoreResult<u64> {
        Ok(self.execute_raw(sql, values).await?.rows_affected())
    }

    pub(crate) async fn execute_raw(&self, sql: impl Into<String>, values: Vec<Value>) -> StoreResult<ExecResult> {
        Ok(self.transaction.execute_raw(Statement::from_sql_and_values(self.dialect.backend(), sql, values)).await?)
    }

    pub(crate) async fn rows(&self, sql: impl Into<String>, values: Vec<Value>) -> StoreResult<Vec<QueryResult>> {
        Ok(self.transaction.query_all_raw(Statement::from_sql_and_values(self.dialect.backend(), sql, values)).await?)
    }

    pub(crate) async fn row(&self, sql: impl Into<String>, values: Vec<Value>) -> StoreResult<Option<QueryResult>> {
        Ok(self.transaction.query_one_raw(Statement::from_sql_and_values(self.dialect.backend(), sql, values)).await?)
    }

    pub(crate) async fn commit(self) -> StoreResult<()> {
        match self.transaction.commit().await {
            Ok(()) => {
                if self.leaves_facts.into_inner() {
                    self.outbox.notify_one();
                }
                Ok(())
            }
            Err(error) => {
                let failed = StoreError::Db(error);
                // The server said no: nothing was committed. Anything else leaves the outcome open.
                if failed.is_retryable() || !failed.is_unavailable() {
                    return Err(failed);
                }
                let StoreError::Db(error) = failed else { return Err(failed) };
                Err(StoreError::CommitUnknown(error))
            }
        }
    }

    /// Rolls back; a connection that is lost has rolled back by itself.
    pub(crate) async fn rollback(self) {
        if let Err(error) = self.transaction.rollback().await {
            log_lost_rollback(&error);
        }
    }
}

fn log_lost_rollback(error: &DbErr) {
    tracing::debug!(error = %error, "A rollback was not answered; the connection is gone and its transaction with it.");
}
