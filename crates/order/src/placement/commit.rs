//! From a priced order to its answer: what cart orders and activity orders share.
//!
//! Reserve (where the gate stands outside the database) → group commit → prepare the payment, unless its row went in with
//! the order.

use std::sync::Arc;

use sluice_events::PaymentSettled;
use sluice_kernel::{PaymentHandle, PortError, PortResult, RefundState, ReservationId, SkuId, StoreId};

use super::unpaid::Share;
use crate::{
    CommitOutcome, IdempotencyKey, NewOrder, Order, OrderError, OrderState, Orders, Placed, Replay, ReserveAnswer, StockRefusal,
};

/// A price change or a rebuilt gate may come between check and commit; more often than this in one request is a fault.
const MAX_ROUNDS: u32 = 4;

impl Orders {
    /// Repeats `round` (check, price, commit) until it answers an order or refuses. `None` of a round: the catalog or the gate
    /// moved on meanwhile, check again.
    pub(super) async fn place_in_rounds<R>(&self, key: &IdempotencyKey, round: impl Fn() -> R + Send) -> Result<Placed, OrderError>
    where
        R: Future<Output = Result<Option<Placed>, OrderError>> + Send,
    {
        for _ in 0..MAX_ROUNDS {
            match round().await {
                Ok(Some(placed)) => return Ok(placed),
                Ok(None) => {}
                Err(refusal) => return self.answer_refusal(key, refusal).await,
            }
        }
        Err(PortError::GateClosed.into())
    }

    /// Ends a round: takes the units, writes the order, answers it. `refuse` says what a refusal of the stock means for this
    /// kind of order; where it refuses nothing another round follows.
    pub(super) async fn commit<R>(
        &self,
        order: NewOrder,
        share: Option<Share>,
        refuse: impl FnOnce(StockRefusal) -> R + Send,
    ) -> Result<Option<Placed>, OrderError>
    where
        R: Future<Output = Result<(), OrderError>> + Send,
    {
        let (store, mut order) = (order.store, Arc::new(order));
        let outcome = self.hold_and_write(&mut order).await?;
        // The order's place in its user's share counts on where the order was written, and is free again where it was not.
        if let (Some(share), CommitOutcome::Committed) = (share, &outcome) {
            share.commit();
        }
        match outcome {
            CommitOutcome::Committed => Ok(Some(self.answer_new(Arc::unwrap_or_clone(order)).await)),
            CommitOutcome::Replayed(replay) => self.answer_replay(store, replay).await.map(Some),
            CommitOutcome::Refused(refusal) => refuse(refusal).await.map(|()| None),
            CommitOutcome::CodeSpent => Err(OrderError::VerifyCodeInvalid),
            CommitOutcome::CartClaimed => Err(OrderError::CartAlreadyOrdered),
            CommitOutcome::EpochMoved => Ok(None),
        }
    }

    /// Takes the units and writes the order: both or neither.
    async fn hold_and_write(&self, order: &mut Arc<NewOrder>) -> PortResult<CommitOutcome> {
        if self.ports.stock.decides_in_commit() {
            return self.ports.writer.commit(Arc::clone(order)).await;
        }
        let (store, reservation) = (order.store, ReservationId::first(order.order_no));
        let (lines, terms) = (gate_lines(order), order.reserve_terms());
        match self.ports.stock.reserve(store, reservation, &lines, terms.as_ref(), order.terms.created_at).await? {
            ReserveAnswer::Held { epoch } => Arc::make_mut(order).reserved_in_epoch = Some(epoch),
            ReserveAnswer::Refused(refusal) => return Ok(CommitOutcome::Refused(refusal)),
            ReserveAnswer::Gone => return Ok(CommitOutcome::EpochMoved),
        }
        // Where the outcome is unknown (an error) the reservation stays: the sweeper and the commit race for its outcome row.
        let outcome = self.ports.writer.commit(Arc::clone(order)).await?;
        // Whoever did not commit gives back its own reservation and nothing else.
        if outcome != CommitOutcome::Committed
            && let Err(error) = self.ports.stock.release(store, reservation, self.ports.clock.now()).await
        {
            tracing::warn!(reservation.id = %reservation, error = %error, "A reservation could not be given back; the sweeper will.");
        }
        Ok(outcome)
    }

