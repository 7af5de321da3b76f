//! Subscriptions in memory, and one delivery of each.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sluice_kernel::{Clock as _, InvalidField, OrderNo, Page, PageRequest, Precondition, SequenceIds, StoreId, SystemClock};
use sluice_partner::{
    Attempt, Delivery, DeliveryId, DeliveryQuery, DeliveryState, EventType, NewSubscription, OrderChange, PartnerError,
    PartnerService, PushStats, Secret, Subscription, SubscriptionChange, SubscriptionId, TargetHealth,
};
use tokio::sync::Notify;

pub const DELIVERY: &str = "msg_0123456789abcdef0123456789abcdef";

#[derive(Default)]
pub struct FakePartner {
    pub subscriptions: Mutex<Vec<Subscription>>,
    pub replayed: Mutex<Vec<String>>,
}

fn secret(number: i64) -> Secret {
    Secret::make(&SequenceIds::starting_at(number))
}

/// The delivery that every subscription of store 1 has.
fn delivery(subscription: SubscriptionId, state: DeliveryState) -> Delivery {
    let now = SystemClock.now();
    Delivery {
        id: DeliveryId(DELIVERY.to_owned()),
        seq: 1,
        subscription,
        store: StoreId(1),
        event_id: "1-1/paid".to_owned(),
        event_type: EventType::OrderPaid,
        order_no: Some(OrderNo::from_id(1)),
        body: r#"{"type":"order.paid"}"#.to_owned(),
        state,
        tries: 2,
        blamed: 0,
        created_at: now,
        since: now,
        first_try_at: Some(now),
        last_try_at: Some(now),
        next_try_at: now,
        last_status: Some(503),
        last_error: Some("answered 503".to_owned()),
    }
}

impl FakePartner {
    fn one(&self, store: StoreId, id: SubscriptionId) -> Result<Subscription, PartnerError> {
        let all = self.subscriptions.lock().unwrap();
        all.iter().find(|known| known.store == store && known.id == id).cloned().ok_or(PartnerError::NotFound)
    }
}

#[async_trait]
impl PartnerService for FakePartner {
    async fn create(&self, store: StoreId, new: NewSubscription) -> Result<Subscription, PartnerError> {
        if new.url.contains("127.0.0.1") {
            return Err(InvalidField::new("url", "127.0.0.1 is a loopback address").into());
        }
        if new.event_types.is_empty() {
            return Err(InvalidField::new("event_types", "at least one").into());
        }
        let mut all = self.subscriptions.lock().unwrap();
        let number = i64::try_from(all.len()).unwrap() + 1;
        let subscription = Subscription {
            id: SubscriptionId(number),
            store,
            url: new.url,
            event_types: new.event_types,
            secret: secret(number),
            previous_secret: None,
            active: new.active,
            version: 1,
            created_at: SystemClock.now(),
            health: TargetHealth { failures: 2, ..TargetHealth::default() },
        };
        all.push(subscription.clone());
        Ok(subscription)
    }
    async fn find(&self, store: StoreId, id: SubscriptionId) -> Result<Subscription, PartnerError> {
        self.one(store, id)
    }
    async fn list(&self, store: StoreId, page: PageRequest) -> Result<Page<Subscription>, PartnerError> {
        let all = self.subscriptions.lock().unwrap();
        let rows = all.iter().rev().filter(|known| known.store == store && page.after.is_none_or(|after| known.id.0 < after));
        Ok(Page::from_overfull(rows.cloned().collect(), page.limit, |row| row.id.0))
    }
    async fn change(
        &self,
        store: StoreId,
        id: SubscriptionId,
        from: Precondition,
        change: SubscriptionChange,
    ) -> Result<Subscription, PartnerError> {
        let mut changed = self.one(store, id)?;
        if !from.admits(changed.version) {
            return Err(PartnerError::Stale);
        }
        changed.url = change.url.unwrap_or(changed.url);
        changed.event_types = change.event_types.unwrap_or(changed.event_types);
        changed.active = change.active.unwrap_or(changed.active);
        if change.rotate_secret {
            changed.previous_secret = Some((changed.secret, SystemClock.now()));
            changed.secret = secret(99);
        }
        changed.version += 1;
        let mut all = self.subscriptions.lock().unwrap();
        *all.iter_mut().find(|known| known.id == id).unwrap() = changed.clone();
        Ok(changed)
    }
    async fn remove(&self, store: StoreId, id: SubscriptionId) -> Result<(), PartnerError> {
        self.one(store, id)?;
        self.subscriptions.lock().unwrap().retain(|known| known.id != id);
        Ok(())
    }
    async fn deliveries(&self, query: DeliveryQuery) -> Result<Page<Delivery>, PartnerError> {
        self.one(query.store, query.subscription)?;
        let one = delivery(query.subscription, DeliveryState::Exhausted);
        let rows = if query.state.is_none_or(|state| state == one.state) { vec![one] } else { Vec::new() };
        Ok(Page::from_overfull(rows, query.page.limit, |row| row.seq))
    }
    async fn delivery(&self, store: StoreId, id: &DeliveryId) -> Result<(Delivery, Vec<Attempt>), PartnerError> {
        if store != StoreId(1) || id.as_str() != DELIVERY {
            return Err(PartnerError::NotFound);
        }
        let attempt = |number, status| Attempt { number, at: SystemClock.now(), took_ms: 12, status, error: Some("no".to_owned()) };
        Ok((delivery(SubscriptionId(1), DeliveryState::Exhausted), vec![attempt(2, Some(503)), attempt(1, None)]))
    }
    async fn ping(&self, store: StoreId, id: SubscriptionId) -> Result<Delivery, PartnerError> {
        self.one(store, id)?;
        Ok(delivery(id, DeliveryState::Pending))
    }

    async fn replay(&self, store: StoreId, id: &DeliveryId) -> Result<Delivery, PartnerError> {
        self.delivery(store, id).await?;
        self.replayed.lock().unwrap().push(id.to_string());
        Ok(delivery(SubscriptionId(1), DeliveryState::Pending))
    }
    async fn enqueue(&self, _: &[OrderChange]) -> Result<usize, PartnerError> {
        Ok(0)
    }
    async fn run_due(&self, _: u32) -> Result<usize, PartnerError> {
        Ok(0)
    }
    async fn stats(&self) -> Result<PushStats, PartnerError> {
        Ok(PushStats::default())
    }
    fn hint(&self) -> Arc<Notify> {
        Arc::default()
    }
}
