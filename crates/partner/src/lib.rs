//! The partner context: what other systems are told, and how it reaches them.
//!
//! Contract: docs/domain.md S1 rules 6, 9 and 10. A store subscribes addresses to types of events; every event becomes one
//! delivery for each subscription, under one `webhook-id` over all its tries, signed as Standard Webhooks. A target
//! that is away is paused as a whole and probed by one message at a time; a message that its receiver refuses waits
//! alone. What was not accepted within the period is `exhausted` and may be replayed by staff. Nothing here stands in
//! the way of an order: the context lives off the order topics.

mod delivery;
mod error;
mod service;
mod subscription;
#[cfg(feature = "testing")]
pub mod testing;

pub use delivery::{
    Answer, Attempt, Delivery, DeliveryId, DeliveryQuery, DeliveryQueue, DeliveryState, FactLine, LeasedTarget, NewDelivery,
    OrderChange, OrderFacts, OrderReader, Outcome, Push, PushRules, PushSender, PushStats, Recipient, Recorded, body_of, ping_body,
};
pub use error::PartnerError;
pub use service::{PartnerPorts, PartnerService, Partners};
pub use subscription::{
    EventType, InsertAnswer, NewSubscription, Secret, Subscription, SubscriptionChange, SubscriptionId, SubscriptionRepository,
    TargetHealth,
};
