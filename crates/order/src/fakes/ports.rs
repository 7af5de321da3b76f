//! What the fakes answer.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use sluice_events::PaymentSettled;
use sluice_kernel::{
    ActivityId, Clock as _, Currency, OrderNo, Page, PageRequest, PaymentHandle, PaymentId, PortError, PortResult, ProductId,
    Quantity, RefundId, ReservationId, SkuId, StoreId, Timestamp, UserId,
};

use super::Fakes;
use crate::{
    Activities, Applied, CartReader, Catalog, CodeVerdict, CodeVerifier, CommitOutcome, FollowTickets, IdempotencyKey, KeptTicket,
    NewOrder, OfferLookup, Order, OrderError, OrderQuery, OrderRepository, OrderSearch, OrderStatus, OrderWriter, PaymentRefund,
    Payments, PointsAccount, PointsRefund, Replay, ReserveAnswer, ReserveTerms, Settlements, ShelfCard, StockReserver, StockStep,
    Transition, Unpaid, WaitingSettlement,
};

#[async_trait]
impl Activities for Fakes {
    async fn find_offer(&self, _: StoreId, activity: ActivityId, product: ProductId) -> PortResult<OfferLookup> {
        let mut found = self.0.lookups.lock().unwrap().0.clone();
        found.window = found.window.filter(|_| activity == ActivityId(1));
        found.offer = found.offer.filter(|offer| offer.shelf.product_id == product);
        Ok(found)
    }

    async fn read_offer(&self, store: StoreId, activity: ActivityId, product: ProductId) -> PortResult<OfferLookup> {
        Activities::forget(self, store, activity, product).await;
        self.find_offer(store, activity, product).await
    }

    async fn forget(&self, _: StoreId, _: ActivityId, _: ProductId) {
        *self.0.forgotten.lock().unwrap() += 1;
        let mut lookups = self.0.lookups.lock().unwrap();
        lookups.0 = lookups.1.clone();
    }

    fn open_referrer(&self, store: StoreId, sealed: &str) -> Option<String> {
        sealed.strip_prefix(&format!("store {store}: ")).map(str::to_owned)
    }
}

#[async_trait]
impl PointsAccount for Fakes {
    async fn deduct(&self, order: &Order) -> PortResult<Option<PaymentSettled>> {
        self.0.deducted.lock().unwrap().push(order.order_no);
        Ok(None)
    }

    async fn refund(&self, refund: PointsRefund) -> Result<Option<(RefundId, bool)>, OrderError> {
        let id = refund.id.clone();
        self.0.points_back.lock().unwrap().push(refund);
        Ok(Some((id, false)))
    }
}

#[async_trait]
impl FollowTickets for Fakes {
    async fn keep(&self, ticket: &KeptTicket) -> PortResult<()> {
        self.0.tickets.lock().unwrap().push(ticket.clone());
        Ok(())
    }

    async fn take(&self, digest: &str, order: OrderNo) -> PortResult<Option<KeptTicket>> {
        let mut tickets = self.0.tickets.lock().unwrap();
        let place = tickets.iter().position(|kept| kept.digest == digest && kept.order_no == order);
        Ok(place.map(|place| tickets.remove(place)))
    }
}

#[async_trait]
impl StockReserver for Fakes {
    fn decides_in_commit(&self) -> bool {
        !self.0.outside_gate
    }

    async fn reserve(
        &self,
        _: StoreId,
        id: ReservationId,
        _: &[(SkuId, i64, Option<i64>)],
        terms: Option<&ReserveTerms>,
        _: Timestamp,
    ) -> PortResult<ReserveAnswer> {
        self.0.terms.lock().unwrap().push(terms.cloned());
        if *self.0.gate_is_closed.lock().unwrap() {
            return Err(PortError::GateClosed);
        }
        self.0.reserved.lock().unwrap().push(id);
        Ok(self.0.gate.lock().unwrap().pop_front().unwrap_or(ReserveAnswer::Held { epoch: 7 }))
    }

    async fn epoch(&self, _: StoreId) -> PortResult<i64> {
        Ok(7)
    }

    async fn reserve_in(
        &self,
        _: i64,
        store: StoreId,
        id: ReservationId,
        lines: &[(SkuId, i64, Option<i64>)],
        terms: Option<&ReserveTerms>,
        now: Timestamp,
    ) -> PortResult<ReserveAnswer> {
        self.reserve(store, id, lines, terms, now).await
    }

