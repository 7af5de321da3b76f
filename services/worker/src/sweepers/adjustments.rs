//! Finishes stock adjustments that a crash interrupted between gate and database.

use std::{error::Error, sync::Arc, time::Duration};

use async_trait::async_trait;
use sluice_inventory::InventoryService;

use super::{Sweep, Turn};

pub struct FinishAdjustments {
    pub inventory: Arc<dyn InventoryService>,
    pub older_than: Duration,
}

#[async_trait]
impl Sweep for FinishAdjustments {
    async fn turn(&mut self) -> Result<Turn, Box<dyn Error + Send + Sync>> {
        self.inventory.finish_adjustments(self.older_than).await?;
        Ok(Turn::Done)
    }
}
