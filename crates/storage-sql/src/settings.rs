//! Where a database is, and how long anybody waits for it.

use std::{path::PathBuf, time::Duration};

/// Where a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabasePlace {
    /// A SQLite file by its name, whatever characters that has.
    File(PathBuf),
    /// `sqlite://FILE` or `mysql://USER[:PASSWORD]@HOST:PORT/DB[?socket=PATH]`.
    Url(String),
}

impl DatabasePlace {
    pub fn is_sqlite(&self) -> bool {
        match self {
            Self::File(_) => true,
            Self::Url(url) => url.starts_with("sqlite:"),
        }
    }

    /// False for a SQLite database in memory, and for one that its URL opens for reading alone.
    pub(crate) fn is_a_writable_file(&self) -> bool {
        match self {
            Self::File(_) => true,
            Self::Url(url) => !["sqlite::memory:", "mode=memory", "mode=ro"].iter().any(|special| url.contains(special)),
        }
    }
}

#[derive(Debug, Clone)]
pub struct DatabaseSettings {
    pub place: DatabasePlace,
    /// Connections to MySQL/MariaDB at most.
    pub max_connections: u32,
    /// How long a caller waits for a connection before it is told that the database is away.
    pub acquire_timeout: Duration,
    /// How long a statement, a BEGIN or a COMMIT may take; beyond it the connection is thrown away.
    pub statement_timeout: Duration,
    /// How long MySQL/MariaDB lets a statement wait for a lock; whole seconds.
    pub lock_wait: Duration,
    /// How long MySQL/MariaDB lets a transaction be open and idle, as those of a frozen process are; whole seconds.
    pub idle_transaction: Duration,
    /// Nothing is written: a SQLite file is opened for reading, and no file is made beside it.
    pub read_only: bool,
}

impl DatabaseSettings {
    pub fn new(url: impl Into<String>) -> Self {
        Self::at(DatabasePlace::Url(url.into()))
    }

    pub fn at(place: DatabasePlace) -> Self {
        Self {
            place,
            max_connections: 32,
            acquire_timeout: Duration::from_secs(3),
            statement_timeout: Duration::from_secs(3),
            lock_wait: Duration::from_secs(1),
            idle_transaction: Duration::from_secs(5),
            read_only: false,
        }
    }
}
