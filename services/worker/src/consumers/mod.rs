//! The handlers of the consumers, one file a topic and purpose. Which topic and group each has stands in `work`.

mod auto_cancel;
mod gate_effects;
mod order_created;
mod order_paid;
mod order_refunded;
mod partner_push;
mod payment_settled;
mod points_deduction;
mod stock_sync;

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};
use sluice_events::{BatchHandler, Envelope, HandlerError, Payload, Topic};
use sluice_kernel::TraceContext;

pub use auto_cancel::ExpireOrders;
pub use gate_effects::WakeGateEffects;
pub use order_created::ClearCarts;
pub use order_paid::RecordRedemptions;
pub use order_refunded::MarkRedemptions;
pub use partner_push::TellPartners;
pub use payment_settled::SettleOrders;
pub use points_deduction::DeductPoints;
pub use stock_sync::RecordMovements;

/// What a consumer does with the events of its topic; see [`BatchHandler`].
#[async_trait]
pub trait Handle: Send + Sync {
    async fn handle(&self, batch: &[Envelope]) -> Result<(), HandlerError>;

    fn knows_events_for(&self) -> Option<Duration> {
        None
    }
}

/// A handler under the group that has the bus keep its place.
pub struct Consumer<H> {
    topic: Topic,
    group: &'static str,
    handler: H,
}

impl<H: Handle + 'static> Consumer<H> {
    /// One row of the table.
    #[expect(clippy::new_ret_no_self, reason = "the rows are of one type")]
    pub fn new(topic: Topic, group: &'static str, handler: H) -> Arc<dyn BatchHandler> {
        Arc::new(Self { topic, group, handler })
    }
}

#[async_trait]
impl<H: Handle> BatchHandler for Consumer<H> {
    fn name(&self) -> &'static str {
        self.group
    }

    fn topic(&self) -> Topic {
        self.topic
    }

    async fn handle(&self, batch: &[Envelope]) -> Result<(), HandlerError> {
        self.handler.handle(batch).await
    }

    fn knows_events_for(&self) -> Option<Duration> {
        self.handler.knows_events_for()
    }
}

/// The payloads of type `P` in a batch with their envelopes; events of other types are passed over. One that cannot
/// be read fails the batch, and is then found by trying each alone.
fn payloads<P: Payload>(batch: &[Envelope]) -> Result<Vec<(&Envelope, P)>, HandlerError> {
    let mut read = Vec::with_capacity(batch.len());
    for envelope in batch {
        if let Some(payload) = envelope.read::<P>() {
            read.push((envelope, payload.map_err(|error| HandlerError::unreadable(&error))?));
        }
    }
    Ok(read)
}

/// Handles one event; for consumers whose every event is a transaction of its own.
#[async_trait]
trait HandleOne: Send + Sync {
    async fn handle_one(&self, envelope: &Envelope) -> Result<(), HandlerError>;
}

/// Handles a batch with bounded concurrency across keys and in order within each. All keys are tried, even after one
/// has failed; the first failure is returned.
async fn side_by_side(handler: &dyn HandleOne, batch: &[Envelope], concurrency: usize) -> Result<(), HandlerError> {
    let mut place: HashMap<&str, usize> = HashMap::new();
    let mut keys: Vec<Vec<&Envelope>> = Vec::new();
    for envelope in batch {
        let at = *place.entry(&envelope.key).or_insert(keys.len());
        match keys.get_mut(at) {
            Some(events) => events.push(envelope),
            None => keys.push(vec![envelope]),
        }
    }
    // Collected first: a stream over a closure that borrows would not be `Send` for every lifetime.
    let chains: Vec<_> = keys.into_iter().map(|events| in_order(handler, events)).collect();
    let mut running = stream::iter(chains).buffer_unordered(concurrency.max(1));
    let mut first = Ok(());
    while let Some(result) = running.next().await {
        first = first.and(result);
    }
    first
}

async fn in_order(handler: &dyn HandleOne, events: Vec<&Envelope>) -> Result<(), HandlerError> {
    for envelope in events {
        let trace = envelope.traceparent.as_deref().and_then(TraceContext::parse);
        TraceContext::within(trace, handler.handle_one(envelope)).await?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
