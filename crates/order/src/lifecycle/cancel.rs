//! Unpaid orders that user, staff or timer cancel.

use sluice_events::{Envelope, Fact, OrderCancelled, PaymentWindowClosed, Topic};
use sluice_kernel::{OrderNo, PortError, StoreId, Timestamp};

use super::{
    attempt::{MAX_LOST_RACES, too_many_races},
    lines,
};
use crate::{Applied, CancelReason, Order, OrderError, OrderState, Orders, StockStep, Transition};

impl Orders {
    /// Answers the order as it is then; refuses where it is not unpaid any more.
    pub(crate) async fn cancel_unpaid(&self, store: StoreId, order_no: OrderNo, reason: CancelReason) -> Result<Order, OrderError> {
        for _ in 0..MAX_LOST_RACES {
            let order = self.order(store, order_no).await?;
            if matches!(order.state, OrderState::Cancelled { .. }) {
                return Ok(order);
            }
            let to = order.state.clone().cancel(reason).map_err(|_| OrderError::NotCancellable)?;
            // The channel is asked and closed first: from here on no new payment can begin. An order whose money is stored is not
            // cancelled, whether the order has taken it or not.
            if self.ports.payments.close(store, order_no).await? {
                return Err(OrderError::NotCancellable);
            }
            let fact =
                Fact::OrderCancelled { order: cancelled(&order, &to, self.ports.clock.now()), reservation: order.reservation };
            let transition =
                Transition { stock: StockStep::Release(order.reservation), fact: Some(fact), ..self.plain_transition(&order, to) };
            match self.ports.orders.apply(&transition).await? {
                Applied::Done => {
                    self.ports.stock.hint_effects();
                    return self.order(store, order_no).await;
                }
                // Stored after the channel was closed and before the order was cancelled.
                Applied::MoneyStored => return Err(OrderError::NotCancellable),
                Applied::Repeated | Applied::Lost | Applied::Short | Applied::EpochMoved => {}
            }
        }
        Err(too_many_races())
    }

    /// Consumer of `auto-cancel`: the deadline stands on the row, the message is only a hint.
    pub(crate) async fn cancel_overdue(&self, store: StoreId, order_no: OrderNo) -> Result<(), OrderError> {
        let order = self.order(store, order_no).await?;
        if order.state != OrderState::Unpaid || self.ports.clock.now() < order.terms.expires_at {
            return Ok(());
        }
        match self.cancel_unpaid(store, order_no, CancelReason::Expired).await {
            // Its money came first.
            Ok(_) | Err(OrderError::NotCancellable) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The `auto-cancel` messages of orders whose deadline has passed.
    pub(crate) async fn window_closed_messages(&self, limit: u32) -> Result<Vec<Envelope>, OrderError> {
        let due = self.ports.orders.due(self.ports.clock.now(), limit).await?;
        let mut messages = Vec::with_capacity(due.len());
        for (order_no, store_id, expires_at) in due {
            let data = serde_json::to_string(&PaymentWindowClosed { order_no, store_id, expires_at })
                .map_err(|error| PortError::internal("writing an event", error))?;
            messages.push(Envelope {
                topic: Topic::AutoCancel,
                key: order_no.to_string(),
                id: format!("{order_no}/window-closed"),
                kind: "sluice.order.payment-window-closed.v1".into(),
                time: expires_at,
                traceparent: None,
                data,
            });
        }
        Ok(messages)
    }
}

pub(super) fn cancelled(order: &Order, to: &OrderState, at: Timestamp) -> OrderCancelled {
    let reason = if let OrderState::Cancelled { reason } = to { Some(reason.as_str().to_owned()) } else { None };
    OrderCancelled {
        order_no: order.order_no,
        kind: order.terms.kind,
        store_id: order.store,
        user_id: order.user.clone(),
        status: to.status().as_str().to_owned(),
        reason,
        lines: lines(order),
        activity: order.activity_fact(),
        at,
    }
}
