//! Subscriptions: which address hears of which events.

use sluice_kernel::{StoreId, Timestamp};

use crate::Secret;

/// What is told: what a store may subscribe to, and the test message that any subscription may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventType {
    OrderPaid,
    OrderCancelled,
    OrderRefunded,
    /// What the promotion system is told of an activity order (docs/domain.md S1 rule 10).
    Referral,
    /// Sent when staff ask for it; nobody subscribes to it.
    Ping,
}

impl EventType {
    pub const ALL: [Self; 5] = [Self::OrderPaid, Self::OrderCancelled, Self::OrderRefunded, Self::Referral, Self::Ping];
    /// What a store may subscribe to.
    pub const SUBSCRIBED: [Self; 4] = [Self::OrderPaid, Self::OrderCancelled, Self::OrderRefunded, Self::Referral];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::OrderPaid => "order.paid",
            Self::OrderCancelled => "order.cancelled",
            Self::OrderRefunded => "order.refunded",
            Self::Referral => "referral",
            Self::Ping => "ping",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionId(pub i64);

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
    /// Each once, in the order of [`EventType::SUBSCRIBED`].
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
