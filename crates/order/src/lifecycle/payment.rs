//! Payments of an order: how one is prepared, and what becomes of what was settled.

use sluice_events::{Fact, OrderPaid, PaymentSettled, SettledStatus};
use sluice_kernel::{OrderNo, PaymentHandle, ReservationId, StoreId, UserId};

use super::{
    attempt::{Attempt, MAX_LOST_RACES, too_many_races},
    lines,
    points::POINTS_PROVIDER,
};
use crate::{IdempotencyKey, Order, OrderError, OrderState, Orders, StockStep, Transition};

impl Orders {
    pub(crate) async fn prepare_payment_again(
        &self,
        store: StoreId,
        user: &UserId,
        order_no: OrderNo,
        key: &IdempotencyKey,
    ) -> Result<(PaymentHandle, bool), OrderError> {
        let order = self.order_of(store, Some(user), order_no).await?;
        let replay = self.ports.orders.find_replay(key).await?;
        if replay.is_some_and(|replay| !replay.same_body) {
            return Err(OrderError::KeyReused);
        }
        if order.state != OrderState::Unpaid || self.ports.clock.now() >= order.terms.expires_at {
            return Err(OrderError::PaymentClosed);
        }
        let prepared = self.ports.payments.prepare(&order).await?;
        if replay.is_none() {
            self.ports.orders.remember(key, order_no, self.ports.clock.now()).await?;
        }
        Ok((prepared, replay.is_some()))
    }

    /// The one command that settles: the event, whoever settled, and the sweeper end here. Afterwards the settlement
    /// waits no longer.
    pub(crate) async fn take_settlement(&self, settled: &PaymentSettled) -> Result<(), OrderError> {
        for _ in 0..MAX_LOST_RACES {
            let order = self.order(settled.store_id, settled.order_no).await?;
            let attempt = match settled.status {
                _ if settled.provider == POINTS_PROVIDER => self.take_points_notice(order, settled).await?,
                // A failed payment leaves the order unpaid; the client may try again until the deadline.
                SettledStatus::Failed => Attempt::Settled,
                SettledStatus::Paid => self.take_money(order, settled).await?,
                SettledStatus::Refunded => self.take_refund(order, settled).await?,
            };
            match attempt {
                Attempt::Taken => return Ok(()),
                // No change of the order has taken it along.
                Attempt::Settled => return Ok(self.ports.settlements.taken(&settled.id()).await?),
                Attempt::Lost => {}
            }
        }
        Err(too_many_races())
    }

    async fn take_money(&self, order: Order, settled: &PaymentSettled) -> Result<Attempt, OrderError> {
        let payment = &settled.payment_id;
        if let Some(known) = order.state.payment() {
            if known != payment {
                return self.return_second_payment(&order, settled).await;
            }
            if matches!(order.state, OrderState::PaidAfterClose { .. }) {
                self.return_late_money(&order, payment).await?;
            }
            return Ok(Attempt::Settled);
        }
        match order.state {
            OrderState::Unpaid => {
                let step = StockStep::Sell(order.reservation);
                let transition = self.paid_transition(&order, settled, order.reservation, false, step)?;
                self.try_apply(&transition).await
            }
            OrderState::Cancelled { .. } => self.take_late_money(order, settled).await,
            // An order that is paid in points takes no money.
            OrderState::Confirming
            | OrderState::Failed
            | OrderState::Paid { .. }
            | OrderState::Fulfilled { .. }
            | OrderState::Completed { .. }
            | OrderState::PaidAfterClose { .. }
            | OrderState::Refunded { .. } => self.return_second_payment(&order, settled).await,
        }
    }

    pub(crate) fn paid_transition(
        &self,
        order: &Order,
        settled: &PaymentSettled,
        reservation: ReservationId,
        late: bool,
        stock: StockStep,
    ) -> Result<Transition, OrderError> {
        let to = order.state.clone().pay(settled.payment_id.clone()).map_err(|_| OrderError::PaymentClosed)?;
        let paid = OrderPaid {
            order_no: order.order_no,
            kind: order.terms.kind,
            store_id: order.store,
            user_id: order.user.clone(),
            total: order.terms.total,
            points_total: order.terms.points_total,
            payment_id: settled.payment_id.clone(),
            lines: lines(order),
            activity: order.activity_fact(),
            paid_at: settled.at,
        };
        let fact = Fact::OrderPaid { order: paid, reservation, late };
        Ok(Transition {
            paid_at: Some(settled.at),
            stock,
            settles: Some(settled.id()),
            fact: Some(fact),
            ..self.plain_transition(order, to)
        })
    }
}
