//! `auto-cancel` → an order whose payment window has closed is cancelled, unless it was paid.

use std::sync::Arc;

use async_trait::async_trait;
use sluice_events::{Envelope, HandlerError, PaymentWindowClosed};
use sluice_order::OrderService;

use super::{Handle, HandleOne, side_by_side};

pub struct ExpireOrders {
    pub orders: Arc<dyn OrderService>,
    pub concurrency: usize,
}

#[async_trait]
impl Handle for ExpireOrders {
    async fn handle(&self, batch: &[Envelope]) -> Result<(), HandlerError> {
        side_by_side(self, batch, self.concurrency).await
    }
}

#[async_trait]
impl HandleOne for ExpireOrders {
    async fn handle_one(&self, envelope: &Envelope) -> Result<(), HandlerError> {
        let Some(closed) = envelope.read::<PaymentWindowClosed>() else { return Ok(()) };
        let closed = closed.map_err(|error| HandlerError::unreadable(&error))?;
        let expired = self.orders.expire(&closed).await;
        expired.map_err(|error| HandlerError::from_classified(&error))
    }
}
