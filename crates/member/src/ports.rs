//! What member needs: rows, and somebody who sends codes.

use std::time::Duration;

use async_trait::async_trait;
use sluice_kernel::{PortResult, StoreId, Timestamp, UserId};

use crate::{Address, AddressId, CodeCheck, NewAddress, NewCode, SendOutcome, ThirdPartyAccount};

#[async_trait]
pub trait CodeRepository: Send + Sync {
    /// Replaces the phone's code unless the last one was sent less than `pause` ago; atomic per phone.
    async fn store(&self, code: &NewCode, pause: Duration) -> PortResult<SendOutcome>;
    /// When the phone's present code was sent, if any: part of its digest.
    async fn sent_at(&self, store: StoreId, phone: &str) -> PortResult<Option<Timestamp>>;
    /// Compares and counts the try in one step: a wrong digest uses up one of `tries`; a right one none.
    async fn check(&self, store: StoreId, phone: &str, digest: &str, tries: u32, now: Timestamp) -> PortResult<CodeCheck>;
}

/// Brings a code to its phone.
#[async_trait]
pub trait CodeSender: Send + Sync {
    async fn send(&self, phone: &str, code: &str) -> PortResult<()>;
}

#[async_trait]
pub trait AccountBook: Send + Sync {
    async fn find(&self, store: StoreId, user: &UserId, provider: &str) -> PortResult<Option<ThirdPartyAccount>>;
    async fn list(&self, store: StoreId, user: &UserId) -> PortResult<Vec<ThirdPartyAccount>>;
    async fn put(&self, store: StoreId, user: &UserId, account: &ThirdPartyAccount) -> PortResult<()>;
}

#[async_trait]
pub trait AddressBook: Send + Sync {
    /// Default first, then newest first.
    async fn list(&self, store: StoreId, user: &UserId) -> PortResult<Vec<Address>>;
    /// `None` where the user has `most` already. A new default takes the mark from the old one.
    async fn add(
        &self,
        store: StoreId,
        user: &UserId,
        entry: &NewAddress,
        most: u32,
        now: Timestamp,
    ) -> PortResult<Option<Address>>;
    async fn replace(&self, store: StoreId, user: &UserId, id: AddressId, entry: &NewAddress) -> PortResult<bool>;
    async fn remove(&self, store: StoreId, user: &UserId, id: AddressId) -> PortResult<bool>;
}
