//! What the partner context offers to the API, to consumers and to sweepers.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use async_trait::async_trait;
use sluice_kernel::{
    Changed, Clock, IdGenerator, InvalidField, OrderNo, Page, PageRequest, PortError, Precondition, StoreId, check,
};
use tokio::sync::{Notify, Semaphore};

use crate::{
    Attempt, Delivery, DeliveryId, DeliveryQuery, DeliveryQueue, EventType, InsertAnswer, NewDelivery, NewSubscription,
    OrderChange, OrderReader, PartnerError, PushRules, PushSender, PushStats, Secret, Subscription, SubscriptionChange,
    SubscriptionId, SubscriptionRepository, TargetHealth, body_of,
    delivery::sending::{LEASE, Senders},
    ping_body,
};

/// Subscriptions of a store at most.
const MAX_SUBSCRIPTIONS: u32 = 50;
/// Characters of a URL at most.
const MAX_URL: usize = 1_000;
/// How long the secret before a rotation signs beside the new one.
const ROTATION: Duration = Duration::from_hours(24);
/// Targets a process serves at the same time at most.
const MAX_TARGETS: u32 = 64;
/// Deliveries given up in one turn at most.
const GIVE_UP_AT_ONCE: u32 = 500;

#[async_trait]
pub trait PartnerService: Send + Sync {
    /// The answer alone ever shows the secret.
    async fn create(&self, store: StoreId, subscription: NewSubscription) -> Result<Subscription, PartnerError>;
    async fn find(&self, store: StoreId, id: SubscriptionId) -> Result<Subscription, PartnerError>;
    async fn list(&self, store: StoreId, page: PageRequest) -> Result<Page<Subscription>, PartnerError>;
    /// `Stale` where its version is none that the change may be made from.
    async fn change(
        &self,
        store: StoreId,
        id: SubscriptionId,
        from: Precondition,
        change: SubscriptionChange,
    ) -> Result<Subscription, PartnerError>;
    async fn remove(&self, store: StoreId, id: SubscriptionId) -> Result<(), PartnerError>;
    async fn deliveries(&self, query: DeliveryQuery) -> Result<Page<Delivery>, PartnerError>;
    /// With its newest tries, newest first.
    async fn delivery(&self, store: StoreId, id: &DeliveryId) -> Result<(Delivery, Vec<Attempt>), PartnerError>;
    /// Sends it again under the same `webhook-id`, whatever became of it before.
    async fn replay(&self, store: StoreId, id: &DeliveryId) -> Result<Delivery, PartnerError>;

    /// Keeps a signed test message for the subscription, sent as any other; one that is inactive has it wait.
    async fn ping(&self, store: StoreId, id: SubscriptionId) -> Result<Delivery, PartnerError>;

    /// Consumer of `order-paid`, `order-cancelled` and `order-refunded`: keeps a delivery for each subscription that
    /// wants to hear of a change, once by (subscription, event). Answers how many are new.
    async fn enqueue(&self, changes: &[OrderChange]) -> Result<usize, PartnerError>;
    /// Gives up what is too old, then begins sending for up to `limit` targets that have something due; answers for how
    /// many. Sending goes on apart, so a slow target holds up nobody.
    async fn run_due(&self, limit: u32) -> Result<usize, PartnerError>;
    async fn stats(&self) -> Result<PushStats, PartnerError>;
    /// Notified when there is something to send.
    fn hint(&self) -> Arc<Notify>;
}

/// The ports of the service.
pub struct PartnerPorts {
    pub subscriptions: Arc<dyn SubscriptionRepository>,
    pub queue: Arc<dyn DeliveryQueue>,
    pub sender: Arc<dyn PushSender>,
    pub orders: Arc<dyn OrderReader>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdGenerator>,
    pub rules: PushRules,
}

/// The service over its ports.
pub struct Partners {
    ports: Arc<PartnerPorts>,
    targets: Arc<Semaphore>,
    room: Arc<Semaphore>,
    hint: Arc<Notify>,
}

impl Partners {
    pub fn new(ports: PartnerPorts) -> Self {
        let room = usize::try_from(ports.rules.at_once).unwrap_or(1).max(1);
        Self {
            targets: Arc::new(Semaphore::new(usize::try_from(MAX_TARGETS).unwrap_or(1))),
            room: Arc::new(Semaphore::new(room)),
            hint: Arc::new(Notify::new()),
            ports: Arc::new(ports),
        }
    }

    /// Waits until nothing that [`PartnerService::run_due`] began is under way in this process.
    pub async fn quiet(&self) {
        // Never closed, so a place always comes.
        let _all = self.targets.acquire_many(MAX_TARGETS).await;
    }

