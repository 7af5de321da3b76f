//! The consumers, one file a topic and purpose, one line each in [`all`].

mod auto_cancel;
mod gate_nudge;
mod order_created;
mod order_paid;
mod order_refunded;
mod partner_push;
mod payment_settled;
mod points_deduction;
mod stock_sync;

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};
use sluice_app::Shop;
use sluice_events::{BatchHandler, Envelope, HandlerError, Payload, Topic};

use crate::{Hints, WorkerSettings};
use auto_cancel::ExpireOrders;
use gate_nudge::NudgeGate;
use order_created::ClearCarts;
use order_paid::RecordRedemptions;
use order_refunded::MarkRedemptions;
use partner_push::TellPartners;
use payment_settled::SettleOrders;
use points_deduction::DeductPoints;
use stock_sync::RecordMovements;

/// Every consumer that this shop needs.
pub fn all(shop: &Shop, hints: &Hints, settings: &WorkerSettings) -> Vec<Arc<dyn BatchHandler>> {
    let concurrency = settings.concurrency;
    let nudge = |name, topic| -> Arc<dyn BatchHandler> { Arc::new(NudgeGate { name, topic, effects: hints.effects.clone() }) };
    let tell = |name, topic| -> Arc<dyn BatchHandler> { Arc::new(TellPartners { name, topic, partner: shop.partner.clone() }) };
    let mut all: Vec<Arc<dyn BatchHandler>> = vec![
        Arc::new(ClearCarts { carts: shop.cart.clone() }),
        Arc::new(DeductPoints { points: shop.points.clone() }),
        Arc::new(ExpireOrders { orders: shop.orders.clone(), concurrency }),
        Arc::new(SettleOrders { orders: shop.orders.clone(), concurrency }),
        Arc::new(RecordRedemptions { promotion: shop.promotion.clone() }),
        Arc::new(MarkRedemptions { promotion: shop.promotion.clone() }),
        tell("partner.order-paid", Topic::OrderPaid),
        tell("partner.order-cancelled", Topic::OrderCancelled),
        tell("partner.order-refunded", Topic::OrderRefunded),
    ];
    // Behind a gate outside the database the ledger follows by message, and the gate hears of what became of an order.
    if shop.inventory.follows_messages() {
        all.push(Arc::new(RecordMovements { inventory: shop.inventory.clone() }));
        all.push(nudge("inventory.order-paid", Topic::OrderPaid));
        all.push(nudge("inventory.order-cancelled", Topic::OrderCancelled));
        all.push(nudge("inventory.order-refunded", Topic::OrderRefunded));
    }
    all
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
        handler.handle_one(envelope).await?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
