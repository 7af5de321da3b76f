//! What happens to an order after it was placed: settlement, cancellation, expiry, refunds.
//!
//! Callback, client, timer and sweeper all end in the same idempotent commands here. Each reads the order, decides by
//! the state machine, and writes a compare-and-set; who loses reads again. Only money that pay has verified arrives.

use sluice_events::{Fact, OrderCancelled, OrderLine, OrderPaid, OrderRefunded, PaymentSettled, SettledStatus};
use sluice_kernel::{OrderNo, ReservationId, StoreId};

use crate::{
    Applied, CancelReason, Order, OrderError, OrderState, RefundRecord, RefundState, StockStep, Transition,
    points::POINTS_PROVIDER, service::OrderPorts,
};

/// An order changes a handful of times in its life; losing more often than this in a row is a defect.
const MAX_LOST_RACES: u32 = 8;

/// What a try to change an order came to.
pub(crate) enum Attempt {
    /// The order has changed, and with it the settlement was taken.
    Taken,
    /// Nothing is left to change.
    Settled,
    Lost,
}

impl OrderPorts {
    /// The one command that settles: the event, whoever settled, and the sweeper end here. Afterwards the settlement
    /// waits no longer.
    pub(crate) async fn settle(&self, settled: &PaymentSettled, traceparent: Option<&str>) -> Result<(), OrderError> {
        for _ in 0..MAX_LOST_RACES {
            let order = self.orders.find(settled.store_id, settled.order_no).await?.ok_or(OrderError::NotFound)?;
            let attempt = match settled.status {
                _ if settled.provider == POINTS_PROVIDER => self.take_points_notice(order, settled, traceparent).await?,
                // A failed payment leaves the order unpaid; the client may try again until the deadline.
                SettledStatus::Failed => Attempt::Settled,
                SettledStatus::Paid => self.take_money(order, settled, traceparent).await?,
                SettledStatus::Refunded => self.take_refund(order, settled, traceparent).await?,
            };
            match attempt {
                Attempt::Taken => return Ok(()),
                // No change of the order has taken it along.
                Attempt::Settled => return Ok(self.settlements.taken(&settled.id()).await?),
                Attempt::Lost => {}
            }
        }
        Err(too_many_races())
    }

    async fn take_money(&self, order: Order, settled: &PaymentSettled, traceparent: Option<&str>) -> Result<Attempt, OrderError> {
        let payment = &settled.payment_id;
        if let Some(known) = order.state.payment() {
            if known != payment {
                return self.return_second_payment(&order, settled, traceparent).await;
            }
            if matches!(order.state, OrderState::PaidAfterClose { .. }) {
                self.return_late_money(&order, payment, traceparent).await?;
            }
            return Ok(Attempt::Settled);
        }
        match order.state {
            OrderState::Unpaid => {
                let step = StockStep::Sell(order.reservation);
                let transition = self.paid_transition(&order, settled, order.reservation, false, step, traceparent)?;
                self.try_apply(&transition).await
            }
            OrderState::Cancelled { .. } => self.take_late_money(order, settled, traceparent).await,
            // An order that is paid in points takes no money.
            OrderState::Confirming
            | OrderState::Failed
            | OrderState::Paid { .. }
            | OrderState::Fulfilled { .. }
            | OrderState::Completed { .. }
            | OrderState::PaidAfterClose { .. }
            | OrderState::Refunded { .. } => self.return_second_payment(&order, settled, traceparent).await,
        }
    }

    pub(crate) async fn take_refund(
        &self,
        order: Order,
        settled: &PaymentSettled,
        traceparent: Option<&str>,
    ) -> Result<Attempt, OrderError> {
        let Some(refund_id) = settled.refund_id.clone() else {
            return Ok(Attempt::Settled);
        };
        // A second payment that went back never belonged to the order.
        if order.state.payment() != Some(&settled.payment_id) {
            return Ok(Attempt::Settled);
        }
        let refunded = order.refunded.saturating_add(settled.amount.amount);
        let full = refunded >= order.total.amount;
        let to = if full && order.state.payment().is_some() {
            match order.state.clone().refund_fully() {
                Ok(state) => state,
                // Refunded already: a replay, which the refund's own row recognises.
                Err(refused) => refused.0,
            }
        } else {
            order.state.clone()
        };
        let record = RefundRecord {
            id: refund_id.clone(),
            amount: settled.amount.amount,
            restock: settled.restock.iter().map(|line| (line.sku_id, line.quantity)).collect(),
        };
        let fact = Fact::OrderRefunded {
            order: OrderRefunded {
                order_no: order.order_no,
                kind: order.kind.as_str().to_owned(),
                store_id: order.store,
                user_id: order.user.clone(),
                status: to.status().as_str().to_owned(),
                refund_status: if full { RefundState::Full } else { RefundState::Partial }.as_str().to_owned(),
                refund_id,
                amount: settled.amount,
                restocked: settled.restock.clone(),
                points: settled.points,
                activity: order.activity_told(),
                at: settled.at,
            },
        };
        let stock = if record.restock.is_empty() { StockStep::None } else { StockStep::Restock(record.clone()) };
        let transition = Transition {
            stock,
            refund: Some(record),
            settles: Some(settled.id()),
            fact: Some(fact),
            ..self.plain_transition(&order, to, traceparent)
        };
        self.try_apply(&transition).await
    }

