//! Placing an activity order: the same hot path as a cart order's (docs/architecture.md), for one product of one activity.
//!
//! Look → check and price → hold units and limit and commit (`placed`) → payment, or points that are deducted while the
//! order is `confirming` (spec.md S1 rules 1–9).

use sluice_kernel::{ActivityId, PortError, ProductId};

use crate::{
    ActivityLook, ActivityPart, ChildOrder, ItemLine, NewOrder, OrderError, OrderKind, PayType, PlaceActivityOrder, Placed,
    ShortLine, StockRefusal, StoreRules,
    activity_rules::{self, Checked},
    fresh_looks::FreshLooks,
    placed::{Held, MOST_ROUNDS, Round},
    rules,
    service::OrderPorts,
    unpaid::UnpaidShares,
};

/// Looked at in place of a product id that cannot be ours: the look is only about the activity then.
const NO_PRODUCT: ProductId = ProductId(0);

impl OrderPorts {
    pub(crate) async fn place_activity(
        &self,
        command: &PlaceActivityOrder,
        fresh: &FreshLooks,
        unpaid: &UnpaidShares,
    ) -> Result<Placed, OrderError> {
        rules::check_texts(
            &command.recipient,
            &command.attribution,
            &[("/own_form", command.own_form.as_ref(), 500), ("/referrer", command.referrer.as_ref(), 512)],
        )?;
        for _ in 0..MOST_ROUNDS {
            match self.activity_round(command, fresh, unpaid).await {
                Ok(Round::Committed(order)) => return self.answer_new(*order).await,
                Ok(Round::Replayed(replay)) => return self.answer_replay(command.store, replay).await,
                Ok(Round::Again) => {}
                Err(refusal) => return self.answer_refusal(&command.key, refusal).await,
            }
        }
        Err(PortError::GateClosed.into())
    }

    async fn activity_round(
        &self,
        command: &PlaceActivityOrder,
        fresh: &FreshLooks,
        unpaid: &UnpaidShares,
    ) -> Result<Round, OrderError> {
        let (activity, product) = activity_rules::named(command).ok_or(OrderError::ActivityNotFound)?;
        let looked_at = product.unwrap_or(NO_PRODUCT);
        let open = |sealed: &str| self.activities.open_referrer(command.store, sealed);
        let known = |look: ActivityLook| ActivityLook { offer: look.offer.filter(|_| product.is_some()), ..look };
        let found = known(self.activities.look(command.store, activity, looked_at).await?);
        let Ok(checked) = activity_rules::check(command, &found, self.stock.instant(self.clock.now()), open) else {
            // A look that says no may be a stale one; a yes is checked at the gate, a no only here.
            let look_again = async {
                self.activities.forget(command.store, activity, looked_at).await;
                self.activities.look(command.store, activity, looked_at).await
            };
            let found = known(fresh.look((command.store, activity, looked_at), look_again).await?);
            return activity_rules::check(command, &found, self.stock.instant(self.clock.now()), open).map(|_| Round::Again);
        };
        let mut order = self.new_activity_order(command, activity, checked, &found.store)?;
        // Points are deducted at once: such an order never waits for its buyer.
        let mut share = None;
        if command.pay_type == PayType::Cash && order.free_settlement().is_none() {
            order.first_payment = self.payments.instant(&order);
            share = Some(unpaid.take(self.orders.as_ref(), &order).await?);
        }
        match self.hold_and_commit(order).await? {
            Held::Ended(round) => Ok(round.with(share)),
            Held::Refused(refusal) => self.activity_refused(command, activity, looked_at, refusal).await,
        }
    }

    fn new_activity_order(
        &self,
        command: &PlaceActivityOrder,
        activity: ActivityId,
        checked: Checked<'_>,
        store: &StoreRules,
    ) -> Result<NewOrder, OrderError> {
        let now = self.clock.now();
        let order_no = self.ids.order_no()?;
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
            most_orders: activity_rules::most_orders(offer, store.special),
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
            order_no: self.ids.order_no()?,
            delivery_place: shelf.delivery_place.clone(),
            total: price.total,
            points_total: price.points_total,
            profit_total: price.profit_total,
        };
        Ok(NewOrder {
            order_no,
            store: command.store,
            user: command.user.clone(),
            kind: OrderKind::Activity,
            total: price.total,
            points_total: price.points_total,
            profit_total: price.profit_total,
            created_at: now,
            expires_at: now.plus(self.timings.payment_window),
            recipient: command.recipient.clone(),
            store_code: None,
            attribution: command.attribution.clone(),
            referrer: command.referrer.clone(),
            redirect_type: activity_rules::redirect_type(store),
            activity: Some(part),
            items: vec![item],
            children: vec![child],
            key: command.key.clone(),
            cart_version: None,
            uses_code: None,
            first_payment: None,
            reserved_in_epoch: None,
            traceparent: command.traceparent.clone(),
        })
    }

    async fn activity_refused(
        &self,
        command: &PlaceActivityOrder,
        activity: ActivityId,
        product: ProductId,
        refusal: StockRefusal,
    ) -> Result<Round, OrderError> {
        match refusal {
            StockRefusal::Outdated(_) => {
                self.activities.forget(command.store, activity, product).await;
                Ok(Round::Again)
            }
            StockRefusal::OffShelf(_) => {
                self.activities.forget(command.store, activity, product).await;
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
