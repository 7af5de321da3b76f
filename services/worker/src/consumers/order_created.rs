//! `order-created` → the ordered quantities leave the cart (docs/domain.md S2 rule 6), whatever the order named.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use sluice_cart::{CartService, OrderedLines};
use sluice_events::{Envelope, HandlerError, OrderCreated};
use sluice_kernel::OrderKind;

use super::{Handle, payloads};

pub struct ClearCarts {
    pub carts: Arc<dyn CartService>,
}

impl ClearCarts {
    /// Also the consumer's name in the inbox.
    pub const GROUP: &str = "cart.order-created";
}

#[async_trait]
impl Handle for ClearCarts {
    /// A cart is lessened by what an event says; that it was handled is known by its inbox row, which is kept 14 days.
    fn knows_events_for(&self) -> Option<Duration> {
        Some(Duration::from_hours(24 * 13))
    }

    async fn handle(&self, batch: &[Envelope]) -> Result<(), HandlerError> {
        let ordered: Vec<OrderedLines> = payloads::<OrderCreated>(batch)?
            .into_iter()
            // An activity's product is no cart line.
            .filter(|(_, order)| order.kind == OrderKind::Cart)
            .map(|(envelope, order)| OrderedLines {
                event_id: envelope.id.clone(),
                store: order.store_id,
                user: order.user_id,
                lines: order.lines.iter().map(|line| (line.sku_id, line.quantity)).collect(),
            })
            .collect();
        if ordered.is_empty() {
            return Ok(());
        }
        let taken_out = self.carts.take_out_ordered(Self::GROUP, &ordered).await;
        taken_out.map_err(|error| HandlerError::from_classified(&error))
    }
}
