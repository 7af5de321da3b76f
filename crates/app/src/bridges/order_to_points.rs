//! Order deducts points and gives them back through member's points account.

use std::sync::Arc;

use async_trait::async_trait;
use sluice_events::{PaymentSettled, SettledStatus};
use sluice_kernel::{Clock, Money, PortResult, RefundId};
use sluice_order::{Order, OrderError, PointsAccount, PointsRefund};
use sluice_points::{PointsDeduction, PointsError, PointsService, RefundOfPoints, TaskState, points_payment};

pub struct OrderToPoints(pub Arc<dyn PointsService>, pub Arc<dyn Clock>);

#[async_trait]
impl PointsAccount for OrderToPoints {
    async fn deduct(&self, order: &Order) -> PortResult<Option<PaymentSettled>> {
        let deduction = PointsDeduction {
            store: order.store,
            user: order.user.clone(),
            order_no: order.order_no,
            points: order.terms.points_total,
            currency: order.terms.total.currency,
            traceparent: None,
        };
        let states = self.0.deduct(&[deduction]).await.map_err(|error| super::port_error("the deduction of points", error))?;
        let status = match states.first() {
            Some(TaskState::Done) => SettledStatus::Paid,
            Some(TaskState::Refused) => SettledStatus::Failed,
            Some(TaskState::Pending) | None => return Ok(None),
        };
        Ok(Some(PaymentSettled {
            order_no: order.order_no,
            store_id: order.store,
            payment_id: points_payment(order.order_no),
            provider: "points".to_owned(),
            status,
            amount: Money::zero(order.terms.total.currency),
            points: Some(order.terms.points_total),
            refund_id: None,
            restock: Vec::new(),
            at: self.1.now(),
        }))
    }

    async fn refund(&self, refund: PointsRefund) -> Result<Option<(RefundId, bool)>, OrderError> {
        let refund = RefundOfPoints {
            id: refund.id,
            store: refund.store,
            user: refund.user,
            order_no: refund.order_no,
            points: refund.points,
            reason: refund.reason,
            restock: refund.restock,
            again: refund.again,
        };
        match self.0.refund(refund).await {
            Ok(begun) => Ok(begun.map(|begun| (begun.id, begun.done))),
            Err(refused @ PointsError::Refused) => Err(OrderError::RefundRefused(refused.to_string())),
            Err(error @ (PointsError::NotDeducted | PointsError::RefundTooLarge { .. })) => {
                Err(OrderError::NotRefundable(error.to_string()))
            }
            Err(error) => Err(super::port_error("the refund of points", error).into()),
        }
    }
}