    async fn usable(&self, _: StoreId, _: &[SkuId]) -> PortResult<HashMap<SkuId, i64>> {
        Ok(self.0.usable.lock().unwrap().clone())
    }

    async fn release(&self, _: StoreId, id: ReservationId, _: Timestamp) -> PortResult<()> {
        self.0.released.lock().unwrap().push(id);
        Ok(())
    }

    fn hint_effects(&self) {}
}

#[async_trait]
impl OrderWriter for Fakes {
    async fn commit(&self, order: Arc<NewOrder>) -> PortResult<CommitOutcome> {
        self.0.written.lock().unwrap().push(Arc::unwrap_or_clone(order));
        Ok(self.0.commits.lock().unwrap().pop_front().unwrap_or(CommitOutcome::Committed))
    }
}

#[async_trait]
impl OrderRepository for Fakes {
    async fn find(&self, _: StoreId, _: OrderNo) -> PortResult<Option<Order>> {
        Ok(self.0.order.lock().unwrap().clone())
    }

    async fn list(&self, _: &OrderQuery) -> PortResult<Vec<Order>> {
        Ok(Vec::new())
    }

    async fn search(&self, _: StoreId, _: &OrderSearch, page: PageRequest) -> PortResult<Page<Order>> {
        let kept = self.0.order.lock().unwrap().iter().cloned().collect();
        Ok(Page::from_overfull(kept, page.limit, |order| order.order_no.id()))
    }

    async fn last_attempt(&self, _: OrderNo) -> PortResult<u16> {
        Ok(*self.0.last_attempt.lock().unwrap())
    }

    async fn statuses(&self, _: &[OrderNo]) -> PortResult<Vec<(OrderNo, OrderStatus)>> {
        Ok(self.0.order.lock().unwrap().iter().map(|order| (order.order_no, order.status())).collect())
    }

    /// What was lined up, and what was written for this user.
    async fn unpaid_of(&self, _: StoreId, user: &UserId) -> PortResult<Unpaid> {
        *self.0.counts.lock().unwrap() += 1;
        let mut unpaid = *self.0.unpaid.lock().unwrap();
        for order in self.0.written.lock().unwrap().iter().filter(|order| order.user == *user) {
            unpaid.orders += 1;
            unpaid.units += order.items.iter().map(|item| item.quantity.get()).sum::<i64>();
        }
        Ok(unpaid)
    }

    async fn find_replay(&self, _: &IdempotencyKey) -> PortResult<Option<Replay>> {
        if *self.0.look_up_is_away.lock().unwrap() {
            return Err(PortError::internal("looking an idempotency key up", "scripted"));
        }
        Ok(*self.0.replay.lock().unwrap())
    }

    async fn remember(&self, _: &IdempotencyKey, _: OrderNo, _: Timestamp) -> PortResult<()> {
        Ok(())
    }

    /// The state moves as the adapters move it.
    async fn apply(&self, transition: &Transition) -> PortResult<Applied> {
        self.0.transitions.lock().unwrap().push(transition.clone());
        let applied = self.0.changes.lock().unwrap().pop_front().unwrap_or(Applied::Done);
        if let (Applied::Done, Some(order)) = (&applied, self.0.order.lock().unwrap().as_mut()) {
            order.state = transition.to.clone();
            order.version += 1;
            self.0.waiting.lock().unwrap().retain(|(waiting, _)| Some(&waiting.id) != transition.settles.as_ref());
            if let StockStep::LateSell { reservation, .. } = &transition.stock {
                order.reservation = *reservation;
            }
        }
        Ok(applied)
    }

    async fn due(&self, _: Timestamp, _: u32) -> PortResult<Vec<(OrderNo, StoreId, Timestamp)>> {
        Ok(Vec::new())
    }

    async fn claim_confirming(&self, _: Timestamp, _: Timestamp, _: u32) -> PortResult<Vec<(OrderNo, StoreId)>> {
        let order = self.0.order.lock().unwrap();
        Ok(order.iter().map(|order| (order.order_no, order.store)).collect())
    }

    async fn announce_again_at(&self, _: &[OrderNo], _: Timestamp) -> PortResult<()> {
        Ok(())
    }

    async fn overdue(&self, _: Timestamp) -> PortResult<(u64, Option<Timestamp>)> {
        Ok((0, None))
    }
}

