//! How SQL fails, and what the ports are told of it.

mod remedy;

use sea_orm::{DbErr, SqlErr};
use sluice_kernel::{PortError, PortResult};

pub(crate) use remedy::Remedy;

/// What went wrong inside a transaction.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(transparent)]
    Db(#[from] DbErr),
    /// The COMMIT was sent and its answer lost: it may or may not have taken effect.
    #[error("the outcome of a commit is unknown")]
    CommitUnknown(#[source] DbErr),
    /// The engine answered COMMIT with yes and committed nothing: it had rolled the transaction back before.
    #[error("a commit was answered and did not take effect")]
    CommitLost,
    /// The transaction is not continued: the engine may have rolled it back after an earlier error.
    #[error("the transaction had failed before")]
    Broken,
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
    /// What is to be done about it. The outcome of a commit that is unknown is looked up, not tried again.
    pub(crate) fn remedy(&self) -> Remedy {
        match self {
            Self::Db(error) => Remedy::of(error),
            Self::CommitUnknown(_) | Self::CommitLost | Self::Broken => Remedy::Discard,
            Self::Corrupt(_) | Self::Json(_) | Self::Contradiction(_) => Remedy::Ours,
        }
    }

    /// The same transaction may succeed when it is tried again.
    pub fn is_retryable(&self) -> bool {
        self.remedy().tries_again()
    }

    /// Somebody else held a row or a table for longer than a lock is waited for (MySQL 1205): this is no deadlock, and the
    /// same wait comes again until they let go.
    pub fn is_lock_wait(&self) -> bool {
        matches!(self, Self::Db(error) if remedy::is_lock_wait(error))
    }

    /// Another process holds the lock of a SQLite file.
    pub(crate) fn is_locked_file(&self) -> bool {
        matches!(self, Self::Db(error) if remedy::is_locked_file(error))
    }

    pub fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Db(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))))
    }

    /// After this error its connection is never used again, and neither are those opened before it.
    pub fn ends_connection(&self) -> bool {
        self.remedy().discards()
    }

    /// The server or file cannot be reached, or cannot do the work now.
    pub fn is_unavailable(&self) -> bool {
        self.remedy().is_unavailable()
    }

    /// What an operator needs to know, fit to be shown to anybody.
    pub(crate) fn in_words(&self) -> &'static str {
        match self {
            Self::Db(error) | Self::CommitUnknown(error) => remedy::in_words(error),
            Self::CommitLost | Self::Broken => "a transaction was lost",
            Self::Corrupt(_) | Self::Json(_) | Self::Contradiction(_) => "answers with an error",
        }
    }

    pub fn into_port(self, what: &'static str) -> PortError {
        if self.is_unavailable() { PortError::unavailable("the database", self) } else { PortError::internal(what, self) }
    }
}

/// The end of every method of a port: what failed is told in the kernel's words.
pub(crate) trait IntoPort<T> {
    /// `what` names the work, for the operator.
    fn into_port(self, what: &'static str) -> PortResult<T>;
}

impl<T, E: Into<StoreError>> IntoPort<T> for Result<T, E> {
    fn into_port(self, what: &'static str) -> PortResult<T> {
        self.map_err(|error| error.into().into_port(what))
    }
}
