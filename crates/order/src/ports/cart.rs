//! What placing reads of the user's cart.

use async_trait::async_trait;
use sluice_kernel::{PortResult, Quantity, SkuId, StoreId, UserId};

/// The selected lines of the user's cart, and its version.
#[async_trait]
pub trait CartReader: Send + Sync {
    async fn selected(&self, store: StoreId, user: &UserId) -> PortResult<(i64, Vec<(SkuId, Quantity)>)>;
}
