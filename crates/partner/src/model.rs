//! Subscriptions, deliveries, and what became of them.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sluice_kernel::{IdGenerator, OrderNo, PageRequest, StoreId, Timestamp};

/// What a store may subscribe to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventType {
    OrderPaid,
    OrderCancelled,
    OrderRefunded,
    /// What the promotion system is told of an activity order (spec.md S1 rule 10).
    Referral,
}

impl EventType {
    pub const ALL: [Self; 4] = [Self::OrderPaid, Self::OrderCancelled, Self::OrderRefunded, Self::Referral];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::OrderPaid => "order.paid",
            Self::OrderCancelled => "order.cancelled",
            Self::OrderRefunded => "order.refunded",
            Self::Referral => "referral",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Key of a subscription's signatures: `whsec_` and base64 of the bytes that sign (Standard Webhooks).
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

const SECRET_PREFIX: &str = "whsec_";

impl Secret {
    /// 256 random bits.
    pub fn make(ids: &dyn IdGenerator) -> Self {
        let bytes: Vec<u8> = [ids.token(), ids.token()]
            .iter()
            .flat_map(|token| u128::from_str_radix(token, 16).unwrap_or_default().to_be_bytes())
            .collect();
        Self(format!("{SECRET_PREFIX}{}", STANDARD.encode(bytes)))
    }

    /// As it was stored.
    pub fn stored(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The bytes that sign.
    pub fn key(&self) -> Vec<u8> {
        let text = self.0.strip_prefix(SECRET_PREFIX).unwrap_or(&self.0);
        STANDARD.decode(text).unwrap_or_else(|_| text.as_bytes().to_vec())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionId(pub i64);

/// Also the `webhook-id`: `msg_` and 128 random bits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(pub String);

impl DeliveryId {
    pub fn make(ids: &dyn IdGenerator) -> Self {
        Self(format!("msg_{}", ids.token()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How the target of a subscription does. While it is away its deliveries wait for it together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TargetHealth {
    /// Tries of the target that failed in a row; 0 while it is well.
    pub failures: u32,
    /// No try before this instant.
    pub paused_until: Option<Timestamp>,
    pub last_success_at: Option<Timestamp>,
    pub last_failure_at: Option<Timestamp>,
    pub last_error: Option<String>,
}

/// An address of another system, and what it wants to hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    pub id: SubscriptionId,
    pub store: StoreId,
    pub url: String,
    /// Each once, in the order of [`EventType::ALL`].
    pub event_types: Vec<EventType>,
    pub secret: Secret,
    /// The secret before the last rotation, and until when it signs beside the new one.
    pub previous_secret: Option<(Secret, Timestamp)>,
    /// An inactive one gets nothing new; what it had not accepted waits.
    pub active: bool,
    pub version: i64,
    pub created_at: Timestamp,
    pub health: TargetHealth,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSubscription {
    pub url: String,
    pub event_types: Vec<EventType>,
    pub active: bool,
}

/// Fields that are `None` stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubscriptionChange {
    pub url: Option<String>,
    pub event_types: Option<Vec<EventType>>,
    pub active: Option<bool>,
    pub rotate_secret: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    Pending,
    Delivered,
    /// Given up after the period; staff may replay it.
    Exhausted,
}

impl DeliveryState {
    pub const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Exhausted];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Exhausted => "exhausted",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// One event on its way to one subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub id: DeliveryId,
    /// Place in lists: newest last.
    pub seq: i64,
    pub subscription: SubscriptionId,
    pub store: StoreId,
    pub event_id: String,
    pub event_type: EventType,
    pub order_no: OrderNo,
    /// The body, byte for byte the same in every try.
    pub body: String,
    pub state: DeliveryState,
    pub tries: u32,
    /// Tries that failed like an outage while the target was well: this message may be what it cannot bear.
    pub blamed: u32,
    pub created_at: Timestamp,
    /// The period of trying begins here: when it was created, or replayed last.
    pub since: Timestamp,
    pub first_try_at: Option<Timestamp>,
    pub last_try_at: Option<Timestamp>,
    pub next_try_at: Timestamp,
    pub last_status: Option<u16>,
    pub last_error: Option<String>,
}

/// One try; the newest [`Attempt::KEPT`] of a delivery are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Counts from 1.
    pub number: u32,
    pub at: Timestamp,
    pub took_ms: u64,
    pub status: Option<u16>,
    pub error: Option<String>,
}

impl Attempt {
    pub const KEPT: u32 = 20;
}

/// Which deliveries to list, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryQuery {
    pub store: StoreId,
    pub subscription: SubscriptionId,
    pub state: Option<DeliveryState>,
    pub page: PageRequest,
}

/// What operators watch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PushStats {
    pub pending: u64,
    /// Since when the oldest pending delivery waits.
    pub oldest: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use sluice_kernel::SequenceIds;

    use super::*;

    #[test]
    fn a_secret_is_base64_of_32_bytes_and_is_never_shown() {
        let secret = Secret::make(&SequenceIds::starting_at(1));
        assert!(secret.expose().starts_with("whsec_"));
        assert_eq!(secret.key().len(), 32);
        assert_eq!(secret.key()[31], 2);
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(Secret::stored("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").key().len(), 24);
    }
}