    /// Gives an unpaid order up. Answers the order as it is then; refuses where it is not unpaid any more.
    pub(crate) async fn cancel(
        &self,
        store: StoreId,
        order_no: OrderNo,
        reason: CancelReason,
        traceparent: Option<&str>,
    ) -> Result<Order, OrderError> {
        for _ in 0..MAX_LOST_RACES {
            let order = self.orders.find(store, order_no).await?.ok_or(OrderError::NotFound)?;
            if matches!(order.state, OrderState::Cancelled { .. }) {
                return Ok(order);
            }
            let to = order.state.clone().cancel(reason).map_err(|_| OrderError::NotCancellable)?;
            // The channel is asked and closed first: from here on no new payment can begin. Money that is stored closes the
            // door, taken by the order or not.
            if self.payments.close(store, order_no).await? {
                return Err(OrderError::NotCancellable);
            }
            let fact = Fact::OrderCancelled { order: cancelled(&order, &to, self.clock.now()), reservation: order.reservation };
            let transition = Transition {
                stock: StockStep::Release(order.reservation),
                fact: Some(fact),
                ..self.plain_transition(&order, to, traceparent)
            };
            match self.orders.apply(&transition).await? {
                Applied::Done => {
                    self.stock.hint_effects();
                    return self.orders.find(store, order_no).await?.ok_or(OrderError::NotFound);
                }
                // Stored after the channel was closed and before the order was cancelled.
                Applied::MoneyStored => return Err(OrderError::NotCancellable),
                Applied::Repeated | Applied::Lost | Applied::Short | Applied::EpochMoved => {}
            }
        }
        Err(too_many_races())
    }

    /// Consumer of `auto-cancel`: the deadline stands on the row, the message is only a hint.
    pub(crate) async fn expire(&self, store: StoreId, order_no: OrderNo, traceparent: Option<&str>) -> Result<(), OrderError> {
        let order = self.orders.find(store, order_no).await?.ok_or(OrderError::NotFound)?;
        if order.state != OrderState::Unpaid || self.clock.now() < order.expires_at {
            return Ok(());
        }
        match self.cancel(store, order_no, CancelReason::Expired, traceparent).await {
            // Money was faster.
            Ok(_) | Err(OrderError::NotCancellable) => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn try_apply(&self, transition: &Transition) -> Result<Attempt, OrderError> {
        match self.orders.apply(transition).await? {
            Applied::Done => {
                self.stock.hint_effects();
                Ok(Attempt::Taken)
            }
            Applied::Repeated => Ok(Attempt::Settled),
            Applied::Lost | Applied::Short | Applied::EpochMoved | Applied::MoneyStored => Ok(Attempt::Lost),
        }
    }

    pub(crate) fn plain_transition(&self, order: &Order, to: OrderState, traceparent: Option<&str>) -> Transition {
        Transition {
            store: order.store,
            order_no: order.order_no,
            version: order.version,
            from: order.status(),
            to,
            paid_at: None,
            stock: StockStep::None,
            refund: None,
            settles: None,
            fact: None,
            traceparent: traceparent.map(str::to_owned),
            now: self.clock.now(),
        }
    }

    pub(crate) fn paid_transition(
        &self,
        order: &Order,
        settled: &PaymentSettled,
        reservation: ReservationId,
        late: bool,
        stock: StockStep,
        traceparent: Option<&str>,
    ) -> Result<Transition, OrderError> {
        let to = order.state.clone().pay(settled.payment_id.clone()).map_err(|_| OrderError::PaymentClosed)?;
        let paid = OrderPaid {
            order_no: order.order_no,
            kind: order.kind.as_str().to_owned(),
            store_id: order.store,
            user_id: order.user.clone(),
            total: order.total,
            points_total: order.points_total,
            payment_id: settled.payment_id.clone(),
            lines: lines(order),
            activity: order.activity_told(),
            paid_at: settled.at,
        };
        let fact = Fact::OrderPaid { order: paid, reservation, late };
        Ok(Transition {
            paid_at: Some(settled.at),
            stock,
            settles: Some(settled.id()),
            fact: Some(fact),
            ..self.plain_transition(order, to, traceparent)
        })
    }
}

fn lines(order: &Order) -> Vec<OrderLine> {
    order
        .items
        .iter()
        .map(|item| OrderLine {
            sku_id: item.line.sku_id,
            product_id: item.line.product_id,
            quantity: item.line.quantity.get(),
            unit_price: item.line.unit_price,
            unit_points: item.line.unit_points,
        })
        .collect()
}

pub(crate) fn cancelled(order: &Order, to: &OrderState, at: sluice_kernel::Timestamp) -> OrderCancelled {
    let reason = match to {
        OrderState::Cancelled { reason } => Some(reason.as_str().to_owned()),
        OrderState::Unpaid
        | OrderState::Confirming
        | OrderState::Paid { .. }
        | OrderState::Fulfilled { .. }
        | OrderState::Completed { .. }
        | OrderState::Failed
        | OrderState::PaidAfterClose { .. }
        | OrderState::Refunded { .. } => None,
    };
    OrderCancelled {
        order_no: order.order_no,
        kind: order.kind.as_str().to_owned(),
        store_id: order.store,
        user_id: order.user.clone(),
        status: to.status().as_str().to_owned(),
        reason,
        lines: lines(order),
        activity: order.activity_told(),
        at,
    }
}

fn too_many_races() -> OrderError {
    OrderError::Port(sluice_kernel::PortError::internal("the order's compare-and-set", "lost too many races in a row"))
}
