//! `order-paid`, `order-cancelled`, `order-refunded` → what partners are told of it is kept for sending (docs/domain.md S1 rules
//! 6, 9 and 10). Sending is the sweeper's: a partner that is away holds up neither the topic nor an order.

use std::sync::Arc;

use async_trait::async_trait;
use sluice_events::{Envelope, HandlerError, OrderCancelled, OrderPaid, OrderRefunded};
use sluice_partner::{OrderChange, PartnerService};

use super::{Handle, payloads};

pub struct TellPartners {
    pub partner: Arc<dyn PartnerService>,
}

#[async_trait]
impl Handle for TellPartners {
    async fn handle(&self, batch: &[Envelope]) -> Result<(), HandlerError> {
        let changes = changes(batch)?;
        if changes.is_empty() {
            return Ok(());
        }
        let kept = self.partner.enqueue(&changes).await;
        kept.map(|_| ()).map_err(|error| HandlerError::from_classified(&error))
    }
}

/// Every change that the batch tells of, whatever its topic.
fn changes(batch: &[Envelope]) -> Result<Vec<OrderChange>, HandlerError> {
    let id = |envelope: &Envelope| envelope.id.clone();
    let mut changes = Vec::with_capacity(batch.len());
    changes.extend(
        payloads::<OrderPaid>(batch)?.into_iter().map(|(envelope, order)| OrderChange::Paid { event_id: id(envelope), order }),
    );
    changes.extend(
        payloads::<OrderCancelled>(batch)?
            .into_iter()
            .map(|(envelope, order)| OrderChange::Cancelled { event_id: id(envelope), order }),
    );
    changes.extend(
        payloads::<OrderRefunded>(batch)?
            .into_iter()
            .map(|(envelope, order)| OrderChange::Refunded { event_id: id(envelope), order }),
    );
    Ok(changes)
}

#[cfg(test)]
#[path = "partner_push_tests.rs"]
mod tests;
