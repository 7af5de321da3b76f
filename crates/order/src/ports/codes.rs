//! Verification codes.

use async_trait::async_trait;
use sluice_kernel::{PortResult, StoreId, Timestamp, UserId};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodeVerdict {
    /// Valid: the code sent to this phone at this instant. The commit uses it up.
    Valid {
        sent_at: Timestamp,
    },
    Invalid,
}

#[async_trait]
pub trait CodeVerifier: Send + Sync {
    /// `user` is who orders: wrong codes are counted for them.
    async fn check(&self, store: StoreId, user: &UserId, phone: &str, code: &str) -> PortResult<CodeVerdict>;
}
