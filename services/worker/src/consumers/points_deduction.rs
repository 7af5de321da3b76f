//! `order-created` → an order that is paid with points begins to be paid (docs/domain.md S1 rule 9).
//!
//! With the own ledger the points have moved, or were refused, when the batch is handled. A points platform is asked by
//! the sweeper: one that is away holds up neither the topic nor an event, so nothing becomes a dead letter for it.

use std::sync::Arc;

use async_trait::async_trait;
use sluice_events::{Envelope, HandlerError, OrderCreated};
use sluice_kernel::PayType;
use sluice_points::{PointsDeduction, PointsService};

use super::{Handle, payloads};

pub struct DeductPoints {
    pub points: Arc<dyn PointsService>,
}

#[async_trait]
impl Handle for DeductPoints {
    async fn handle(&self, batch: &[Envelope]) -> Result<(), HandlerError> {
        let deductions: Vec<PointsDeduction> = payloads::<OrderCreated>(batch)?
            .into_iter()
            .filter(|(_, order)| order.activity.as_ref().is_some_and(|activity| activity.pay_type == PayType::Points))
            .map(|(envelope, order)| PointsDeduction {
                store: order.store_id,
                user: order.user_id,
                order_no: order.order_no,
                points: order.points_total,
                currency: order.total.currency,
                traceparent: envelope.traceparent.clone(),
            })
            .collect();
        if deductions.is_empty() {
            return Ok(());
        }
        self.points.deduct(&deductions).await.map(|_| ()).map_err(|error| HandlerError::from_classified(&error))
    }
}
