//! Address books, accounts and verification codes.

use super::table;
use crate::stored::{At, Stored};

table! {
    /// The row that changes of one address book, or of one list of accounts, wait for.
    address_books = "address_books", key(store_id: i64, user_id: String) {}
}

table! {
    /// An entry of an address book.
    addresses = "addresses", generated(id: i64) {
        store_id: i64,
        user_id: String,
        name: String,
        phone: String,
        province: String,
        city: String,
        district: String,
        address: String,
        is_default: bool,
        created_at: At,
    }
}

table! {
    /// A user's account at a payment provider.
    third_party_accounts = "third_party_accounts", key(store_id: i64, user_id: String, provider: String) {
        account: String,
    }
}

table! {
    /// A verification code that was sent.
    sent_codes = "sent_codes", key(store_id: i64, phone: String, sent_at: At) {
        user_id: String,
        digest: String,
        expires_at: At,
        used_at: Option<At>,
    }
}

table! {
    /// Wrong tries of a user at the codes of a phone; also the row that sendings wait for.
    code_tries = "code_tries", key(store_id: i64, phone: String, user_id: String) {
        tries: Stored<u32>,
        since_at: At,
    }
}
