//! Tells a gate outside the database what was committed: sells, releases, restocks, listings. Works while the bus is
//! away, since the effects stand in the database.

use std::{error::Error, sync::Arc};

use async_trait::async_trait;
use sluice_inventory::InventoryService;

use super::{Sweep, Turn};

pub struct TellGate {
    pub inventory: Arc<dyn InventoryService>,
    pub limit: u32,
}

#[async_trait]
impl Sweep for TellGate {
    async fn turn(&mut self) -> Result<Turn, Box<dyn Error + Send + Sync>> {
        Ok(Turn::of(self.inventory.apply_effects(self.limit).await?, self.limit))
    }
}
