//! `payment-settled` → the order takes the money, or the refund (docs/domain.md S2 rule 9).

use std::sync::Arc;

use async_trait::async_trait;
use sluice_events::{Envelope, HandlerError, PaymentSettled};
use sluice_order::OrderService;

use super::{Handle, HandleOne, side_by_side};

pub struct SettleOrders {
    pub orders: Arc<dyn OrderService>,
    pub concurrency: usize,
}

#[async_trait]
impl Handle for SettleOrders {
    async fn handle(&self, batch: &[Envelope]) -> Result<(), HandlerError> {
        side_by_side(self, batch, self.concurrency).await
    }
}

#[async_trait]
impl HandleOne for SettleOrders {
    async fn handle_one(&self, envelope: &Envelope) -> Result<(), HandlerError> {
        let Some(settled) = envelope.read::<PaymentSettled>() else { return Ok(()) };
        let settled = settled.map_err(|error| HandlerError::unreadable(&error))?;
        let taken = self.orders.settle(&settled).await;
        taken.map_err(|error| HandlerError::from_classified(&error))
    }
}
