//! Contract suites of the partner context's storage ports. A case panics where an adapter breaks its contract; run them
//! once per database, on a runtime with several threads.

mod queue;
mod subscriptions;

pub use queue::queue_contract;
use sluice_kernel::{StoreId, Timestamp};
pub use subscriptions::subscription_contract;

use crate::{EventType, Secret, Subscription, SubscriptionId, TargetHealth};

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000 + seconds * 1_000)
}

/// A subscription to everything.
pub(crate) fn subscription(store: i64, url: &str) -> Subscription {
    Subscription {
        id: SubscriptionId(0),
        store: StoreId(store),
        url: url.to_owned(),
        event_types: EventType::SUBSCRIBED.to_vec(),
        secret: Secret::stored("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        previous_secret: None,
        active: true,
        version: 1,
        created_at: at(0),
        health: TargetHealth::default(),
    }
}
