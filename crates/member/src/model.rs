//! Codes, accounts and addresses.

use serde::Serialize;
use sluice_kernel::{StoreId, Timestamp};

/// A code as stored: never in clear text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCode {
    pub store: StoreId,
    pub phone: String,
    /// SHA-256 over store, phone, code and the instant it was sent, in hexadecimal.
    pub digest: String,
    pub sent_at: Timestamp,
    pub expires_at: Timestamp,
}

/// Names a code that was found valid; the order's commit uses it up by this name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeRef {
    pub store: StoreId,
    pub phone: String,
    pub sent_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodeCheck {
    Valid(CodeRef),
    /// Wrong, expired, used up, tried too often, or never sent.
    Invalid,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendOutcome {
    Stored,
    /// The last code went out less than a minute ago.
    TooSoon {
        again_at: Timestamp,
    },
}

/// The user's account at a payment provider, for instance an open id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ThirdPartyAccount {
    pub provider: String,
    pub account: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressId(pub i64);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAddress {
    pub name: String,
    pub phone: String,
    pub province: String,
    pub city: String,
    pub district: String,
    pub address: String,
    pub is_default: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub id: AddressId,
    pub entry: NewAddress,
}
