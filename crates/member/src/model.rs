//! Codes, accounts and addresses.

use std::time::Duration;

use serde::Serialize;
use sluice_kernel::{StoreId, Timestamp, UserId};

/// A code as stored: never in clear text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCode {
    pub store: StoreId,
    /// Who asked for it.
    pub user: UserId,
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
    /// One of the [`CodeLimits`] is reached.
    TooSoon {
        again_at: Timestamp,
    },
}

/// How often codes are sent. Nobody is asked for money for a code, but each is a message that somebody gets and pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeLimits {
    /// Between two codes to one phone, whoever asks.
    pub pause: Duration,
    /// For one user, whatever the phone.
    pub per_hour: u32,
    pub per_day: u32,
    /// To one phone, whoever asks.
    pub to_phone_per_hour: u32,
    pub to_phone_per_day: u32,
}

impl Default for CodeLimits {
    fn default() -> Self {
        Self { pause: Duration::from_mins(1), per_hour: 5, per_day: 20, to_phone_per_hour: 15, to_phone_per_day: 60 }
    }
}

/// A guess: the digests that the code in hand would have, were it one of the phone's live codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guess {
    pub store: StoreId,
    pub phone: String,
    /// Who guesses; wrong guesses are counted for them alone.
    pub asker: UserId,
    /// When a live code was sent, and the digest the code in hand would then have.
    pub digests: Vec<(Timestamp, String)>,
}

/// Wrong guesses a user has at the codes of a phone, and after how long since the first one they are forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tries {
    pub most: u32,
    pub within: Duration,
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
