//! `auto-cancel` → an order whose payment window has closed is cancelled, unless it was paid.

use std::sync::Arc;

use async_trait::async_trait;
use sluice_events::{BatchHandler, Envelope, HandlerError, Payload as _, PaymentWindowClosed, Topic};
use sluice_order::OrderService;

use super::{HandleOne, side_by_side};

pub struct ExpireOrders {
    pub orders: Arc<dyn OrderService>,
    pub concurrency: usize,
}

#[async_trait]
impl BatchHandler for ExpireOrders {
    fn name(&self) -> &'static str {
        "order.auto-cancel"
    }

    fn topic(&self) -> Topic {
        PaymentWindowClosed::TOPIC
    }

    async fn handle(&self, batch: &[Envelope]) -> Result<(), HandlerError> {
        side_by_side(self, batch, self.concurrency).await
    }
}

#[async_trait]
impl HandleOne for ExpireOrders {
    async fn handle_one(&self, envelope: &Envelope) -> Result<(), HandlerError> {
        let Some(closed) = envelope.read::<PaymentWindowClosed>() else { return Ok(()) };
        let closed = closed.map_err(|error| HandlerError::unreadable(&error))?;
        let expired = self.orders.expire(&closed, envelope.traceparent.as_deref()).await;
        expired.map_err(|error| HandlerError::from_classified(&error))
    }
}
