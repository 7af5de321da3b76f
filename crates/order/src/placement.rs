//! Placing a cart order: the hot path (docs/architecture.md follows one order through it).
//!
//! Check → reserve (where the gate stands outside the database) → group commit → prepare the payment, unless its row went
//! in with the order. A placement runs
//! apart from the request that asked for it: a client that hangs up does not stop it half way.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use sluice_kernel::{OrderNo, PortError, Quantity, ReservationId, SkuId, StoreId, Timestamp, UserId};

use crate::{
    Attribution, CodeVerdict, CommitAnswer, NewOrder, Order, OrderError, OrderKind, OrderState, Prepared, Recipient, RefundState,
    Replay, ReserveAnswer, ShelfCard, ShortLine, StockRefusal,
    rules::{self, Priced, Wanted},
    service::OrderPorts,
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

/// A line as asked for; the SKU's id is still text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestedLine {
    pub sku: String,
    pub quantity: Quantity,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderInput {
    Items(Vec<RequestedLine>),
    /// The selected lines of the user's cart.
    FromCart,
}

/// Everything a cart order is placed with (spec.md S2, Input).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceCartOrder {
    pub store: StoreId,
    pub user: UserId,
    pub key: IdempotencyKey,
    pub input: OrderInput,
    pub recipient: Recipient,
    pub verify_code: Option<String>,
    pub store_code: Option<String>,
    pub attribution: Attribution,
    pub referrer: Option<String>,
    pub traceparent: Option<String>,
}

/// A placed order as it is answered; a replay shows it as it was answered first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    pub order: Order,
    pub payment: Option<Prepared>,
    pub replayed: bool,
}

/// `redirect_type` of cart orders (spec.md S2 rule 7).
const CART_REDIRECT: &str = "2";
/// A price change or a rebuilt gate may come between check and commit; more often than this in one request is a fault.
const MOST_ROUNDS: u32 = 4;

/// What one round of checking and committing came to.
enum Round {
    Committed(Box<NewOrder>),
    Replayed(Replay),
    /// The catalog or the gate moved on: check again.
    Again,
}

impl OrderPorts {
    pub(crate) async fn place(&self, command: &PlaceCartOrder) -> Result<Placed, OrderError> {
        rules::check_texts(
            &command.recipient,
            &command.attribution,
            &[
                ("/verify_code", command.verify_code.as_ref(), 16),
                ("/store_code", command.store_code.as_ref(), 64),
                ("/referrer", command.referrer.as_ref(), 512),
            ],
        )?;
        for _ in 0..MOST_ROUNDS {
            match self.round(command).await {
                Ok(Round::Committed(order)) => return self.answer_new(*order).await,
                Ok(Round::Replayed(replay)) => return self.answer_replay(command, replay).await,
                Ok(Round::Again) => {}
                Err(refusal) => return self.answer_refusal(command, refusal).await,
            }
        }
        Err(PortError::GateClosed.into())
    }

    /// A refusal is only true if the key has no order: its first request may have taken the very stock, code or cart
    /// lines that are missing now. An overloaded or absent part is not asked again on top.
    async fn answer_refusal(&self, command: &PlaceCartOrder, refusal: OrderError) -> Result<Placed, OrderError> {
        if matches!(&refusal, OrderError::Port(error) if !matches!(error, PortError::GateClosed)) {
            return Err(refusal);
        }
        match self.orders.find_replay(&command.key).await {
            Ok(Some(replay)) => self.answer_replay(command, replay).await,
            Ok(None) | Err(_) => Err(refusal),
        }
    }

    async fn round(&self, command: &PlaceCartOrder) -> Result<Round, OrderError> {
        let (wanted, cart_version) = self.wanted(command).await?;
        let skus: Vec<SkuId> = wanted.keys().copied().collect();
        let cards = self.catalog.cards(command.store, &skus).await?;
        if let Err(refusal) = rules::check_shelf(&wanted, &cards) {
            // A card that says no may be a stale one; a yes is checked at the gate, a no only here.
            self.catalog.forget(command.store, &skus).await;
            let fresh = self.catalog.cards(command.store, &skus).await?;
            rules::check_shelf(&wanted, &fresh).map_err(|_| refusal)?;
            return Ok(Round::Again);
        }
        let check_code =
            rules::check_fields(wanted.keys().filter_map(|sku| cards.get(sku)), &command.recipient, command.verify_code.as_ref())?;
        let uses_code = if check_code { Some(self.verified_code(command).await?) } else { None };
        let mut order = self.new_order(command, &wanted, &cards)?;
        order.first_payment = self.payments.instant(&order);
        order.cart_version = cart_version;
        order.uses_code = uses_code;

        if self.stock.decides_in_commit() {
            return self.commit(order, &wanted).await;
        }
        match self.stock.reserve(order.store, ReservationId::first(order.order_no), &gate_lines(&order), order.created_at).await? {
            ReserveAnswer::Held { epoch } => order.reserved_in_epoch = Some(epoch),
            ReserveAnswer::Refused(refusal) => return self.refused(order.store, refusal, &wanted).await,
            ReserveAnswer::Gone => return Ok(Round::Again),
        }
        let (store, reservation) = (order.store, ReservationId::first(order.order_no));
        let round = self.commit(order, &wanted).await;
        // Whoever did not commit gives back its own reservation and nothing else. Where the outcome is unknown (a port
        // error) the reservation stays: the sweeper and the commit race for its outcome row.
        let lost = !matches!(&round, Ok(Round::Committed(_)) | Err(OrderError::Port(_)));
        if lost && let Err(error) = self.stock.release(store, reservation, self.clock.now()).await {
            tracing::warn!(reservation.id = %reservation, error = %error, "A reservation could not be given back; the sweeper will.");
        }
        round
    }

