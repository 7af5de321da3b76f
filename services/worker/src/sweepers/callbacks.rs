//! Sends the embedded provider's callbacks again until they are accepted, as a real provider would.

use std::{error::Error, sync::Arc};

use async_trait::async_trait;
use sluice_app::Cashier;

use super::{Sweep, Turn};

pub struct DeliverCallbacks {
    pub cashier: Arc<dyn Cashier>,
}

#[async_trait]
impl Sweep for DeliverCallbacks {
    async fn turn(&mut self) -> Result<Turn, Box<dyn Error + Send + Sync>> {
        self.cashier.deliver_owed().await?;
        Ok(Turn::Done)
    }
}
