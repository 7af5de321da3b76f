//! What time it is at the database: the one clock that all processes of a shop share.

use sluice_kernel::{PortResult, Timestamp};

use crate::{
    database::Database,
    error::{IntoPort as _, StoreError, StoreResult},
    multi_row::tuple,
    statement::Dialect,
};

/// Without the session's time zone, in which an hour may come twice.
const MYSQL: &str = "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(3)) DIV 1000";
/// 2440587.5 is the Julian day of 1970-01-01T00:00:00Z.
const SQLITE: &str = "SELECT CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER)";

impl Database {
    /// The server's time; with SQLite that of the machine.
    pub async fn time(&self) -> PortResult<Timestamp> {
        self.read_time().await.into_port("asking the database for the time")
    }

    async fn read_time(&self) -> StoreResult<Timestamp> {
        let select = match self.dialect() {
            Dialect::Sqlite => SQLITE,
            Dialect::MySql => MYSQL,
        };
        let row = self.row(select, vec![]).await?.ok_or(StoreError::Contradiction("the database tells no time"))?;
        Ok(Timestamp::from_millis(tuple(&row)?))
    }
}