    async fn wanted(&self, command: &PlaceCartOrder) -> Result<(BTreeMap<SkuId, Wanted>, Option<i64>), OrderError> {
        match &command.input {
            OrderInput::Items(lines) => Ok((rules::sum_lines(lines)?, None)),
            OrderInput::FromCart => {
                let (version, lines) = self.cart.selected(command.store, &command.user).await?;
                if lines.is_empty() {
                    return Err(rules::invalid("/from_cart", "no line of the cart is selected"));
                }
                let lines: Vec<RequestedLine> =
                    lines.into_iter().map(|(sku, quantity)| RequestedLine { sku: sku.to_string(), quantity }).collect();
                Ok((rules::sum_lines(&lines)?, Some(version)))
            }
        }
    }

    async fn verified_code(&self, command: &PlaceCartOrder) -> Result<(String, Timestamp), OrderError> {
        let phone = command.recipient.phone.clone().unwrap_or_default();
        let code = command.verify_code.clone().unwrap_or_default();
        match self.codes.check(command.store, &phone, &code).await? {
            CodeVerdict::Valid { sent_at } => Ok((phone, sent_at)),
            CodeVerdict::Invalid => Err(OrderError::VerifyCodeInvalid),
        }
    }

    fn new_order(
        &self,
        command: &PlaceCartOrder,
        wanted: &BTreeMap<SkuId, Wanted>,
        cards: &HashMap<SkuId, Arc<ShelfCard>>,
    ) -> Result<NewOrder, OrderError> {
        let now = self.clock.now();
        let order_no = self.ids.order_no()?;
        let Priced { items, children, total, points_total, profit_total } = rules::price(wanted, cards, self.ids.as_ref())?;
        Ok(NewOrder {
            order_no,
            store: command.store,
            user: command.user.clone(),
            kind: OrderKind::Cart,
            total,
            points_total,
            profit_total,
            created_at: now,
            expires_at: now.plus(self.timings.payment_window),
            recipient: command.recipient.clone(),
            store_code: command.store_code.clone(),
            attribution: command.attribution.clone(),
            referrer: command.referrer.clone(),
            redirect_type: CART_REDIRECT.to_owned(),
            items,
            children,
            key: command.key.clone(),
            cart_version: None,
            uses_code: None,
            first_payment: None,
            reserved_in_epoch: None,
            traceparent: command.traceparent.clone(),
        })
    }

    async fn commit(&self, order: NewOrder, wanted: &BTreeMap<SkuId, Wanted>) -> Result<Round, OrderError> {
        let store = order.store;
        match self.writer.commit(order.clone()).await? {
            CommitAnswer::Committed => Ok(Round::Committed(Box::new(order))),
            CommitAnswer::Replayed(replay) => Ok(Round::Replayed(replay)),
            CommitAnswer::Refused(refusal) => self.refused(store, refusal, wanted).await,
            CommitAnswer::CodeSpent => Err(OrderError::VerifyCodeInvalid),
            CommitAnswer::CartClaimed => Err(OrderError::CartAlreadyOrdered),
            CommitAnswer::EpochMoved => Ok(Round::Again),
        }
    }

    async fn refused(&self, store: StoreId, refusal: StockRefusal, wanted: &BTreeMap<SkuId, Wanted>) -> Result<Round, OrderError> {
        let line = |sku: &SkuId| wanted.get(sku).map_or(0, |wanted| wanted.line);
        match refusal {
            StockRefusal::Short(short) => {
                let lines = short.iter().map(|(sku, usable)| ShortLine { line: line(sku), sku: *sku, usable: *usable }).collect();
                Err(OrderError::InsufficientStock { lines })
            }
            StockRefusal::Outdated(skus) => {
                self.catalog.forget(store, &skus).await;
                Ok(Round::Again)
            }
            StockRefusal::OffShelf(skus) => {
                self.catalog.forget(store, &skus).await;
                Err(OrderError::OffShelf { lines: skus.iter().map(|sku| (line(sku), sku.to_string())).collect() })
            }
        }
    }

    async fn answer_new(&self, mut new: NewOrder) -> Result<Placed, OrderError> {
        let written = new.first_payment.take();
        let order = first_form(new);
        let payment = match written {
            Some(payment) => Some(payment),
            None => self.prepare_or_none(&order).await,
        };
        Ok(Placed { order, payment, replayed: false })
    }

    async fn answer_replay(&self, command: &PlaceCartOrder, replay: Replay) -> Result<Placed, OrderError> {
        if !replay.same_body {
            return Err(OrderError::KeyReused);
        }
        let mut order = self.orders.find(command.store, replay.order_no).await?.ok_or(OrderError::NotFound)?;
        let mut payment = self.payments.first(order.store, order.order_no).await?;
        if payment.is_none() && order.state == OrderState::Unpaid {
            payment = self.prepare_or_none(&order).await;
        }
        order.state = OrderState::Unpaid;
        order.cancel_reason = None;
        order.refund_state = RefundState::None;
        order.paid_at = None;
        Ok(Placed { order, payment, replayed: true })
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
    let order_no: OrderNo = new.order_no;
    Order {
        order_no,
        store: new.store,
        user: new.user,
        kind: new.kind,
        state: OrderState::Unpaid,
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
        items: new.items.into_iter().map(|line| crate::OrderItem { line, restocked: 0 }).collect(),
        children: new.children,
        version: 0,
    }
}