#[async_trait]
impl Settlements for Fakes {
    async fn claim(&self, _: u32, now: Timestamp, until: Timestamp) -> PortResult<Vec<WaitingSettlement>> {
        let mut claimed = Vec::new();
        for (waiting, due) in self.0.waiting.lock().unwrap().iter_mut().filter(|(_, due)| due.is_some_and(|due| due <= now)) {
            waiting.attempts += 1;
            *due = Some(until);
            claimed.push(waiting.clone());
        }
        Ok(claimed)
    }

    async fn keep(&self, settled: &PaymentSettled, due: Timestamp) -> PortResult<()> {
        let mut all = self.0.waiting.lock().unwrap();
        if all.iter().all(|(waiting, _)| waiting.id != settled.id()) {
            all.push((WaitingSettlement { id: settled.id(), settled: settled.clone(), attempts: 0 }, Some(due)));
        }
        Ok(())
    }

    async fn put_off(&self, id: &str, until: Option<Timestamp>, _: u32) -> PortResult<()> {
        for (_, due) in self.0.waiting.lock().unwrap().iter_mut().filter(|(waiting, _)| waiting.id == id) {
            *due = until;
        }
        Ok(())
    }

    async fn taken(&self, id: &str) -> PortResult<()> {
        self.0.waiting.lock().unwrap().retain(|(waiting, _)| waiting.id != id);
        Ok(())
    }
}

#[async_trait]
impl Payments for Fakes {
    fn instant(&self, _: &NewOrder) -> Option<PaymentHandle> {
        None
    }

    async fn prepare(&self, order: &Order) -> Result<PaymentHandle, OrderError> {
        *self.0.prepared.lock().unwrap() += 1;
        let url = "http://localhost/pay".to_owned();
        Ok(PaymentHandle {
            payment_id: PaymentId::from("p1"),
            provider: "sandbox".to_owned(),
            url,
            expires_at: order.terms.expires_at,
        })
    }

    async fn first(&self, _: StoreId, _: OrderNo) -> PortResult<Option<PaymentHandle>> {
        Ok(None)
    }

    async fn latest(&self, _: StoreId, _: &[OrderNo]) -> PortResult<HashMap<OrderNo, PaymentHandle>> {
        Ok(HashMap::new())
    }

    async fn close(&self, _: StoreId, _: OrderNo) -> PortResult<bool> {
        Ok(*self.0.money_is_stored.lock().unwrap())
    }

    async fn refund(&self, command: PaymentRefund) -> Result<(i64, bool), OrderError> {
        self.0.money_back.lock().unwrap().push(command);
        Ok((0, true))
    }

    async fn is_refunding(&self, _: StoreId, _: OrderNo, id: &RefundId) -> PortResult<bool> {
        Ok(self.0.money_back.lock().unwrap().iter().any(|refund| refund.id == *id))
    }

    async fn keep_exception(&self, kind: &'static str, _: StoreId, _: OrderNo, _: &PaymentId, _: String) -> PortResult<()> {
        self.0.exceptions.lock().unwrap().push(kind);
        Ok(())
    }
}

#[async_trait]
impl Catalog for Fakes {
    async fn cards(&self, _: StoreId, skus: &[SkuId]) -> PortResult<HashMap<SkuId, Arc<ShelfCard>>> {
        let cards = self.0.cards.lock().unwrap().0.clone();
        let asked = cards.into_iter().filter(|card| skus.contains(&card.sku_id));
        Ok(asked.map(|card| (card.sku_id, Arc::new(card))).collect())
    }

    async fn read_cards(&self, store: StoreId, skus: &[SkuId]) -> PortResult<HashMap<SkuId, Arc<ShelfCard>>> {
        Catalog::forget(self, store, skus).await;
        self.cards(store, skus).await
    }

    async fn currency(&self, _: StoreId) -> PortResult<Option<Currency>> {
        Ok("EUR".parse().ok())
    }

    async fn forget(&self, _: StoreId, _: &[SkuId]) {
        let mut cards = self.0.cards.lock().unwrap();
        cards.0 = cards.1.clone();
    }
}

#[async_trait]
impl CartReader for Fakes {
    async fn selected(&self, _: StoreId, _: &UserId) -> PortResult<(i64, Vec<(SkuId, Quantity)>)> {
        Ok((0, Vec::new()))
    }
}

#[async_trait]
impl CodeVerifier for Fakes {
    async fn check(&self, _: StoreId, _: &UserId, _: &str, code: &str) -> PortResult<CodeVerdict> {
        let valid = self.0.code.lock().unwrap().as_deref() == Some(code);
        Ok(if valid { CodeVerdict::Valid { sent_at: self.0.clock.now() } } else { CodeVerdict::Invalid })
    }
}