    async fn answer_new(&self, mut new: NewOrder) -> Placed {
        let written = new.first_payment.take();
        let mut order = new.into_order();
        if let Some(free) = order.free_settlement() {
            self.settle_free(&mut order, &free).await;
            return Placed { order, payment: None, replayed: false };
        }
        let payment = match written {
            Some(payment) => Some(payment),
            None if order.state == OrderState::Unpaid => self.prepare_or_none(&order).await,
            None => None,
        };
        Placed { order, payment, replayed: false }
    }

    async fn answer_replay(&self, store: StoreId, replay: Replay) -> Result<Placed, OrderError> {
        if !replay.same_body {
            return Err(OrderError::KeyReused);
        }
        let mut order = self.ports.orders.find(store, replay.order_no).await?.ok_or(OrderError::NotFound)?;
        let mut payment = None;
        let free = order.free_settlement();
        if let (Some(free), OrderState::Unpaid) = (&free, &order.state) {
            self.settle_free(&mut order, free).await;
        } else if !order.terms.is_paid_in_points() {
            payment = self.ports.payments.first(order.store, order.order_no).await?;
        }
        if payment.is_none() && order.state == OrderState::Unpaid && free.is_none() {
            payment = self.prepare_or_none(&order).await;
        }
        order.state = free.map_or_else(|| order.terms.first_state(), |free| OrderState::Paid { payment: free.payment_id });
        order.cancel_reason = None;
        order.refund_state = RefundState::None;
        order.paid_at = None;
        Ok(Placed { order, payment, replayed: true })
    }

    /// A refusal is only true if the key has no order: its first request may have taken the very stock, limit, code or
    /// cart lines that are missing now. An overloaded or absent part is not asked again on top.
    async fn answer_refusal(&self, key: &IdempotencyKey, refusal: OrderError) -> Result<Placed, OrderError> {
        let is_away = matches!(&refusal, OrderError::Port(error) if !matches!(error, PortError::GateClosed));
        // The order of a reused key was found already.
        if is_away || matches!(&refusal, OrderError::KeyReused) {
            return Err(refusal);
        }
        match self.ports.orders.find_replay(key).await {
            Ok(Some(replay)) => self.answer_replay(key.store, replay).await,
            Ok(None) => Err(refusal),
            // Whether the key owns an order is not known, so nothing is refused.
            Err(error) => Err(PortError::unavailable("the look-up of the idempotency key", error).into()),
        }
    }

    /// An order that costs nothing is paid at once. What stands in its way passes, and the sweeper goes on.
    async fn settle_free(&self, order: &mut Order, free: &PaymentSettled) {
        match self.take_settlement(free).await {
            Ok(()) => order.state = OrderState::Paid { payment: free.payment_id.clone() },
            Err(error) => {
                tracing::warn!(order.no = %order.order_no, error = %error, "An order that costs nothing will be paid soon.");
            }
        }
    }

    /// An order stands whether or not its payment can be prepared now (docs/domain.md S2 rule 7).
    async fn prepare_or_none(&self, order: &Order) -> Option<PaymentHandle> {
        match self.ports.payments.prepare(order).await {
            Ok(payment) => Some(payment),
            Err(error) => {
                tracing::warn!(order.no = %order.order_no, error = %error, "The payment could not be prepared; the client may ask again.");
                None
            }
        }
    }
}

fn gate_lines(order: &NewOrder) -> Vec<(SkuId, i64, Option<i64>)> {
    order.items.iter().map(|item| (item.sku_id, item.quantity.get(), Some(item.revision))).collect()
}
