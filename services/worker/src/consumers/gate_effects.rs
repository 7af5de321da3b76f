//! `order-paid`, `order-cancelled`, `order-refunded` → the gate hears of the change soon, wherever it was committed.
//!
//! Only wakes the sweeper of the effects: the effect itself stands in the database, and a gate that is away
//! must not hold up the topic.

use std::sync::Arc;

use async_trait::async_trait;
use sluice_events::{Envelope, HandlerError};
use tokio::sync::Notify;

use super::Handle;

pub struct WakeGateEffects {
    pub effects: Arc<Notify>,
}

#[async_trait]
impl Handle for WakeGateEffects {
    async fn handle(&self, _: &[Envelope]) -> Result<(), HandlerError> {
        self.effects.notify_one();
        Ok(())
    }
}
