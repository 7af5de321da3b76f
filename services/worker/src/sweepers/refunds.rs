//! Asks providers again for refunds they have not confirmed; the refund's id keeps it to one.

use std::{error::Error, sync::Arc, time::Duration};

use async_trait::async_trait;
use sluice_pay::PayService;

use super::{Sweep, Turn};

pub struct RetryRefunds {
    pub pay: Arc<dyn PayService>,
    pub older_than: Duration,
}

#[async_trait]
impl Sweep for RetryRefunds {
    fn name(&self) -> &'static str {
        "refunds"
    }

    async fn turn(&mut self) -> Result<Turn, Box<dyn Error + Send + Sync>> {
        self.pay.retry_refunds(self.older_than).await?;
        Ok(Turn::Done)
    }
}