    fn check_url(&self, url: &str) -> check::Result {
        check::length("url", url, MAX_URL)?;
        self.ports.sender.check_url(url).map_err(|reason| InvalidField::new("url", reason))
    }

    /// The wanted deliveries of the changes: what each subscription of their stores hears of each of them.
    async fn deliveries_of(&self, changes: &[OrderChange]) -> Result<Vec<NewDelivery>, PartnerError> {
        let stores: BTreeSet<StoreId> = changes.iter().map(OrderChange::store).collect();
        let stores: Vec<StoreId> = stores.into_iter().collect();
        let subscriptions = self.ports.subscriptions.active_of(&stores).await?;
        let wants = |change: &OrderChange, kind: EventType| -> Vec<SubscriptionId> {
            let of_store = subscriptions.iter().filter(|subscription| subscription.store == change.store());
            of_store.filter(|subscription| subscription.event_types.contains(&kind)).map(|subscription| subscription.id).collect()
        };
        let wanted: Vec<(&OrderChange, EventType, String, Vec<SubscriptionId>)> = changes
            .iter()
            .flat_map(|change| change.events().into_iter().map(move |(kind, event)| (change, kind, event)))
            .map(|(change, kind, event)| (change, kind, event, wants(change, kind)))
            .filter(|(.., by)| !by.is_empty())
            .collect();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let orders: BTreeSet<(StoreId, OrderNo)> = wanted.iter().map(|(change, ..)| (change.store(), change.order_no())).collect();
        let facts = self.ports.orders.facts(&orders.into_iter().collect::<Vec<_>>()).await?;
        let mut deliveries = Vec::new();
        for (change, kind, event_id, by) in wanted {
            let order_no = change.order_no();
            let absent = || PortError::internal("reading an order for partners", format!("order {order_no} is not there"));
            let body = body_of(change, kind, facts.get(&order_no).ok_or_else(absent)?)?;
            deliveries.extend(by.into_iter().map(|subscription| NewDelivery {
                id: DeliveryId::make(&*self.ports.ids),
                subscription,
                store: change.store(),
                event_id: event_id.clone(),
                event_type: kind,
                order_no: Some(order_no),
                body: body.clone(),
            }));
        }
        Ok(deliveries)
    }
}

/// Each once, in one order; at least one.
fn sound_types(types: &[EventType]) -> Result<Vec<EventType>, InvalidField> {
    if types.is_empty() {
        return Err(InvalidField::new("event_types", "at least one"));
    }
    if let Some(index) = types.iter().position(|kind| !EventType::SUBSCRIBED.contains(kind)) {
        return Err(InvalidField::new(("event_types", index), "order.paid, order.cancelled, order.refunded or referral"));
    }
    let each: BTreeSet<EventType> = types.iter().copied().collect();
    Ok(each.into_iter().collect())
}

#[async_trait]
impl PartnerService for Partners {
    async fn create(&self, store: StoreId, given: NewSubscription) -> Result<Subscription, PartnerError> {
        self.check_url(&given.url)?;
        let subscription = Subscription {
            id: SubscriptionId(0),
            store,
            url: given.url,
            event_types: sound_types(&given.event_types)?,
            secret: Secret::make(&*self.ports.ids),
            previous_secret: None,
            active: given.active,
            version: 1,
            created_at: self.ports.clock.now(),
            health: TargetHealth::default(),
        };
        match self.ports.subscriptions.insert(&subscription, MAX_SUBSCRIPTIONS).await? {
            InsertAnswer::Inserted(inserted) => Ok(*inserted),
            InsertAnswer::Full => {
                let reason = format!("a store has at most {MAX_SUBSCRIPTIONS} subscriptions; remove one first");
                Err(InvalidField::new("url", reason).into())
            }
        }
    }

    async fn find(&self, store: StoreId, id: SubscriptionId) -> Result<Subscription, PartnerError> {
        self.ports.subscriptions.find(store, id).await?.ok_or(PartnerError::NotFound)
    }

    async fn list(&self, store: StoreId, page: PageRequest) -> Result<Page<Subscription>, PartnerError> {
        let rows = self.ports.subscriptions.list(store, page).await?;
        Ok(Page::from_overfull(rows, page.limit, |subscription| subscription.id.0))
    }

