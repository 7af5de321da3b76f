//! What member needs: rows, and somebody who sends codes.

use async_trait::async_trait;
use sluice_kernel::{PortResult, StoreId, Timestamp, UserId};

use crate::{Address, AddressId, CodeCheck, CodeLimits, Guess, NewAddress, NewCode, SendOutcome, ThirdPartyAccount, Tries};

#[async_trait]
pub trait CodeRepository: Send + Sync {
    /// Stores the code within the limits; atomic per phone and per user. It takes the place of the code that the same user
    /// had on this phone, gives them new tries, and leaves other users' codes alone.
    async fn store(&self, code: &NewCode, limits: &CodeLimits) -> PortResult<SendOutcome>;
    /// When the phone's live codes were sent, newest first: part of their digests.
    async fn live(&self, store: StoreId, phone: &str, now: Timestamp) -> PortResult<Vec<Timestamp>>;
    /// Compares and counts the try in one step: a wrong guess uses up one of the asker's `tries`, a right one none.
    async fn check(&self, guess: &Guess, tries: Tries, now: Timestamp) -> PortResult<CodeCheck>;
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
    /// False where the user has accounts at `most` other providers already.
    async fn put(&self, store: StoreId, user: &UserId, account: &ThirdPartyAccount, most: u32) -> PortResult<bool>;
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
