//! How an order is paid for.

use serde::{Deserialize, Serialize};

use crate::{PaymentId, Timestamp};

/// What the client needs to pay (docs/api.md, Orders).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PaymentHandle {
    pub payment_id: PaymentId,
    pub provider: String,
    pub url: String,
    pub expires_at: Timestamp,
}

/// Where the buyer came from; the provider is told, too.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribution {
    pub rq: Option<String>,
    pub cookie_id: Option<String>,
}
