//! What deliveries need: their rows, the order's facts, and the way out.

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use sluice_kernel::{OrderNo, PortResult, StoreId, Timestamp};

use crate::{Attempt, Delivery, DeliveryId, DeliveryQuery, EventType, OrderFacts, PushStats, Secret, SubscriptionId, TargetHealth};

/// A delivery to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    pub id: DeliveryId,
    pub subscription: SubscriptionId,
    pub store: StoreId,
    pub event_id: String,
    pub event_type: EventType,
    /// `None` of a ping.
    pub order_no: Option<OrderNo>,
    pub body: String,
}

/// A target that this process alone sends to, until the lease ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeasedTarget {
    pub subscription: SubscriptionId,
    pub url: String,
    pub secret: Secret,
    pub previous_secret: Option<(Secret, Timestamp)>,
    /// As the target was when it was leased.
    pub failures: u32,
    /// Names the lease.
    pub lease: String,
}

/// What a try did to its delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Delivered,
    /// Tried again from this instant on. `blamed`: see [`Delivery::blamed`].
    Again {
        at: Timestamp,
        blamed: u32,
    },
    Exhausted,
}

/// A try with its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    pub delivery: DeliveryId,
    pub seq: i64,
    pub attempt: Attempt,
    pub outcome: Outcome,
}

/// Deliveries. A delivery is sent only by who has leased its target, so no two workers ever send one at the same time.
#[async_trait]
pub trait DeliveryQueue: Send + Sync {
    /// Keeps those that are new by (subscription, event), all in one transaction, due at once; answers how many were.
    async fn enqueue(&self, deliveries: &[NewDelivery], now: Timestamp) -> PortResult<usize>;
    /// Leases up to `limit` active targets that are not paused, not leased, and have something due. `lease` names the
    /// leases of this call and is never used again.
    async fn lease(&self, lease: &str, now: Timestamp, until: Timestamp, limit: u32) -> PortResult<Vec<LeasedTarget>>;
    /// What is due for a target, longest waiting first.
    async fn due(&self, target: SubscriptionId, now: Timestamp, limit: u32) -> PortResult<Vec<Delivery>>;
    /// Notes tries and the target's health in one transaction, and extends the lease to `until`. What was accepted is
    /// noted whoever holds the lease by now; the rest only under the lease. False where the lease was lost. Of `health`,
    /// failures and pause replace what was kept, the others where they say something.
    async fn record(&self, target: &LeasedTarget, tries: &[Recorded], health: &TargetHealth, until: Timestamp) -> PortResult<bool>;
    /// Gives a lease back.
    async fn release(&self, target: &LeasedTarget) -> PortResult<()>;
    /// Pending ones whose period began before `before` become exhausted, if they were tried, or their target is away,
    /// inactive or gone; up to `limit`.
    async fn give_up(&self, before: Timestamp, limit: u32) -> PortResult<usize>;
    /// Up to `page.limit + 1`, newest first.
    async fn list(&self, query: DeliveryQuery) -> PortResult<Vec<Delivery>>;
    async fn find(&self, store: StoreId, id: &DeliveryId) -> PortResult<Option<Delivery>>;
    /// The tries of a delivery that are kept, newest first.
    async fn attempts(&self, delivery: &Delivery) -> PortResult<Vec<Attempt>>;
    /// Pending and due at once, for a new period, under the same id. A pending one only becomes due at once.
    async fn replay(&self, store: StoreId, id: &DeliveryId, now: Timestamp) -> PortResult<bool>;
    async fn stats(&self) -> PortResult<PushStats>;
}

/// One request to a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push<'a> {
    pub url: &'a str,
    /// Every one of them signs, the newest first.
    pub secrets: Vec<&'a Secret>,
    /// `webhook-id`
    pub id: &'a str,
    /// `webhook-timestamp`: when this try began.
    pub at: Timestamp,
    pub body: &'a str,
}

/// What a target said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Status {
        status: u16,
        retry_after: Option<Duration>,
        /// The beginning of its body.
        said: String,
    },
    /// No answer: not reachable, not in time, not allowed.
    None { reason: String },
}

/// Sends over HTTP. Follows no redirect, waits a bounded time, reads a bounded answer, and connects to no address that
/// is not allowed.
#[async_trait]
pub trait PushSender: Send + Sync {
    async fn send(&self, push: Push<'_>) -> Answer;
    /// Whether something can be sent there at all; the reason why not is for staff. Names are looked up when something
    /// is sent.
    fn check_url(&self, url: &str) -> Result<(), String>;
}

/// What orders keep and events do not say.
#[async_trait]
pub trait OrderReader: Send + Sync {
    /// Orders that are not there are absent.
    async fn facts(&self, orders: &[(StoreId, OrderNo)]) -> PortResult<HashMap<OrderNo, OrderFacts>>;
}
