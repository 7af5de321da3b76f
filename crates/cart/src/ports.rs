//! What the cart needs: its rows, and the shelf.

use std::collections::HashMap;

use async_trait::async_trait;
use sluice_kernel::{Currency, PortResult, SkuId, StoreId, Timestamp, UserId};

use crate::{CartLine, OrderedLines, SelectedLines, ShelfEntry};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutOutcome {
    Done,
    /// The cart has `most` other lines already.
    Full,
}

/// Every change raises the version of the cart in its transaction.
#[async_trait]
pub trait CartRepository: Send + Sync {
    /// In the order the lines were first put.
    async fn lines(&self, store: StoreId, user: &UserId) -> PortResult<Vec<CartLine>>;
    async fn selected(&self, store: StoreId, user: &UserId) -> PortResult<SelectedLines>;
    async fn put(&self, store: StoreId, user: &UserId, line: CartLine, most: u32, now: Timestamp) -> PortResult<PutOutcome>;
    async fn remove(&self, store: StoreId, user: &UserId, sku: SkuId, now: Timestamp) -> PortResult<()>;
    async fn clear(&self, store: StoreId, user: &UserId, now: Timestamp) -> PortResult<()>;
    /// Takes ordered quantities out, never below 0; a line at 0 disappears. Each event counts once for `consumer`
    /// (its inbox row stands in the same transaction).
    async fn subtract(&self, consumer: &str, ordered: &[OrderedLines], now: Timestamp) -> PortResult<()>;
}

/// The shelf, bridged from catalog and inventory.
#[async_trait]
pub trait ShelfReader: Send + Sync {
    /// Unknown SKUs are absent.
    async fn entries(&self, store: StoreId, skus: &[SkuId]) -> PortResult<HashMap<SkuId, ShelfEntry>>;
    async fn currency(&self, store: StoreId) -> PortResult<Currency>;
}
