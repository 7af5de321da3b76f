//! Deliveries: what is told, how it is sent, how long is waited.

mod model;
mod payload;
mod ports;
mod rules;
pub(crate) mod sending;

pub use model::{Attempt, Delivery, DeliveryId, DeliveryQuery, DeliveryState, PushStats};
pub use payload::{FactLine, OrderChange, OrderFacts, Recipient, body_of, ping_body};
pub use ports::{Answer, DeliveryQueue, LeasedTarget, NewDelivery, OrderReader, Outcome, Push, PushSender, Recorded};
pub use rules::PushRules;
