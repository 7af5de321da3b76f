//! Placing a cart order: the hot path (docs/architecture.md follows one order through it).
//!
//! Check the shelf, the fields and the code, price the lines, then hold and commit (`placed`). A placement runs apart from
//! the request that asked for it: a client that hangs up does not stop it half way.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use sluice_kernel::{PortError, Quantity, SkuId, StoreId, Timestamp, UserId};

use crate::{
    Attribution, CodeVerdict, IdempotencyKey, NewOrder, OrderError, OrderKind, Placed, Recipient, ShelfCard, ShortLine,
    StockRefusal,
    placed::{Held, MOST_ROUNDS, Round},
    rules::{self, Priced, Wanted},
    service::OrderPorts,
    unpaid::UnpaidShares,
};

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

/// `redirect_type` of cart orders (spec.md S2 rule 7).
const CART_REDIRECT: &str = "2";

impl OrderPorts {
    pub(crate) async fn place(&self, command: &PlaceCartOrder, unpaid: &UnpaidShares) -> Result<Placed, OrderError> {
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
            match self.round(command, unpaid).await {
                Ok(Round::Committed(order)) => return self.answer_new(*order).await,
                Ok(Round::Replayed(replay)) => return self.answer_replay(command.store, replay).await,
                Ok(Round::Again) => {}
                Err(refusal) => return self.answer_refusal(&command.key, refusal).await,
            }
        }
        Err(PortError::GateClosed.into())
    }

    async fn round(&self, command: &PlaceCartOrder, unpaid: &UnpaidShares) -> Result<Round, OrderError> {
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
        order.first_payment = if order.free_settlement().is_none() { self.payments.instant(&order) } else { None };
        order.cart_version = cart_version;
        order.uses_code = uses_code;

        let share = unpaid.take(self.orders.as_ref(), &order).await?;
        match self.hold_and_commit(order).await? {
            Held::Ended(round) => Ok(round.with(Some(share))),
            Held::Refused(refusal) => self.refused(command.store, refusal, &wanted).await,
        }
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
        match self.codes.check(command.store, &command.user, &phone, &code).await? {
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
            activity: None,
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

    async fn refused(&self, store: StoreId, refusal: StockRefusal, wanted: &BTreeMap<SkuId, Wanted>) -> Result<Round, OrderError> {
        let line = |sku: &SkuId| wanted.get(sku).map_or(0, |wanted| wanted.line);
        match refusal {
            StockRefusal::Short(short) => {
                let lines =
                    short.iter().map(|(sku, usable)| ShortLine { line: Some(line(sku)), sku: *sku, usable: *usable }).collect();
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
            StockRefusal::OutsideWindow | StockRefusal::LimitReached => {
                Err(PortError::internal("the stock gate", "a cart order was refused by terms it does not have").into())
            }
        }
    }
}
