//! From a priced order to its answer: what cart orders and activity orders share (docs/architecture.md follows one order).
//!
//! Reserve (where the gate stands outside the database) → group commit → prepare the payment, unless its row went in with
//! the order. Whoever does not commit gives back its own reservation and nothing else.

use std::sync::Arc;

use sluice_events::PaymentSettled;
use sluice_kernel::{OrderNo, PortError, ReservationId, SkuId, StoreId, UserId};

use crate::{
    CommitAnswer, NewOrder, Order, OrderError, OrderItem, OrderState, Prepared, RefundState, Replay, ReserveAnswer, StockRefusal,
    service::OrderPorts, unpaid::Share,
};

/// Identifies a request across repetitions (api.md, `Idempotency-Key`). Scope: store, user, route.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    pub route: &'static str,
    pub store: StoreId,
    pub user: UserId,
    pub key: String,
    /// SHA-256 over the request as JSON values.
    pub fingerprint: [u8; 32],
}

/// A placed order as it is answered; a replay shows it as it was answered first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    pub order: Order,
    pub payment: Option<Prepared>,
    pub replayed: bool,
}

/// A price change or a rebuilt gate may come between check and commit; more often than this in one request is a fault.
pub(crate) const MOST_ROUNDS: u32 = 4;

/// What one round of checking and committing came to.
pub(crate) enum Round {
    Committed(Box<NewOrder>),
    Replayed(Replay),
    /// The catalog or the gate moved on: check again.
    Again,
}

impl Round {
    /// The order's place in its user's share counts on where the order was written, and is free again where it was not.
    pub(crate) fn with(self, share: Option<Share>) -> Self {
        if matches!(self, Self::Committed(_))
            && let Some(share) = share
        {
            share.commit();
        }
        self
    }
}

/// What holding the units and committing came to.
pub(crate) enum Held {
    Ended(Round),
    /// The stock said no; what that means depends on the kind of order.
    Refused(StockRefusal),
}

impl OrderPorts {
    /// Takes the units and writes the order: both or neither.
    pub(crate) async fn hold_and_commit(&self, mut order: NewOrder) -> Result<Held, OrderError> {
        if self.stock.decides_in_commit() {
            return self.commit(order).await;
        }
        let (store, reservation) = (order.store, ReservationId::first(order.order_no));
        let (lines, terms) = (gate_lines(&order), order.terms());
        match self.stock.reserve(store, reservation, &lines, terms.as_ref(), order.created_at).await? {
            ReserveAnswer::Held { epoch } => order.reserved_in_epoch = Some(epoch),
            ReserveAnswer::Refused(refusal) => return Ok(Held::Refused(refusal)),
            ReserveAnswer::Gone => return Ok(Held::Ended(Round::Again)),
        }
        let held = self.commit(order).await;
        // Whoever did not commit gives back its own reservation and nothing else. Where the outcome is unknown (a port
        // error) the reservation stays: the sweeper and the commit race for its outcome row.
        let lost = !matches!(&held, Ok(Held::Ended(Round::Committed(_))) | Err(OrderError::Port(_)));
        if lost && let Err(error) = self.stock.release(store, reservation, self.clock.now()).await {
            tracing::warn!(reservation.id = %reservation, error = %error, "A reservation could not be given back; the sweeper will.");
        }
        held
    }

    async fn commit(&self, order: NewOrder) -> Result<Held, OrderError> {
        let order = Arc::new(order);
        Ok(match self.writer.commit(Arc::clone(&order)).await? {
            CommitAnswer::Committed => Held::Ended(Round::Committed(Box::new(Arc::unwrap_or_clone(order)))),
            CommitAnswer::Replayed(replay) => Held::Ended(Round::Replayed(replay)),
            CommitAnswer::Refused(refusal) => Held::Refused(refusal),
            CommitAnswer::CodeSpent => return Err(OrderError::VerifyCodeInvalid),
            CommitAnswer::CartClaimed => return Err(OrderError::CartAlreadyOrdered),
            CommitAnswer::EpochMoved => Held::Ended(Round::Again),
        })
    }

