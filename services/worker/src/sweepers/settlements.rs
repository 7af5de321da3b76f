//! Brings orders what was settled for them, where no event has: the event was lost, its consumer stands still, or the order could
//! not take it at that moment. Settlements are claimed, so several workers share them.

use std::{error::Error, sync::Arc};

use async_trait::async_trait;
use sluice_order::OrderService;

use super::{Sweep, Turn};

pub struct SettleWaiting {
    pub orders: Arc<dyn OrderService>,
    pub limit: u32,
}

#[async_trait]
impl Sweep for SettleWaiting {
    async fn turn(&mut self) -> Result<Turn, Box<dyn Error + Send + Sync>> {
        Ok(Turn::of(self.orders.settle_waiting(self.limit).await?, self.limit))
    }
}

/// Begins the deductions of orders in points whose `order-created` was lost. Never in a hurry: while a points platform is away
/// many orders are confirming, and each of them has its task.
pub struct DeductWaiting {
    pub orders: Arc<dyn OrderService>,
    pub limit: u32,
}

#[async_trait]
impl Sweep for DeductWaiting {
    async fn turn(&mut self) -> Result<Turn, Box<dyn Error + Send + Sync>> {
        self.orders.deduct_waiting(self.limit).await?;
        Ok(Turn::Done)
    }
}
