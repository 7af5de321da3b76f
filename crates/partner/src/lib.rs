//! The partner context: what other systems are told, and how it reaches them.
//!
//! Contract: spec.md S1 rules 6, 9 and 10. A store subscribes addresses to types of events; every event becomes one
//! delivery for each subscription, under one `webhook-id` over all its tries, signed as Standard Webhooks. A target
//! that is away is paused as a whole and probed by one message at a time; a message that its receiver refuses waits
//! alone. What was not accepted within the period is `exhausted` and may be replayed by staff. Nothing here stands in
//! the way of an order: the context lives off the order topics.

mod error;
mod model;
mod payload;
mod ports;
mod rules;
mod sending;
mod service;
#[cfg(feature = "testing")]
pub mod testing;

pub use error::PartnerError;
pub use model::{
    Attempt, Delivery, DeliveryId, DeliveryQuery, DeliveryState, EventType, NewSubscription, PushStats, Secret, Subscription,
    SubscriptionChange, SubscriptionId, TargetHealth,
};
pub use payload::{FactLine, OrderChange, OrderFacts, Recipient, body_of};
pub use ports::{
    Answer, ChangeAnswer, DeliveryQueue, InsertAnswer, LeasedTarget, NewDelivery, OrderReader, Outcome, Push, PushSender, Recorded,
    SubscriptionRepository,
};
pub use rules::PushRules;
pub use service::{PartnerPorts, PartnerService, Partners};
