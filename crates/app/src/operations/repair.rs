//! Making records agree again: the gate is counted anew, movements that were lost are recorded.

use std::time::Duration;

use sluice_kernel::PortResult;

use crate::{OpenShop, bridges::port_error};

impl OpenShop {
    /// Makes a gate outside the database count anew, and forgets changes that could not be told to it and were given up,
    /// since it has counted them; nothing to do for the database gate.
    pub async fn rebuild_gate(&self) -> PortResult<()> {
        let Some(gate) = &self.redis_gate else { return Ok(()) };
        gate.renew().await?;
        let forgotten = self.shop.inventory.forget_given_up().await;
        forgotten.map(|_| ()).map_err(|error| port_error("forgetting gate effects", error))
    }

    /// Records movements of committed orders that no message told; answers how many.
    pub async fn repair_records(&self) -> PortResult<usize> {
        let mut recorded = 0;
        loop {
            let checked = self.shop.inventory.record_missing(Duration::ZERO).await;
            let checked = checked.map_err(|error| port_error("recording movements", error))?;
            recorded += checked.recorded.len();
            if checked.looked < usize::try_from(sluice_inventory::MAX_CHECKED).unwrap_or(usize::MAX) {
                return Ok(recorded);
            }
        }
    }

    /// Waits until a gate outside the database is open.
    pub async fn wait_for_gate(&self) -> PortResult<()> {
        match &self.redis_gate {
            Some(gate) => gate.ensure_open().await,
            None => Ok(()),
        }
    }
}
