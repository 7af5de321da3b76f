//! Trying what placing needs of the database, for readiness and `sluice doctor`.
//!
//! Contract: a trial writes and commits as an order does, and leaves nothing behind. It says what stands in the way in plain
//! words that may be shown to anybody; the whole cause is in the error.

use futures_util::FutureExt as _;
use sluice_kernel::{PortError, PortResult, Timestamp};

use crate::{
    Database,
    error::{IntoPort as _, StoreError, StoreResult},
    unit_of_work::UnitOfWork,
};

/// Each needs a right, writes nothing and locks nothing.
const NEEDED: [&str; 9] = [
    "INSERT INTO orders SELECT * FROM orders WHERE 1 = 0",
    "INSERT INTO order_children SELECT * FROM order_children WHERE 1 = 0",
    "INSERT INTO order_items SELECT * FROM order_items WHERE 1 = 0",
    "INSERT INTO order_activities SELECT * FROM order_activities WHERE 1 = 0",
    "INSERT INTO payments SELECT * FROM payments WHERE 1 = 0",
    "INSERT INTO outbox SELECT * FROM outbox WHERE 1 = 0",
    "INSERT INTO stock_ledger SELECT * FROM stock_ledger WHERE 1 = 0",
    "UPDATE stock SET usable = usable WHERE 1 = 0",
    "UPDATE orders SET version = version WHERE 1 = 0",
];

/// Why the database cannot take orders now.
#[derive(Debug, thiserror::Error)]
#[error("{words}")]
pub struct TrialFailed {
    /// In plain words, without names, addresses or values.
    pub words: &'static str,
    #[source]
    source: StoreError,
}

/// What a server allows, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerLimits {
    pub version: String,
    pub max_connections: i64,
    pub max_prepared_statements: i64,
    pub sql_mode: String,
    /// 1 where every commit is on disk before it is answered.
    pub flush_at_commit: i64,
    /// Processes that hold a node number now.
    pub processes: i64,
}

#[derive(Clone)]
pub struct SqlTrial {
    database: Database,
}

impl SqlTrial {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Writes as an order does. `name` is 16 bytes that nobody else uses.
    pub async fn write(&self, name: [u8; 16], now: Timestamp) -> Result<(), TrialFailed> {
        let written = self.database.transact(move |unit, _| write(unit, name, now).boxed()).await;
        written.map_err(|source| TrialFailed { words: source.in_words(), source })
    }

    /// When the oldest event became due that has not left the outbox; `None` where all have left.
    pub async fn oldest_event(&self) -> PortResult<Option<Timestamp>> {
        let read = async || -> StoreResult<Option<Timestamp>> {
            let row = self.database.row("SELECT available_at FROM outbox ORDER BY id LIMIT 1", vec![]).await?;
            Ok(row.map(|row| row.try_get_by_index::<i64>(0)).transpose()?.map(Timestamp::from_millis))
        };
        read().await.into_port("looking at the outbox")
    }

    /// `None` for SQLite, which has no such limits.
    pub async fn server_limits(&self, now: Timestamp) -> PortResult<Option<ServerLimits>> {
        if self.database.is_sqlite() {
            return Ok(None);
        }
        self.read_limits(now).await.map(Some).into_port("the server's settings")
    }

    /// Connections that one process opens at most.
    pub fn connections_of_a_process(&self) -> i64 {
        self.database.connections_of_a_process()
    }

    /// Prepared statements that one process keeps at most.
    pub fn statements_of_a_process(&self) -> i64 {
        self.database.statements_of_a_process()
    }

    async fn read_limits(&self, now: Timestamp) -> StoreResult<ServerLimits> {
        let select = "SELECT VERSION() AS version, @@max_connections AS connections, @@max_prepared_stmt_count AS statements, \
                      @@sql_mode AS mode, @@innodb_flush_log_at_trx_commit AS flush";
        let row = self.database.row(select, vec![]).await?.ok_or(StoreError::Corrupt("the server's settings"))?;
        let number = |name: &str| -> StoreResult<i64> {
            // A server answers its numbers signed or unsigned.
            let signed = row.try_get_by::<i64, _>(name);
            Ok(signed.or_else(|_| row.try_get_by::<u64, _>(name).map(|value| i64::try_from(value).unwrap_or(i64::MAX)))?)
        };
        let holders = "SELECT COUNT(*) AS processes FROM node_leases WHERE until_at > ?";
        let processes = self.database.row(holders, vec![now.as_millis().into()]).await?;
        Ok(ServerLimits {
            version: row.try_get_by("version")?,
            max_connections: number("connections")?,
            max_prepared_statements: number("statements")?,
            sql_mode: row.try_get_by("mode")?,
            flush_at_commit: number("flush")?,
            processes: processes.map_or(Ok(0), |row| row.try_get_by("processes"))?,
        })
    }
}

/// A key is claimed and given back in one transaction: nobody ever sees it.
async fn write(unit: &UnitOfWork, name: [u8; 16], now: Timestamp) -> StoreResult<()> {
    for statement in NEEDED {
        unit.command(statement).await?;
    }
    let claim = "INSERT INTO idempotency_keys (scope, order_no, fingerprint, created_at) VALUES (?, 0, ?, ?)";
    unit.execute(claim, vec![name.to_vec().into(), vec![0_u8; 32].into(), now.as_millis().into()]).await?;
    unit.execute("DELETE FROM idempotency_keys WHERE scope = ?", vec![name.to_vec().into()]).await?;
    Ok(())
}

impl From<TrialFailed> for PortError {
    fn from(failed: TrialFailed) -> Self {
        Self::unavailable("the database", failed)
    }
}
