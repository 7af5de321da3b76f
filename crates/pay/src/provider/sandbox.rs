//! The books of the embedded provider.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sluice_kernel::{PaymentId, PortResult, Timestamp};

use crate::Payment;

/// What the buyer chose at the embedded cashier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SandboxOutcome {
    Paid,
    Failed,
}

/// The embedded provider's own books: what was chosen at the cashier, and the callback it still owes.
#[async_trait]
pub trait SandboxChannels: Send + Sync {
    /// Notes the choice if the channel is open; `None` where it is closed or was chosen before.
    async fn choose(
        &self,
        payment: &Payment,
        outcome: SandboxOutcome,
        notice_id: &str,
        now: Timestamp,
    ) -> PortResult<Option<SandboxNotice>>;
    /// Closes the channel unless a choice was made; returns the choice.
    async fn close(&self, id: &PaymentId, now: Timestamp) -> PortResult<Option<SandboxNotice>>;
    async fn find(&self, id: &PaymentId) -> PortResult<Option<SandboxNotice>>;
    async fn delivered(&self, id: &PaymentId, now: Timestamp) -> PortResult<()>;
    /// Choices made before `before` whose callback was not accepted yet.
    async fn undelivered(&self, before: Timestamp, limit: u32) -> PortResult<Vec<SandboxNotice>>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxNotice {
    pub payment_id: PaymentId,
    pub notice_id: String,
    pub outcome: SandboxOutcome,
}
