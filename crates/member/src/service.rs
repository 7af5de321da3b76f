//! What member offers.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use sluice_kernel::{Clock, IdGenerator, InvalidField, StoreId, Timestamp, UserId, check};

use crate::{
    AccountBook, Address, AddressBook, AddressId, CodeCheck, CodeLimits, CodeRepository, CodeSender, Guess, MemberError,
    NewAddress, NewCode, SendOutcome, ThirdPartyAccount, Tries,
};

#[async_trait]
pub trait MemberService: Send + Sync {
    /// Sends a new code, within the limits of the user and of the phone.
    async fn send_code(&self, store: StoreId, user: &UserId, phone: &str) -> Result<(), MemberError>;
    /// Checks without using up; a wrong code costs one of the user's five tries at this phone, and nobody else's.
    async fn check_code(&self, store: StoreId, user: &UserId, phone: &str, code: &str) -> Result<CodeCheck, MemberError>;

    async fn accounts(&self, store: StoreId, user: &UserId) -> Result<Vec<ThirdPartyAccount>, MemberError>;
    async fn account(&self, store: StoreId, user: &UserId, provider: &str) -> Result<Option<ThirdPartyAccount>, MemberError>;
    async fn put_account(&self, store: StoreId, user: &UserId, account: ThirdPartyAccount) -> Result<(), MemberError>;

    async fn addresses(&self, store: StoreId, user: &UserId) -> Result<Vec<Address>, MemberError>;
    async fn add_address(&self, store: StoreId, user: &UserId, entry: NewAddress) -> Result<Address, MemberError>;
    async fn replace_address(
        &self,
        store: StoreId,
        user: &UserId,
        id: AddressId,
        entry: NewAddress,
    ) -> Result<Address, MemberError>;
    async fn remove_address(&self, store: StoreId, user: &UserId, id: AddressId) -> Result<(), MemberError>;
}

const CODE_LIFE: Duration = Duration::from_mins(5);
const CODE_TRIES: Tries = Tries { most: 5, within: CODE_LIFE };
const MAX_ADDRESSES: u32 = 50;
/// Providers a user has accounts at.
const MAX_ACCOUNTS: u32 = 20;

/// The service over its ports.
pub struct Members {
    pub codes: Arc<dyn CodeRepository>,
    pub code_limits: CodeLimits,
    pub sender: Arc<dyn CodeSender>,
    pub accounts: Arc<dyn AccountBook>,
    pub addresses: Arc<dyn AddressBook>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdGenerator>,
}

/// Six digits from 128 random bits; the bias of the remainder is below 2^-100.
fn six_digits(token: &str) -> String {
    let number = u128::from_str_radix(token, 16).unwrap_or(0) % 1_000_000;
    format!("{number:06}")
}

fn digest(store: StoreId, phone: &str, code: &str, sent_at: Timestamp) -> String {
    let hash = Sha256::digest(format!("{store}\n{phone}\n{}\n{code}", sent_at.as_millis()));
    hash.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Digits with an optional leading plus, 5 to 20 characters.
pub(crate) fn is_phone(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    (5..=20).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
}

fn check_phone(phone: &str) -> check::Result {
    if is_phone(phone) { Ok(()) } else { Err(InvalidField::new("phone", "5 to 20 digits, with an optional leading +")) }
}

fn check_address(entry: &NewAddress) -> check::Result {
    check::text("name", &entry.name, 64)?;
    check_phone(&entry.phone)?;
    check::text("province", &entry.province, 64)?;
    check::text("city", &entry.city, 64)?;
    check::text("district", &entry.district, 64)?;
    check::text("address", &entry.address, 200)
}

#[async_trait]
impl MemberService for Members {
    async fn send_code(&self, store: StoreId, user: &UserId, phone: &str) -> Result<(), MemberError> {
        check_phone(phone)?;
        let now = self.clock.now();
        let code = six_digits(&self.ids.token());
        let stored = NewCode {
            store,
            user: user.clone(),
            phone: phone.to_owned(),
            digest: digest(store, phone, &code, now),
            sent_at: now,
            expires_at: now.plus(CODE_LIFE),
        };
        match self.codes.store(&stored, &self.code_limits).await? {
            SendOutcome::Stored => Ok(self.sender.send(phone, &code).await?),
            SendOutcome::TooSoon { again_at } => Err(MemberError::TooSoon { retry_after: again_at.since(now) }),
        }
    }

    async fn check_code(&self, store: StoreId, user: &UserId, phone: &str, code: &str) -> Result<CodeCheck, MemberError> {
        let now = self.clock.now();
        let live = self.codes.live(store, phone, now).await?;
        if live.is_empty() {
            return Ok(CodeCheck::Invalid);
        }
        let digests = live.into_iter().map(|sent_at| (sent_at, digest(store, phone, code, sent_at))).collect();
        let guess = Guess { store, phone: phone.to_owned(), asker: user.clone(), digests };
        Ok(self.codes.check(&guess, CODE_TRIES, now).await?)
    }

    async fn accounts(&self, store: StoreId, user: &UserId) -> Result<Vec<ThirdPartyAccount>, MemberError> {
        Ok(self.accounts.list(store, user).await?)
    }

    async fn account(&self, store: StoreId, user: &UserId, provider: &str) -> Result<Option<ThirdPartyAccount>, MemberError> {
        Ok(self.accounts.find(store, user, provider).await?)
    }

    async fn put_account(&self, store: StoreId, user: &UserId, account: ThirdPartyAccount) -> Result<(), MemberError> {
        check::text("provider", &account.provider, 32)?;
        check::text("account", &account.account, 128)?;
        if self.accounts.put(store, user, &account, MAX_ACCOUNTS).await? { Ok(()) } else { Err(MemberError::TooManyAccounts) }
    }

    async fn addresses(&self, store: StoreId, user: &UserId) -> Result<Vec<Address>, MemberError> {
        Ok(self.addresses.list(store, user).await?)
    }

    async fn add_address(&self, store: StoreId, user: &UserId, entry: NewAddress) -> Result<Address, MemberError> {
        check_address(&entry)?;
        let added = self.addresses.add(store, user, &entry, MAX_ADDRESSES, self.clock.now()).await?;
        added.ok_or(MemberError::TooManyAddresses)
    }

    async fn replace_address(
        &self,
        store: StoreId,
        user: &UserId,
        id: AddressId,
        entry: NewAddress,
    ) -> Result<Address, MemberError> {
        check_address(&entry)?;
        if self.addresses.replace(store, user, id, &entry).await? { Ok(Address { id, entry }) } else { Err(MemberError::NotFound) }
    }

    async fn remove_address(&self, store: StoreId, user: &UserId, id: AddressId) -> Result<(), MemberError> {
        if self.addresses.remove(store, user, id).await? { Ok(()) } else { Err(MemberError::NotFound) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_six_digits_and_phones_are_digits() {
        assert_eq!(six_digits("000000000000000000000000000f4247").len(), 6);
        assert_eq!(six_digits("0000000000000000000000000000000a"), "000010");
        assert!(is_phone("13800000000") && is_phone("+8613800000000"));
        assert!(!is_phone("1380-000") && !is_phone("") && !is_phone("+"));
    }
}
