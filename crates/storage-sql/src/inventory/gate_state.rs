//! The one row that says which gate is in use, its epoch, and whether it is open.

use sea_orm::Value;
use sluice_kernel::{PortError, PortResult, Timestamp};

use crate::{Database, error::StoreResult, multi_row::column, statement::Dialect, unit_of_work::UnitOfWork};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Epoch {
    pub(crate) epoch: i64,
    pub(crate) open: bool,
}

impl Epoch {
    /// Before any process has claimed a gate: the database gate, which is always open.
    pub(crate) const UNCLAIMED: Self = Self { epoch: 0, open: true };
}

/// The present epoch, which stays until this transaction ends.
pub(crate) async fn shared_epoch(unit: &UnitOfWork) -> StoreResult<Epoch> {
    let select = match unit.dialect() {
        Dialect::Sqlite => "SELECT epoch, open FROM gate_state WHERE id = 1",
        Dialect::MySql => "SELECT epoch, open FROM gate_state WHERE id = 1 LOCK IN SHARE MODE",
    };
    let Some(row) = unit.row(select, vec![]).await? else { return Ok(Epoch::UNCLAIMED) };
    Ok(Epoch { epoch: column(&row, 0)?, open: column(&row, 1)? })
}

pub(crate) async fn present_epoch(database: &Database) -> StoreResult<Epoch> {
    let Some(row) = database.row("SELECT epoch, open FROM gate_state WHERE id = 1", vec![]).await? else {
        return Ok(Epoch::UNCLAIMED);
    };
    Ok(Epoch { epoch: column(&row, 0)?, open: column(&row, 1)? })
}

/// Two processes over one database are set to different gates: each would sell the other's units.
#[derive(Debug, thiserror::Error)]
#[error(
    "this database belongs to a shop with the stock gate '{stored}', but this process is set to '{wanted}' (setting gate.url); all processes must use the same one"
)]
pub struct GateMismatch {
    pub stored: String,
    pub wanted: String,
}

/// Makes sure that all processes over one database use the same gate.
#[derive(Clone)]
pub struct SqlGateState {
    database: Database,
}

impl SqlGateState {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Notes at the first start which gate (`database` or `redis`) this shop uses; fails where it is another one. A gate
    /// outside the database begins closed, since it has to be built first.
    pub async fn claim(&self, kind: &str, now: Timestamp) -> PortResult<()> {
        self.keep(kind, now).await.map_err(|error| error.into_port("the gate's state"))?;
        self.expect(kind).await
    }

    /// Fails where this shop uses another gate; notes nothing.
    pub async fn expect(&self, kind: &str) -> PortResult<()> {
        let stored = self.stored().await.map_err(|error| error.into_port("the gate's state"))?;
        match stored {
            Some(stored) if stored != kind => {
                Err(PortError::internal("the stock gate", GateMismatch { stored, wanted: kind.to_owned() }))
            }
            _ => Ok(()),
        }
    }

    async fn keep(&self, kind: &str, now: Timestamp) -> StoreResult<()> {
        let insert = format!(
            "INSERT INTO gate_state (id, kind, epoch, open, changed_at) VALUES (1, ?, 1, ?, ?){}",
            self.database.dialect().keep_existing("id")
        );
        let values: Vec<Value> = vec![kind.into(), (kind == "database").into(), now.as_millis().into()];
        self.database.execute(insert, values).await?;
        Ok(())
    }

    async fn stored(&self) -> StoreResult<Option<String>> {
        let row = self.database.row("SELECT kind FROM gate_state WHERE id = 1", vec![]).await?;
        row.map(|row| column(&row, 0)).transpose()
    }
}
