//! Subscriptions: which address hears of which events, under which key.

mod model;
mod ports;
mod secret;

pub use model::{EventType, NewSubscription, Subscription, SubscriptionChange, SubscriptionId, TargetHealth};
pub use ports::{InsertAnswer, SubscriptionRepository};
pub use secret::Secret;
