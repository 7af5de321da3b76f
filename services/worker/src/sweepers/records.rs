//! Records stock movements that no message told: of orders that were committed long enough ago, what the ledger lacks.

use std::{error::Error, sync::Arc, time::Duration};

use async_trait::async_trait;
use sluice_inventory::{InventoryService, MAX_CHECKED};

use super::{Sweep, Turn};

pub struct RecordMissing {
    pub inventory: Arc<dyn InventoryService>,
    pub older_than: Duration,
}

#[async_trait]
impl Sweep for RecordMissing {
    async fn turn(&mut self) -> Result<Turn, Box<dyn Error + Send + Sync>> {
        let checked = self.inventory.record_missing(self.older_than).await?;
        if let Some(first) = checked.recorded.first() {
            tracing::warn!(
                movements.recorded = checked.recorded.len(),
                movement.first = first.movement_id,
                "Stock movements that no message told were recorded from their orders."
            );
        }
        Ok(Turn::of(checked.looked, MAX_CHECKED))
    }
}
