//! Deliveries: what is told to one subscription of one event, and what became of it.

use std::fmt;

use sluice_kernel::{IdGenerator, OrderNo, PageRequest, StoreId, Timestamp};

use crate::{EventType, SubscriptionId};

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
    /// `None` of a ping.
    pub order_no: Option<OrderNo>,
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