    async fn change(
        &self,
        store: StoreId,
        id: SubscriptionId,
        from: Precondition,
        change: SubscriptionChange,
    ) -> Result<Subscription, PartnerError> {
        change.url.as_deref().map_or(Ok(()), |url| self.check_url(url))?;
        let types = change.event_types.as_deref().map(sound_types).transpose()?;
        let mut subscription = self.find(store, id).await?;
        if !from.admits(subscription.version) {
            return Err(PartnerError::Stale);
        }
        subscription.url = change.url.unwrap_or(subscription.url);
        subscription.event_types = types.unwrap_or(subscription.event_types);
        subscription.active = change.active.unwrap_or(subscription.active);
        if change.rotate_secret {
            let former = std::mem::replace(&mut subscription.secret, Secret::make(&*self.ports.ids));
            subscription.previous_secret = Some((former, self.ports.clock.now().plus(ROTATION)));
        }
        match self.ports.subscriptions.change(&subscription).await? {
            Changed::Done(()) => {
                self.hint.notify_one();
                self.find(store, id).await
            }
            Changed::Stale => Err(PartnerError::Stale),
            Changed::Absent => Err(PartnerError::NotFound),
        }
    }

    async fn remove(&self, store: StoreId, id: SubscriptionId) -> Result<(), PartnerError> {
        if self.ports.subscriptions.remove(store, id).await? { Ok(()) } else { Err(PartnerError::NotFound) }
    }

    async fn deliveries(&self, query: DeliveryQuery) -> Result<Page<Delivery>, PartnerError> {
        self.find(query.store, query.subscription).await?;
        let rows = self.ports.queue.list(query).await?;
        Ok(Page::from_overfull(rows, query.page.limit, |delivery| delivery.seq))
    }

    async fn delivery(&self, store: StoreId, id: &DeliveryId) -> Result<(Delivery, Vec<Attempt>), PartnerError> {
        let delivery = self.ports.queue.find(store, id).await?.ok_or(PartnerError::NotFound)?;
        let attempts = self.ports.queue.attempts(&delivery).await?;
        Ok((delivery, attempts))
    }

    async fn replay(&self, store: StoreId, id: &DeliveryId) -> Result<Delivery, PartnerError> {
        if !self.ports.queue.replay(store, id, self.ports.clock.now()).await? {
            return Err(PartnerError::NotFound);
        }
        self.hint.notify_one();
        self.ports.queue.find(store, id).await?.ok_or(PartnerError::NotFound)
    }

    async fn ping(&self, store: StoreId, id: SubscriptionId) -> Result<Delivery, PartnerError> {
        self.find(store, id).await?;
        let now = self.ports.clock.now();
        let delivery = DeliveryId::make(&*self.ports.ids);
        let ping = NewDelivery {
            event_id: format!("ping/{delivery}"),
            id: delivery.clone(),
            subscription: id,
            store,
            event_type: EventType::Ping,
            order_no: None,
            body: ping_body(store, id, now)?,
        };
        self.ports.queue.enqueue(&[ping], now).await?;
        self.hint.notify_one();
        self.ports.queue.find(store, &delivery).await?.ok_or(PartnerError::NotFound)
    }

    async fn enqueue(&self, changes: &[OrderChange]) -> Result<usize, PartnerError> {
        let deliveries = self.deliveries_of(changes).await?;
        if deliveries.is_empty() {
            return Ok(0);
        }
        let new = self.ports.queue.enqueue(&deliveries, self.ports.clock.now()).await?;
        self.hint.notify_one();
        Ok(new)
    }

    async fn run_due(&self, limit: u32) -> Result<usize, PartnerError> {
        let now = self.ports.clock.now();
        self.ports.queue.give_up(now.minus(self.ports.rules.give_up_after), GIVE_UP_AT_ONCE).await?;
        let free = u32::try_from(self.targets.available_permits()).unwrap_or(MAX_TARGETS);
        let limit = limit.min(free);
        if limit == 0 {
            return Ok(0);
        }
        let leased = self.ports.queue.lease(&self.ports.ids.token(), now, now.plus(LEASE), limit).await?;
        let begun = leased.len();
        for target in leased {
            // Another turn may have taken the place since it was counted; then this one waits for the next.
            let place = Arc::clone(&self.targets).acquire_owned().await;
            let (ports, room) = (Arc::clone(&self.ports), Arc::clone(&self.room));
            tokio::spawn(async move {
                let _place = place;
                let senders =
                    Senders { queue: &*ports.queue, sender: &*ports.sender, clock: &*ports.clock, rules: ports.rules, room: &room };
                if let Err(error) = senders.serve(&target).await {
                    let subscription = target.subscription.0;
                    tracing::warn!(webhook.subscription = subscription, error = %error, "Pushes could not be noted; they are sent again.");
                }
            });
        }
        Ok(begun)
    }

    async fn stats(&self) -> Result<PushStats, PartnerError> {
        Ok(self.ports.queue.stats().await?)
    }

    fn hint(&self) -> Arc<Notify> {
        Arc::clone(&self.hint)
    }
}
