//! Sends to partners what is due. The turn only begins the sending: a slow partner holds up neither another one nor the
//! sweeper. Each target is leased to one process at a time, so every worker may look.

use std::{error::Error, sync::Arc};

use async_trait::async_trait;
use sluice_partner::PartnerService;

use super::{Sweep, Turn};

pub struct SendPushes {
    pub partner: Arc<dyn PartnerService>,
    /// Targets begun in one turn.
    pub limit: u32,
}

#[async_trait]
impl Sweep for SendPushes {
    async fn turn(&mut self) -> Result<Turn, Box<dyn Error + Send + Sync>> {
        Ok(Turn::of(self.partner.run_due(self.limit).await?, self.limit))
    }
}
