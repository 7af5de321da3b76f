//! Committed changes that a gate outside the database must still be told.

use async_trait::async_trait;
use sluice_inventory::{GateEffect, GateEffectRow, GateEffects};
use sluice_kernel::PortResult;

use crate::{
    Database,
    error::StoreResult,
    multi_row::column,
    statement::{MOST_ROWS, padded, placeholders},
    unit_of_work::UnitOfWork,
};

/// Keeps an effect in the transaction that makes it true.
pub(crate) async fn queue_effect(unit: &UnitOfWork, effect: &GateEffect) -> StoreResult<()> {
    let payload = serde_json::to_string(effect)?;
    unit.execute("INSERT INTO gate_effects (payload) VALUES (?)", vec![payload.into()]).await?;
    Ok(())
}

pub struct SqlGateEffects {
    database: Database,
}

impl SqlGateEffects {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    async fn read(&self, limit: u32) -> StoreResult<Vec<GateEffectRow>> {
        let select = "SELECT id, payload FROM gate_effects ORDER BY id LIMIT ?";
        let rows = self.database.rows(select, vec![i64::from(limit).into()]).await?;
        let read = |row| {
            let payload: String = column(row, 1)?;
            Ok(GateEffectRow { id: column(row, 0)?, effect: serde_json::from_str(&payload)? })
        };
        rows.iter().map(read).collect()
    }

    async fn delete(&self, ids: &[i64]) -> StoreResult<()> {
        for ids in ids.chunks(MOST_ROWS) {
            let delete = format!("DELETE FROM gate_effects WHERE id IN ({})", placeholders(ids.len()));
            self.database.execute(delete, padded(ids).map(Into::into).collect()).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl GateEffects for SqlGateEffects {
    async fn pending(&self, limit: u32) -> PortResult<Vec<GateEffectRow>> {
        self.read(limit).await.map_err(|error| error.into_port("reading gate effects"))
    }

    async fn done(&self, ids: &[i64]) -> PortResult<()> {
        self.delete(ids).await.map_err(|error| error.into_port("forgetting gate effects"))
    }
}
