//! `order-paid`, `order-cancelled`, `order-refunded` → the gate hears of the change soon, wherever it was committed.
//!
//! Only rings the bell of the effects' sweeper: the effect itself stands in the database, and a gate that is away
//! must not hold up the topic.

use std::sync::Arc;

use async_trait::async_trait;
use sluice_events::{BatchHandler, Envelope, HandlerError, Topic};
use tokio::sync::Notify;

pub struct NudgeGate {
    pub name: &'static str,
    pub topic: Topic,
    pub effects: Arc<Notify>,
}

#[async_trait]
impl BatchHandler for NudgeGate {
    fn name(&self) -> &'static str {
        self.name
    }

    fn topic(&self) -> Topic {
        self.topic
    }

    async fn handle(&self, _: &[Envelope]) -> Result<(), HandlerError> {
        self.effects.notify_one();
        Ok(())
    }
}
