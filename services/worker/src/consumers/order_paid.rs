//! `order-paid` → the redemption of an activity order is recorded, whatever it was paid in (docs/domain.md S1 rule 10).

use std::sync::Arc;

use async_trait::async_trait;
use sluice_events::{Envelope, HandlerError, OrderPaid};
use sluice_promotion::PromotionService;

use super::{Handle, payloads};

pub struct RecordRedemptions {
    pub promotion: Arc<dyn PromotionService>,
}

#[async_trait]
impl Handle for RecordRedemptions {
    async fn handle(&self, batch: &[Envelope]) -> Result<(), HandlerError> {
        let paid: Vec<OrderPaid> = payloads::<OrderPaid>(batch)?.into_iter().map(|(_, order)| order).collect();
        self.promotion.record_paid(&paid).await.map_err(|error| HandlerError::from_classified(&error))
    }
}
