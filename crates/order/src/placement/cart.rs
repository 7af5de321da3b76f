//! Placing a cart order: check the shelf, the fields and the code, price the lines, then hold and commit.

use std::collections::BTreeMap;

use sluice_kernel::{Currency, InvalidField, OrderKind, PortError, SkuId, StoreId, Timestamp, TraceContext};

use super::{
    lines::{Summed, Wanted, check_shelf, sum_lines},
    pricing::{DeliveryPart, Priced, check_expected, currency_of, price},
    request::check_line_count,
    required_fields::check_cart_fields,
};
use crate::{
    CartRequest, ChildOrder, CodeVerdict, NewOrder, OrderError, OrderInput, OrderTerms, Orders, PlaceCartOrder, Placed,
    RequestedLine, ShortLine, StockRefusal,
};

/// `redirect_type` of cart orders (docs/domain.md S2 rule 7).
const CART_REDIRECT: &str = "2";

impl Orders {
    pub(crate) async fn place_cart_order(&self, command: &PlaceCartOrder) -> Result<Placed, OrderError> {
        self.place_in_rounds(&command.key, || self.cart_round(command)).await
    }

    async fn cart_round(&self, command: &PlaceCartOrder) -> Result<Option<Placed>, OrderError> {
        let request = &command.request;
        let (summed, cart_version) = self.summed(request).await?;
        let skus = summed.skus();
        let cards = self.ports.catalog.cards(request.store, &skus).await?;
        // A card that says no may be a stale one; a yes is checked at the gate, a no only here.
        if check_shelf(&summed, &cards).is_err() {
            let fresh = self.ports.catalog.read_cards(request.store, &skus).await?;
            return check_shelf(&summed, &fresh).map(|()| None);
        }
        let wanted = &summed.wanted;
        let check_code =
            check_cart_fields(wanted.keys().filter_map(|sku| cards.get(sku)), &request.recipient, request.verify_code.as_ref())?;
        let uses_code = if check_code { Some(self.verified_code(request).await?) } else { None };
        let currency = currency_of(&cards).unwrap_or(Currency::CNY);
        let priced = price(wanted, &cards, currency)?;
        if check_expected(request.expected, priced.total, priced.points_total).is_err() {
            let fresh = self.ports.catalog.read_cards(request.store, &skus).await?;
            check_shelf(&summed, &fresh)?;
            let Priced { total, points_total, .. } = price(wanted, &fresh, currency)?;
            return check_expected(request.expected, total, points_total).map(|()| None);
        }
        let mut order = self.new_cart_order(command, priced)?;
        order.first_payment = if order.free_settlement().is_none() { self.ports.payments.instant(&order) } else { None };
        order.cart_version = cart_version;
        order.uses_code = uses_code;

        let share = self.unpaid.take(self.ports.orders.as_ref(), &order).await?;
        self.commit(order, Some(share), |refusal| self.cart_refusal(request.store, refusal, wanted)).await
    }

    /// What is asked for, and the cart's version where it is the cart.
    pub(super) async fn summed(&self, request: &CartRequest) -> Result<(Summed, Option<i64>), OrderError> {
        match &request.input {
            OrderInput::Items(lines) => Ok((sum_lines(lines)?, None)),
            OrderInput::FromCart => {
                let (version, lines) = self.ports.cart.selected(request.store, &request.user).await?;
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

    /// A wrong code counts against the user, a right one is used up by the commit alone.
    pub(super) async fn verified_code(&self, request: &CartRequest) -> Result<(String, Timestamp), OrderError> {
        let phone = request.recipient.phone.clone().unwrap_or_default();
        let code = request.verify_code.clone().unwrap_or_default();
        match self.ports.codes.check(request.store, &request.user, &phone, &code).await? {
            CodeVerdict::Valid { sent_at } => Ok((phone, sent_at)),
            CodeVerdict::Invalid => Err(OrderError::VerifyCodeInvalid),
        }
    }

    fn new_cart_order(&self, command: &PlaceCartOrder, priced: Priced) -> Result<NewOrder, OrderError> {
        let PlaceCartOrder { key, request } = command;
        let now = self.ports.clock.now();
        let order_no = self.ports.ids.order_no()?;
        let Priced { items, parts, total, points_total, profit_total } = priced;
        let mut children = Vec::with_capacity(parts.len());
        for DeliveryPart { delivery_place, total, points_total, profit_total } in parts {
            let order_no = self.ports.ids.order_no()?;
            children.push(ChildOrder { order_no, delivery_place, total, points_total, profit_total });
        }
        let terms = OrderTerms {
            kind: OrderKind::Cart,
            total,
            points_total,
            profit_total,
            created_at: now,
            expires_at: now.plus(self.ports.timings.payment_window),
            recipient: request.recipient.clone(),
            store_code: request.store_code.clone(),
            attribution: request.attribution.clone(),
            referrer: request.referrer.clone(),
            redirect_type: CART_REDIRECT.to_owned(),
            activity: None,
            children,
        };
        Ok(NewOrder {
            order_no,
            store: request.store,
            user: request.user.clone(),
            terms,
            items,
            key: key.clone(),
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
