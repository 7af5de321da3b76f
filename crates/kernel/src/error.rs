//! Few kinds of failure, mapped once per transport: one table to HTTP, one to retry or dead letter.

use std::error::Error;

/// What a caller may do about a failure. The HTTP status and the retry decision follow from it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request can never succeed as it is (400, 422); never retried.
    Invalid,
    /// Nothing of that name is visible to the caller (404).
    NotFound,
    /// The request lost a race or meets a state that refuses it (409).
    Conflict,
    /// The caller sent too much (429 with `Retry-After`).
    RateLimited,
    /// A queue is full (503 `overloaded` with `Retry-After`).
    Overloaded,
    /// A part we depend on is away (503 with `Retry-After`); worth trying again.
    Unavailable,
    /// A defect or corrupt data (500); a consumer dead-letters it.
    Internal,
}

impl ErrorKind {
    /// True where the same call may succeed later without being changed.
    pub fn is_transient(self) -> bool {
        matches!(self, Self::RateLimited | Self::Overloaded | Self::Unavailable)
    }
}

/// An error that says its kind and its code in the public catalogue (docs/errors.md).
pub trait Classified: Error {
    fn kind(&self) -> ErrorKind;
    /// The stable code clients match on, for instance `insufficient_stock`.
    fn code(&self) -> &'static str;
}

/// How a driven port fails, whatever technology is behind it. The cause stays in `source` for the operator;
/// the client never sees it.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    #[error("{what} is not available")]
    Unavailable { what: &'static str, source: Box<dyn Error + Send + Sync> },
    #[error("the queue of {what} is full")]
    Overloaded { what: &'static str },
    #[error("the stock gate is closed")]
    GateClosed,
    #[error("{what} failed")]
    Internal { what: &'static str, source: Box<dyn Error + Send + Sync> },
}

pub type PortResult<T> = Result<T, PortError>;

impl PortError {
    pub fn unavailable(what: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable { what, source: source.into() }
    }

    pub fn internal(what: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Internal { what, source: source.into() }
    }
}

impl Classified for PortError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Unavailable { .. } | Self::GateClosed => ErrorKind::Unavailable,
            Self::Overloaded { .. } => ErrorKind::Overloaded,
            Self::Internal { .. } => ErrorKind::Internal,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } => "unavailable",
            Self::GateClosed => "stock_gate_closed",
            Self::Overloaded { .. } => "overloaded",
            Self::Internal { .. } => "internal",
        }
    }
}
