//! The rows of subscriptions.

use async_trait::async_trait;
use sluice_kernel::{Changed, PageRequest, PortResult, StoreId};

use crate::{Subscription, SubscriptionId};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InsertAnswer {
    Inserted(Box<Subscription>),
    /// The store has as many as it may.
    Full,
}

#[async_trait]
pub trait SubscriptionRepository: Send + Sync {
    /// Inserts under an id of the repository's (`subscription.id` is ignored) unless the store has `most` already.
    async fn insert(&self, subscription: &Subscription, most: u32) -> PortResult<InsertAnswer>;
    async fn find(&self, store: StoreId, id: SubscriptionId) -> PortResult<Option<Subscription>>;
    /// Up to `page.limit + 1`, newest first.
    async fn list(&self, store: StoreId, page: PageRequest) -> PortResult<Vec<Subscription>>;
    /// Writes url, event types, secrets and active of `subscription` if its version is still `subscription.version`,
    /// which grows by one. Health is forgotten: an address that was changed is tried at once. Who sends to it now loses
    /// the lease, so that the rest goes out as it was changed.
    async fn change(&self, subscription: &Subscription) -> PortResult<Changed<()>>;
    /// Takes it away with its secrets. Its deliveries are not found any more. False where there is none.
    async fn remove(&self, store: StoreId, id: SubscriptionId) -> PortResult<bool>;
    /// The active ones of these stores.
    async fn active_of(&self, stores: &[StoreId]) -> PortResult<Vec<Subscription>>;
}
