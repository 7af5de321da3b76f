//! `stock-sync` → ledger and stock rows: one call a batch. With the database gate they stand already, and nobody
//! consumes here.

use std::sync::Arc;

use async_trait::async_trait;
use sluice_events::{Envelope, HandlerError, StockMoved};
use sluice_inventory::InventoryService;

use super::{Handle, payloads};

pub struct RecordMovements {
    pub inventory: Arc<dyn InventoryService>,
}

#[async_trait]
impl Handle for RecordMovements {
    async fn handle(&self, batch: &[Envelope]) -> Result<(), HandlerError> {
        let movements: Vec<StockMoved> = payloads::<StockMoved>(batch)?.into_iter().map(|(_, movement)| movement).collect();
        if movements.is_empty() {
            return Ok(());
        }
        self.inventory.record(&movements).await.map_err(|error| HandlerError::from_classified(&error))
    }
}
