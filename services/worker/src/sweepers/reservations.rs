//! Releases reservations whose order never came (no leak), after they are old enough to race nobody in a hurry; the
//! outcome's unique row decides where a commit and this sweeper meet.

use std::{error::Error, sync::Arc, time::Duration};

use async_trait::async_trait;
use sluice_inventory::{InventoryService, Swept};

use super::{Sweep, Turn};

pub struct ReleaseOrphans {
    pub inventory: Arc<dyn InventoryService>,
    pub older_than: Duration,
}

#[async_trait]
impl Sweep for ReleaseOrphans {
    async fn turn(&mut self) -> Result<Turn, Box<dyn Error + Send + Sync>> {
        let Swept { released, full } = self.inventory.sweep_reservations(self.older_than).await?;
        if released > 0 {
            tracing::info!(reservations.released = released, "Reservations without an order were released.");
        }
        Ok(if full { Turn::More } else { Turn::Done })
    }
}
