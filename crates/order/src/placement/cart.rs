//! Placing a cart order: check the shelf, the fields and the code, price the lines, then hold and commit.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use sluice_kernel::{InvalidField, OrderKind, PortError, SkuId, StoreId, Timestamp, TraceContext};

use super::{
    lines::{Wanted, check_shelf, sum_lines},
    pricing::{Priced, price},
    request::check_line_count,
    required_fields::check_cart_fields,
};
use crate::{
    CodeVerdict, NewOrder, OrderError, OrderInput, OrderTerms, Orders, PlaceCartOrder, Placed, RequestedLine, ShelfCard, ShortLine,
    StockRefusal,
};

/// `redirect_type` of cart orders (docs/domain.md S2 rule 7).
const CART_REDIRECT: &str = "2";

impl Orders {
    pub(crate) async fn place_cart_order(&self, command: &PlaceCartOrder) -> Result<Placed, OrderError> {
        self.place_in_rounds(&command.key, || self.cart_round(command)).await
    }

    async fn cart_round(&self, command: &PlaceCartOrder) -> Result<Option<Placed>, OrderError> {
        let (wanted, cart_version) = self.wanted(command).await?;
        let skus: Vec<SkuId> = wanted.keys().copied().collect();
        let cards = self.ports.catalog.cards(command.store, &skus).await?;
        if let Err(refusal) = check_shelf(&wanted, &cards) {
            // A card that says no may be a stale one; a yes is checked at the gate, a no only here.
            self.ports.catalog.forget(command.store, &skus).await;
            let fresh = self.ports.catalog.cards(command.store, &skus).await?;
            check_shelf(&wanted, &fresh).map_err(|_| refusal)?;
            return Ok(None);
        }
        let check_code =
            check_cart_fields(wanted.keys().filter_map(|sku| cards.get(sku)), &command.recipient, command.verify_code.as_ref())?;
        let uses_code = if check_code { Some(self.verified_code(command).await?) } else { None };
        let mut order = self.new_cart_order(command, &wanted, &cards)?;
        order.first_payment = if order.free_settlement().is_none() { self.ports.payments.instant(&order) } else { None };
        order.cart_version = cart_version;
        order.uses_code = uses_code;

        let share = self.unpaid.take(self.ports.orders.as_ref(), &order).await?;
        self.commit(order, Some(share), |refusal| self.cart_refusal(command.store, refusal, &wanted)).await
    }

    async fn wanted(&self, command: &PlaceCartOrder) -> Result<(BTreeMap<SkuId, Wanted>, Option<i64>), OrderError> {
        match &command.input {
            OrderInput::Items(lines) => Ok((sum_lines(lines)?, None)),
            OrderInput::FromCart => {
                let (version, lines) = self.ports.cart.selected(command.store, &command.user).await?;
                if lines.is_empty() {
                    return Err(InvalidField::new("from_cart", "no line of the cart is selected").into());
                }
                check_line_count(lines.len())?;
                let lines: Vec<RequestedLine> =
                    lines.into_iter().map(|(sku, quantity)| RequestedLine { sku: sku.to_string(), quantity }).collect();
                Ok((sum_lines(&lines)?, Some(version)))
            }
        }
    }

    async fn verified_code(&self, command: &PlaceCartOrder) -> Result<(String, Timestamp), OrderError> {
        let phone = command.recipient.phone.clone().unwrap_or_default();
        let code = command.verify_code.clone().unwrap_or_default();
        match self.ports.codes.check(command.store, &command.user, &phone, &code).await? {
            CodeVerdict::Valid { sent_at } => Ok((phone, sent_at)),
            CodeVerdict::Invalid => Err(OrderError::VerifyCodeInvalid),
        }
    }

    fn new_cart_order(
        &self,
        command: &PlaceCartOrder,
        wanted: &BTreeMap<SkuId, Wanted>,
        cards: &HashMap<SkuId, Arc<ShelfCard>>,
    ) -> Result<NewOrder, OrderError> {
        let now = self.ports.clock.now();
        let order_no = self.ports.ids.order_no()?;
        let Priced { items, children, total, points_total, profit_total } = price(wanted, cards, self.ports.ids.as_ref())?;
        let terms = OrderTerms {
            kind: OrderKind::Cart,
            total,
            points_total,
            profit_total,
            created_at: now,
            expires_at: now.plus(self.ports.timings.payment_window),
            recipient: command.recipient.clone(),
            store_code: command.store_code.clone(),
            attribution: command.attribution.clone(),
            referrer: command.referrer.clone(),
            redirect_type: CART_REDIRECT.to_owned(),
            activity: None,
            children,
        };
        Ok(NewOrder {
            order_no,
            store: command.store,
            user: command.user.clone(),
            terms,
            items,
            key: command.key.clone(),
            cart_version: None,
            uses_code: None,
            first_payment: None,
            reserved_in_epoch: None,
            traceparent: TraceContext::current_header(),
        })
    }

    async fn cart_refusal(
        &self,
        store: StoreId,
        refusal: StockRefusal,
        wanted: &BTreeMap<SkuId, Wanted>,
    ) -> Result<(), OrderError> {
        let line = |sku: &SkuId| wanted.get(sku).map_or(0, |wanted| wanted.line);
        match refusal {
            StockRefusal::Short(short) => {
                let lines =
                    short.iter().map(|(sku, usable)| ShortLine { line: Some(line(sku)), sku: *sku, usable: *usable }).collect();
                Err(OrderError::InsufficientStock { lines })
            }
            StockRefusal::Outdated(skus) => {
                self.ports.catalog.forget(store, &skus).await;
                Ok(())
            }
            StockRefusal::OffShelf(skus) => {
                self.ports.catalog.forget(store, &skus).await;
                Err(OrderError::OffShelf { lines: skus.iter().map(|sku| (line(sku), sku.to_string())).collect() })
            }
            StockRefusal::OutsideWindow | StockRefusal::LimitReached => {
                Err(PortError::internal("the stock gate", "a cart order was refused by terms it does not have").into())
            }
        }
    }
}
