//! How SQL fails, and what the ports are told of it.

use sea_orm::{DbErr, RuntimeErr, SqlErr, sqlx};
use sluice_kernel::PortError;

/// What went wrong inside a transaction.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(transparent)]
    Db(#[from] DbErr),
    /// The COMMIT was sent and its answer lost: it may or may not have taken effect.
    #[error("the outcome of a commit is unknown")]
    CommitUnknown(#[source] DbErr),
    /// A stored value that no version of the program writes.
    #[error("unreadable value in {0}")]
    Corrupt(&'static str),
    #[error("a stored JSON text is unreadable")]
    Json(#[from] serde_json::Error),
    /// Stored rows contradict each other, or what is asked contradicts them.
    #[error("{0}")]
    Contradiction(&'static str),
}

pub type StoreResult<T> = Result<T, StoreError>;

impl StoreError {
    /// Deadlock, lock wait time-out, changed read snapshot (MySQL 1213, 1205, 1020) or a busy SQLite file: the same
    /// transaction may succeed when it is tried again.
    pub fn is_retryable(&self) -> bool {
        let Self::Db(error) = self else { return false };
        match database_code(error) {
            Some(Code::MySql(number)) => matches!(number, 1213 | 1205 | 1020),
            // SQLITE_BUSY and SQLITE_LOCKED with their extended forms.
            Some(Code::Sqlite(number)) => matches!(number & 0xff, 5 | 6),
            None => false,
        }
    }

    pub fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Db(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))))
    }

    /// The server or file cannot be reached now.
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::CommitUnknown(_) => true,
            Self::Db(error) => connection_is_lost(error) || self.is_retryable(),
            Self::Corrupt(_) | Self::Json(_) | Self::Contradiction(_) => false,
        }
    }

    pub fn into_port(self, what: &'static str) -> PortError {
        if self.is_unavailable() { PortError::unavailable("the database", self) } else { PortError::internal(what, self) }
    }
}

enum Code {
    MySql(u16),
    Sqlite(i32),
}

fn sqlx_error(error: &DbErr) -> Option<&sqlx::Error> {
    let (DbErr::Conn(runtime) | DbErr::Exec(runtime) | DbErr::Query(runtime)) = error else { return None };
    match runtime {
        RuntimeErr::SqlxError(inner) => Some(inner),
        RuntimeErr::Internal(_) => None,
    }
}

fn database_code(error: &DbErr) -> Option<Code> {
    let sqlx::Error::Database(database) = sqlx_error(error)? else { return None };
    if let Some(mysql) = database.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        return Some(Code::MySql(mysql.number()));
    }
    database.code().and_then(|code| code.parse().ok()).map(Code::Sqlite)
}

fn connection_is_lost(error: &DbErr) -> bool {
    if matches!(error, DbErr::ConnectionAcquire(_)) {
        return true;
    }
    match sqlx_error(error) {
        Some(
            sqlx::Error::Io(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Protocol(_),
        ) => true,
        // 1053 server shutdown, 1927 connection killed, 1040 too many connections, 1290 read only, 1836 read-only mode.
        Some(sqlx::Error::Database(_)) => {
            matches!(database_code(error), Some(Code::MySql(1053 | 1927 | 1040 | 1290 | 1836)))
        }
        _ => matches!(error, DbErr::Conn(_)),
    }
}
