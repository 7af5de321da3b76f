//! Placing an activity order: the same path as a cart order's, for one product of one activity.
//!
//! Find the offer → check and price → hold units and limit and commit → payment, or points that are deducted while the order is
//! `confirming` (docs/domain.md S1 rules 1–9).

use sluice_kernel::{ActivityId, OrderKind, PayType, ProductId, TraceContext};

use super::offer::{Checked, check, max_orders, named, redirect_type};
use crate::{
    ActivityPart, ChildOrder, ItemLine, NewOrder, OfferLookup, OrderError, OrderTerms, Orders, PlaceActivityOrder, Placed,
    ShortLine, StockRefusal, StoreRules,
};

/// Stands for a product id that cannot be ours: only the activity is asked about then.
const NO_PRODUCT: ProductId = ProductId(0);

impl Orders {
    pub(crate) async fn place_activity_order(&self, command: &PlaceActivityOrder) -> Result<Placed, OrderError> {
        self.place_in_rounds(&command.key, || self.activity_round(command)).await
    }

    async fn activity_round(&self, command: &PlaceActivityOrder) -> Result<Option<Placed>, OrderError> {
        let (activity, product) = named(command).ok_or(OrderError::ActivityNotFound)?;
        let asked = product.unwrap_or(NO_PRODUCT);
        let open = |sealed: &str| self.ports.activities.open_referrer(command.store, sealed);
        let known = |found: OfferLookup| OfferLookup { offer: found.offer.filter(|_| product.is_some()), ..found };
        let found = known(self.ports.activities.find_offer(command.store, activity, asked).await?);
        let Ok(checked) = check(command, &found, self.ports.stock.instant(self.ports.clock.now()), open) else {
            // A cached offer that says no may be outdated; a yes is checked at the gate, a no only here.
            let found = known(self.ports.activities.read_offer(command.store, activity, asked).await?);
            return check(command, &found, self.ports.stock.instant(self.ports.clock.now()), open).map(|_| None);
        };
        let mut order = self.new_activity_order(command, activity, checked, &found.store)?;
        // Points are deducted at once: such an order never waits for its buyer.
        let mut share = None;
        if command.pay_type == PayType::Cash && order.free_settlement().is_none() {
            order.first_payment = self.ports.payments.instant(&order);
            share = Some(self.unpaid.take(self.ports.orders.as_ref(), &order).await?);
        }
        self.commit(order, share, |refusal| self.activity_refusal(command, activity, asked, refusal)).await
    }

    fn new_activity_order(
        &self,
        command: &PlaceActivityOrder,
        activity: ActivityId,
        checked: Checked<'_>,
        store: &StoreRules,
    ) -> Result<NewOrder, OrderError> {
        let now = self.ports.clock.now();
        let order_no = self.ports.ids.order_no()?;
        let Checked { offer, window, promoter, partner, price } = checked;
        let shelf = &offer.shelf;
        let campaign = store.campaigns.iter().find(|(_, window)| window.holds(now));
        let part = ActivityPart {
            activity_id: activity,
            product_id: shelf.product_id,
            campaign_id: campaign.map(|(id, _)| *id),
            pay_type: command.pay_type,
            discount: offer.discount,
            price: shelf.price,
            points_price: shelf.points,
            quantity: command.quantity,
            receiving_way: offer.receiving_way,
            own_form: command.own_form.clone(),
            promoter,
            customer_product_id: offer.customer_product_id.clone(),
            partner_unit_price: partner.unit,
            partner_total: partner.total,
            window,
            most_orders: max_orders(offer, store.special),
            most_units: offer.most_units,
        };
        let item = ItemLine {
            sku_id: shelf.sku_id,
            product_id: shelf.product_id,
            title: shelf.title.clone(),
            picture: shelf.picture.clone(),
            spec: shelf.spec.clone(),
            code: shelf.code.clone(),
            quantity: command.quantity,
            unit_price: price.unit_price,
            unit_points: price.unit_points,
            line_total: price.total,
            supplier_price: shelf.supplier_price,
            allotable_profit: shelf.allotable_profit,
            delivery_place: shelf.delivery_place.clone(),
            revision: shelf.revision,
        };
        let child = ChildOrder {
            order_no: self.ports.ids.order_no()?,
            delivery_place: shelf.delivery_place.clone(),
            total: price.total,
            points_total: price.points_total,
            profit_total: price.profit_total,
        };
        let terms = OrderTerms {
            kind: OrderKind::Activity,
            total: price.total,
            points_total: price.points_total,
            profit_total: price.profit_total,
            created_at: now,
            expires_at: now.plus(self.ports.timings.payment_window),
            recipient: command.recipient.clone(),
            store_code: None,
            attribution: command.attribution.clone(),
            referrer: command.referrer.clone(),
            redirect_type: redirect_type(store),
            activity: Some(part),
            children: vec![child],
        };
        Ok(NewOrder {
            order_no,
            store: command.store,
            user: command.user.clone(),
            terms,
            items: vec![item],
            key: command.key.clone(),
            cart_version: None,
            uses_code: None,
            first_payment: None,
            reserved_in_epoch: None,
            traceparent: TraceContext::current_header(),
        })
    }

    async fn activity_refusal(
        &self,
        command: &PlaceActivityOrder,
        activity: ActivityId,
        product: ProductId,
        refusal: StockRefusal,
    ) -> Result<(), OrderError> {
        match refusal {
            StockRefusal::Outdated(_) => {
                self.ports.activities.forget(command.store, activity, product).await;
                Ok(())
            }
            StockRefusal::OffShelf(_) => {
                self.ports.activities.forget(command.store, activity, product).await;
                Err(OrderError::ProductNotInActivity)
            }
            StockRefusal::OutsideWindow => Err(OrderError::ActivityNotRunning),
            StockRefusal::LimitReached => Err(OrderError::RedemptionLimitReached),
            StockRefusal::Short(short) => {
                let lines = short.into_iter().map(|(sku, usable)| ShortLine { line: None, sku, usable }).collect();
                Err(OrderError::InsufficientStock { lines })
            }
        }
    }
}
