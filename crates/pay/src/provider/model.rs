//! What providers answer and notify.

use serde::{Deserialize, Serialize};
use sluice_kernel::{PaymentId, Timestamp};

/// What a provider opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    pub url: String,
    /// The provider's own end, where it has one.
    pub expires_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeStatus {
    Paid,
    Failed,
}

/// A provider's verified word on a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The provider's id of this notification (`webhook-id`).
    pub event_id: String,
    pub payment_id: PaymentId,
    pub order_no: String,
    pub status: NoticeStatus,
    pub amount: i64,
    pub currency: String,
    /// The store's id as the provider knows it.
    pub payee: String,
}

/// Header lookup of a callback, lower-case names.
#[derive(Debug, Clone, Default)]
pub struct WebhookHeaders(pub Vec<(String, String)>);

impl WebhookHeaders {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}
