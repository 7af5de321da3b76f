//! What happens to an order after it was placed: settlement, cancellation, expiry, refunds.
//!
//! Callback, client, timer and sweeper all end in the same idempotent commands here. Each reads the order, decides by
//! the state machine, and writes a compare-and-set; who loses reads again. Only money that pay has verified arrives.

use sluice_events::{Fact, OrderCancelled, OrderLine, OrderPaid, OrderRefunded, PaymentSettled, SettledStatus};
use sluice_kernel::{OrderNo, PaymentId, RefundId, ReservationId, SkuId, StoreId};

use crate::{
    Applied, CancelReason, Order, OrderError, OrderState, RefundCommand, RefundRecord, RefundState, ReserveAnswer, StockStep,
    Transition, points::POINTS_PROVIDER, service::OrderPorts,
};

/// An order changes a handful of times in its life; losing more often than this in a row is a defect.
const MOST_LOST_RACES: u32 = 8;

/// What a try to change an order came to.
pub(crate) enum Attempt {
    Settled,
    Lost,
}

impl OrderPorts {
    /// Consumer of `payment-settled`.
    pub(crate) async fn settle(&self, settled: &PaymentSettled, traceparent: Option<&str>) -> Result<(), OrderError> {
        for _ in 0..MOST_LOST_RACES {
            let order = self.orders.find(settled.store_id, settled.order_no).await?.ok_or(OrderError::NotFound)?;
            let attempt = match settled.status {
                _ if settled.provider == POINTS_PROVIDER => self.take_points_notice(order, settled, traceparent).await?,
                // A failed payment leaves the order unpaid; the client may try again until the deadline.
                SettledStatus::Failed => Attempt::Settled,
                SettledStatus::Paid => self.take_money(order, settled, traceparent).await?,
                SettledStatus::Refunded => self.take_refund(order, settled, traceparent).await?,
            };
            if matches!(attempt, Attempt::Settled) {
                return Ok(());
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

    /// Rule 9: money for a closed order re-reserves if stock allows, else goes back and is shown to staff.
    async fn take_late_money(
        &self,
        order: Order,
        settled: &PaymentSettled,
        traceparent: Option<&str>,
    ) -> Result<Attempt, OrderError> {
        let reservation = ReservationId { attempt: order.reservation.attempt.saturating_add(1), ..order.reservation };
        let terms = order.late_terms();
        let epoch = if self.stock.decides_in_commit() {
            None
        } else {
            let lines: Vec<(SkuId, i64, Option<i64>)> =
                order.items.iter().map(|item| (item.line.sku_id, item.line.quantity.get(), None)).collect();
            match self.stock.reserve(order.store, reservation, &lines, terms.as_ref(), self.clock.now()).await? {
                ReserveAnswer::Held { epoch } => Some(epoch),
                ReserveAnswer::Refused(_) | ReserveAnswer::Gone => {
                    return self.close_with_late_money(order, settled, traceparent).await;
                }
            }
        };
        let step = StockStep::LateSell { reservation, epoch, terms };
        let transition = self.paid_transition(&order, settled, reservation, true, step, traceparent)?;
        match self.orders.apply(&transition).await? {
            Applied::Done | Applied::Repeated => {
                self.stock.hint_effects();
                Ok(Attempt::Settled)
            }
            Applied::Short => self.close_with_late_money(order, settled, traceparent).await,
            Applied::EpochMoved => Ok(Attempt::Lost),
            Applied::Lost => {
                // Another process may have won with this very reservation: give it back only if the order did not keep it.
                let now = self.orders.find(order.store, order.order_no).await?;
                if epoch.is_some() && now.is_none_or(|now| now.reservation != reservation) {
                    self.stock.release(order.store, reservation, self.clock.now()).await?;
                }
                Ok(Attempt::Lost)
            }
        }
    }

    async fn close_with_late_money(
        &self,
        order: Order,
        settled: &PaymentSettled,
        traceparent: Option<&str>,
    ) -> Result<Attempt, OrderError> {
        let to = order.state.clone().pay_after_close(settled.payment_id.clone()).map_err(|_| OrderError::NotCancellable)?;
        let transition = Transition { paid_at: Some(settled.at), ..self.plain_transition(&order, to, traceparent) };
        if matches!(self.try_apply(&transition).await?, Attempt::Lost) {
            return Ok(Attempt::Lost);
        }
        self.return_late_money(&order, &settled.payment_id, traceparent).await?;
        Ok(Attempt::Settled)
    }

    async fn return_late_money(&self, order: &Order, payment: &PaymentId, traceparent: Option<&str>) -> Result<(), OrderError> {
        let detail = "Money came after the order was closed and its stock was gone; it is refunded.".to_owned();
        self.payments.keep_exception("paid_after_close", order.store, order.order_no, payment, detail).await?;
        self.return_all(order, payment, "late", "paid after close", traceparent).await
    }

    async fn return_second_payment(
        &self,
        order: &Order,
        settled: &PaymentSettled,
        traceparent: Option<&str>,
    ) -> Result<Attempt, OrderError> {
        let payment = &settled.payment_id;
        let detail = "A second payment came for an order that does not need it; it is refunded.".to_owned();
        self.payments.keep_exception("paid_twice", order.store, order.order_no, payment, detail).await?;
        self.return_all(order, payment, "twice", "paid twice", traceparent).await?;
        Ok(Attempt::Settled)
    }

    /// The refund's id follows from the payment, so that asking twice refunds once.
    async fn return_all(
        &self,
        order: &Order,
        payment: &PaymentId,
        suffix: &str,
        reason: &str,
        traceparent: Option<&str>,
    ) -> Result<(), OrderError> {
        let command = RefundCommand {
            id: RefundId(format!("{payment}-{suffix}")),
            store: order.store,
            order_no: order.order_no,
            payment: payment.clone(),
            amount: None,
            reason: reason.to_owned(),
            restock: Vec::new(),
        };
        self.payments.refund(command, traceparent).await?;
        Ok(())
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
        let transition =
            Transition { stock, refund: Some(record), fact: Some(fact), ..self.plain_transition(&order, to, traceparent) };
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
        for _ in 0..MOST_LOST_RACES {
            let order = self.orders.find(store, order_no).await?.ok_or(OrderError::NotFound)?;
            if matches!(order.state, OrderState::Cancelled { .. }) {
                return Ok(order);
            }
            let to = order.state.clone().cancel(reason).map_err(|_| OrderError::NotCancellable)?;
            // The channel is asked and closed first: from here on no new payment can begin.
            if self.payments.close(store, order_no).await? {
                return Err(OrderError::NotCancellable);
            }
            let fact = Fact::OrderCancelled { order: cancelled(&order, &to, self.clock.now()), reservation: order.reservation };
            let transition = Transition {
                stock: StockStep::Release(order.reservation),
                fact: Some(fact),
                ..self.plain_transition(&order, to, traceparent)
            };
            if matches!(self.try_apply(&transition).await?, Attempt::Settled) {
                return self.orders.find(store, order_no).await?.ok_or(OrderError::NotFound);
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
            Applied::Done | Applied::Repeated => {
                self.stock.hint_effects();
                Ok(Attempt::Settled)
            }
            Applied::Lost | Applied::Short | Applied::EpochMoved => Ok(Attempt::Lost),
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
        Ok(Transition { paid_at: Some(settled.at), stock, fact: Some(fact), ..self.plain_transition(order, to, traceparent) })
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
