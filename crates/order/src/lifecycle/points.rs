//! Orders that are paid in points: what the points account tells of them, and their refund (docs/domain.md S1 rule 9).
//!
//! Points move once per order. A notice that is repeated or late finds a state that absorbs it; one that does not fit its
//! order is an error, so that it is put aside for an eye and never silently dropped.

use sluice_events::{Fact, PaymentSettled, RestockLine, SettledStatus};
use sluice_kernel::{Money, Points, RefundId};

use super::{attempt::Attempt, cancel::cancelled};
use crate::{
    Order, OrderError, OrderState, OrderStatus, Orders, PointsRefund, RefundOutcome, RefundRequest, RestockRequest, StockStep,
    Transition,
};

/// The provider that points are settled under (docs/domain.md S1 rule 9).
pub(crate) const POINTS_PROVIDER: &str = "points";

impl Orders {
    pub(crate) async fn take_points_notice(&self, order: Order, settled: &PaymentSettled) -> Result<Attempt, OrderError> {
        if !order.terms.is_paid_in_points() {
            return Err(OrderError::WrongState(format!("order {} is not paid in points", order.order_no)));
        }
        match settled.status {
            SettledStatus::Paid => self.take_points(order, settled).await,
            SettledStatus::Failed => self.give_points_up(order, settled).await,
            SettledStatus::Refunded => self.take_refund(order, settled).await,
        }
    }

    async fn take_points(&self, order: Order, settled: &PaymentSettled) -> Result<Attempt, OrderError> {
        if order.state != OrderState::Confirming {
            return Ok(Attempt::Settled);
        }
        if settled.points != Some(order.terms.points_total) {
            let told = settled.points.unwrap_or(Points(0)).0;
            let reason = format!("order {} costs {} points, not {told}", order.order_no, order.terms.points_total.0);
            return Err(OrderError::WrongState(reason));
        }
        let step = StockStep::Sell(order.reservation);
        let transition = self.paid_transition(&order, settled, order.reservation, false, step)?;
        self.try_apply(&transition).await
    }

    /// The account refused: units and limit are free again.
    async fn give_points_up(&self, order: Order, settled: &PaymentSettled) -> Result<Attempt, OrderError> {
        let Ok(to) = order.state.clone().fail() else { return Ok(Attempt::Settled) };
        let fact = Fact::OrderCancelled { order: cancelled(&order, &to, settled.at), reservation: order.reservation };
        let transition = Transition {
            stock: StockStep::Release(order.reservation),
            settles: Some(settled.id()),
            fact: Some(fact),
            ..self.plain_transition(&order, to)
        };
        self.try_apply(&transition).await
    }

    /// All points go back at once. The refund is named by the payment: however often and under whatever key it is asked
    /// for, the points return once. One that the account refused may be asked for again.
    pub(crate) async fn refund_points(
        &self,
        order: &Order,
        request: &RefundRequest,
        restock: &[RestockRequest],
        replayed: bool,
    ) -> Result<RefundOutcome, OrderError> {
        let payment = order.state.payment();
        let payment = payment.ok_or_else(|| OrderError::NotRefundable(format!("it is {}", order.status().as_str())))?;
        let refund = PointsRefund {
            id: RefundId(format!("{payment}-whole")),
            store: order.store,
            user: order.user.clone(),
            order_no: order.order_no,
            points: order.terms.points_total,
            reason: request.reason.clone(),
            // It is refunded once and whole, so no unit came back before.
            restock: restock
                .iter()
                .map(|line| RestockLine { sku_id: line.sku_id, quantity: line.wanted.unwrap_or(line.ordered) })
                .collect(),
            // Who repeats a request hears what became of it; another request is another try.
            again: !replayed,
        };
        let named = refund.id.clone();
        let (id, done) = match self.ports.points.refund(refund).await? {
            Some(begun) => begun,
            // The request took effect before; what it names has changed with the order since.
            None if replayed => (named, order.status() == OrderStatus::Refunded),
            None => return Err(OrderError::NotRefundable("another refund gives all of its points back".to_owned())),
        };
        Ok(RefundOutcome {
            id,
            order_no: order.order_no,
            amount: Money::zero(order.terms.total.currency),
            points: Some(order.terms.points_total),
            done,
            replayed,
        })
    }
}