    pub(crate) async fn answer_new(&self, mut new: NewOrder) -> Result<Placed, OrderError> {
        let written = new.first_payment.take();
        let mut order = first_form(new);
        if let Some(free) = order.free_settlement() {
            self.settle_free(&mut order, &free).await;
            return Ok(Placed { order, payment: None, replayed: false });
        }
        let payment = match written {
            Some(payment) => Some(payment),
            None if order.state == OrderState::Unpaid => self.prepare_or_none(&order).await,
            None => None,
        };
        Ok(Placed { order, payment, replayed: false })
    }

    pub(crate) async fn answer_replay(&self, store: StoreId, replay: Replay) -> Result<Placed, OrderError> {
        if !replay.same_body {
            return Err(OrderError::KeyReused);
        }
        let mut order = self.orders.find(store, replay.order_no).await?.ok_or(OrderError::NotFound)?;
        let mut payment = None;
        let free = order.free_settlement();
        if let (Some(free), OrderState::Unpaid) = (&free, &order.state) {
            self.settle_free(&mut order, free).await;
        } else if !order.is_paid_in_points() {
            payment = self.payments.first(order.store, order.order_no).await?;
        }
        if payment.is_none() && order.state == OrderState::Unpaid && free.is_none() {
            payment = self.prepare_or_none(&order).await;
        }
        order.state = free.map_or_else(|| order.first_state(), |free| OrderState::Paid { payment: free.payment_id });
        order.cancel_reason = None;
        order.refund_state = RefundState::None;
        order.paid_at = None;
        Ok(Placed { order, payment, replayed: true })
    }

    /// A refusal is only true if the key has no order: its first request may have taken the very stock, limit, code or
    /// cart lines that are missing now. An overloaded or absent part is not asked again on top.
    pub(crate) async fn answer_refusal(&self, key: &IdempotencyKey, refusal: OrderError) -> Result<Placed, OrderError> {
        if matches!(&refusal, OrderError::Port(error) if !matches!(error, PortError::GateClosed)) {
            return Err(refusal);
        }
        match self.orders.find_replay(key).await {
            Ok(Some(replay)) => self.answer_replay(key.store, replay).await,
            Ok(None) => Err(refusal),
            // Whether the key owns an order is not known, so nothing is refused.
            Err(error) => Err(PortError::unavailable("the look-up of the idempotency key", error).into()),
        }
    }

    /// An order that costs nothing is paid at once. What stands in its way passes, and the sweeper goes on.
    async fn settle_free(&self, order: &mut Order, free: &PaymentSettled) {
        match self.settle(free, None).await {
            Ok(()) => order.state = OrderState::Paid { payment: free.payment_id.clone() },
            Err(error) => {
                tracing::warn!(order.no = %order.order_no, error = %error, "An order that costs nothing will be paid soon.");
            }
        }
    }

    /// An order stands whether or not its payment can be prepared now (spec.md S2 rule 7).
    async fn prepare_or_none(&self, order: &Order) -> Option<Prepared> {
        match self.payments.prepare(order).await {
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

/// The order as it stands right after its commit.
fn first_form(new: NewOrder) -> Order {
    let (order_no, state): (OrderNo, OrderState) = (new.order_no, new.first_state());
    Order {
        order_no,
        store: new.store,
        user: new.user,
        kind: new.kind,
        state,
        cancel_reason: None,
        reservation: ReservationId::first(order_no),
        total: new.total,
        points_total: new.points_total,
        profit_total: new.profit_total,
        refunded: 0,
        refund_state: RefundState::None,
        created_at: new.created_at,
        expires_at: new.expires_at,
        paid_at: None,
        recipient: new.recipient,
        store_code: new.store_code,
        attribution: new.attribution,
        referrer: new.referrer,
        redirect_type: new.redirect_type,
        activity: new.activity,
        items: new.items.into_iter().map(|line| OrderItem { line, restocked: 0 }).collect(),
        children: new.children,
        version: 0,
    }
}
