//! Asks providers again for refunds they have not confirmed; the refund's id keeps it to one, and each has a time of its own.

use std::{error::Error, sync::Arc};

use async_trait::async_trait;
use sluice_pay::PayService;

use super::{Sweep, Turn};

pub struct RetryRefunds {
    pub pay: Arc<dyn PayService>,
    pub limit: u32,
}

#[async_trait]
impl Sweep for RetryRefunds {
    async fn turn(&mut self) -> Result<Turn, Box<dyn Error + Send + Sync>> {
        Ok(Turn::of(self.pay.retry_refunds(self.limit).await?, self.limit))
    }
}
