//! Tickets for status streams.

use async_trait::async_trait;
use sluice_kernel::{OrderNo, PortResult, StoreId, Timestamp, UserId};

/// A ticket as it is kept: what it opens, and never the ticket itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptTicket {
    /// SHA-256 of the ticket in hexadecimal.
    pub digest: String,
    pub store: StoreId,
    pub order_no: OrderNo,
    pub user: UserId,
    /// When it can no longer be used.
    pub expires_at: Timestamp,
    /// When the stream that it opens ends at the latest.
    pub stream_ends_at: Timestamp,
}

#[async_trait]
pub trait FollowTickets: Send + Sync {
    async fn keep(&self, ticket: &KeptTicket) -> PortResult<()>;
    /// Uses a ticket of this order up: of several callers one gets it. `None` where it is unknown, used, or of another order.
    async fn take(&self, digest: &str, order: OrderNo) -> PortResult<Option<KeptTicket>>;
}
