//! `order-refunded` → the redemption of an activity order that was refunded in full is marked.

use std::sync::Arc;

use async_trait::async_trait;
use sluice_events::{Envelope, HandlerError, OrderRefunded};
use sluice_promotion::PromotionService;

use super::{Handle, payloads};

pub struct MarkRedemptions {
    pub promotion: Arc<dyn PromotionService>,
}

#[async_trait]
impl Handle for MarkRedemptions {
    async fn handle(&self, batch: &[Envelope]) -> Result<(), HandlerError> {
        let refunded: Vec<OrderRefunded> = payloads::<OrderRefunded>(batch)?.into_iter().map(|(_, order)| order).collect();
        self.promotion.record_refunded(&refunded).await.map_err(|error| HandlerError::from_classified(&error))
    }
}
