//! Partners: subscriptions, deliveries under leases of their targets, and the log of tries.

mod deliveries;
mod lease;
mod record;
mod row;
mod subscriptions;

pub use deliveries::SqlDeliveryQueue;
pub use subscriptions::SqlSubscriptionRepository;
