//! Order gives points back through member's points account.

use std::sync::Arc;

use async_trait::async_trait;
use sluice_kernel::PortResult;
use sluice_member::{PointsService, RefundOfPoints};
use sluice_order::{PointsDesk, PointsRefund};

pub struct PointsBridge(pub Arc<dyn PointsService>);

#[async_trait]
impl PointsDesk for PointsBridge {
    async fn refund(&self, refund: PointsRefund, traceparent: Option<&str>) -> PortResult<bool> {
        let refund = RefundOfPoints {
            id: refund.id,
            store: refund.store,
            user: refund.user,
            order_no: refund.order_no,
            points: refund.points,
            reason: refund.reason,
            restock: refund.restock,
            traceparent: traceparent.map(str::to_owned),
        };
        self.0.refund(refund).await.map_err(|error| super::port_error("the refund of points", error))
    }
}
