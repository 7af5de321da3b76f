//! What waits for its order although it is settled, and orders that wait although nobody is at work on them: messages are lost,
//! consumers stand still, gates are closed. Sweepers come here, and end in the same idempotent command as the messages.
//!
//! Each item is claimed by one worker at a time and steps aside by itself: what cannot go on comes again after a pause that grows
//! up to a bound, and what is refused again and again is given up and shown to staff.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use sluice_events::PaymentSettled;
use sluice_kernel::{Classified as _, OrderNo, StoreId};

use crate::{OrderError, OrderState, Orders, WaitingSettlement};

/// How long what is claimed is left alone by other workers.
const LEASE: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_mins(1);
/// Refusals after which a settlement is given up.
const MAX_REFUSALS: u32 = 8;
/// Settlements that are taken at the same time.
const AT_ONCE: usize = 8;
/// Until an order that is still confirming is looked at again.
const CONFIRMING_AGAIN: Duration = Duration::from_mins(5);

fn pause(attempts: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1))).min(MAX_PAUSE)
}

impl Orders {
    /// Consumer of `payment-settled`. What cannot be taken now waits in its row, so that nothing behind it has to.
    pub(crate) async fn receive_settlement(&self, settled: &PaymentSettled) -> Result<(), OrderError> {
        let Err(error) = self.take_settlement(settled).await else { return Ok(()) };
        if !error.kind().is_transient() {
            return Err(error);
        }
        match self.ports.settlements.keep(settled, self.ports.clock.now().plus(FIRST_PAUSE)).await {
            Ok(()) => {
                tracing::warn!(order.no = %settled.order_no, settlement.id = %settled.id(), error = %error, "A settlement cannot be taken now; it waits and is tried again.");
                Ok(())
            }
            Err(_) => Err(error),
        }
    }

    /// Takes up to `limit` settlements that are due; answers how many were due.
    pub(crate) async fn settle_due(&self, limit: u32) -> Result<usize, OrderError> {
        let now = self.ports.clock.now();
        let due = self.ports.settlements.claim(limit, now, now.plus(LEASE)).await?;
        // Collected first: a stream over a closure that borrows would not be `Send` for every lifetime.
        let tries: Vec<_> = due.iter().map(|waiting| self.settle_one(waiting)).collect();
        let mut settling = stream::iter(tries).buffer_unordered(AT_ONCE);
        let mut all = Ok(due.len());
        while let Some(result) = settling.next().await {
            // Only our own rows fail here; the settlement comes again when its lease has run out.
            all = all.and_then(|count| result.map(|()| count));
        }
        all
    }

    async fn settle_one(&self, waiting: &WaitingSettlement) -> Result<(), OrderError> {
        let WaitingSettlement { id, settled, attempts } = waiting;
        let Err(error) = self.take_settlement(settled).await else {
            tracing::info!(order.no = %settled.order_no, settlement.id = %id, "A settlement was taken that no event had brought to its order.");
            return Ok(());
        };
        let refused = !error.kind().is_transient();
        let given_up = *attempts >= MAX_REFUSALS && refused;
        if given_up {
            tracing::error!(order.no = %settled.order_no, settlement.id = %id, error = %error, "An order refuses what was settled for it; staff see it among the exceptions.");
            let detail = format!("The order does not take {id}: {error}");
            self.ports
                .payments
                .keep_exception("settlement_refused", settled.store_id, settled.order_no, &settled.payment_id, detail)
                .await?;
        } else {
            tracing::warn!(order.no = %settled.order_no, settlement.id = %id, settlement.attempts = attempts, error = %error, "A settlement cannot be taken yet.");
        }
        let until = (!given_up).then(|| self.ports.clock.now().plus(pause(*attempts)));
        // A part that was away is no refusal: only those bring the end nearer.
        let counted = if refused { *attempts } else { (*attempts).min(MAX_REFUSALS.saturating_sub(2)) };
        Ok(self.ports.settlements.put_off(id, until, counted).await?)
    }

    /// Orders in points that nobody deducts, since their `order-created` was lost; answers how many were due for a look.
    pub(crate) async fn deduct_due(&self, limit: u32) -> Result<usize, OrderError> {
        let now = self.ports.clock.now();
        let due = self.ports.orders.claim_confirming(now, now.plus(CONFIRMING_AGAIN), limit).await?;
        for (order, store) in &due {
            // It is looked at again; those behind it have nothing to do with it.
            if let Err(error) = self.deduct_one(*store, *order).await {
                tracing::warn!(order.no = %order, error = %error, "A deduction could not be begun yet.");
            }
        }
        Ok(due.len())
    }

    async fn deduct_one(&self, store: StoreId, order_no: OrderNo) -> Result<(), OrderError> {
        let Some(order) = self.ports.orders.find(store, order_no).await? else { return Ok(()) };
        if order.state != OrderState::Confirming {
            return Ok(());
        }
        match self.ports.points.deduct(&order).await? {
            Some(ended) => self.take_settlement(&ended).await,
            None => Ok(()),
        }
    }
}
