//! The member context: verification codes, third-party accounts, the address book.
//!
//! Contract: docs/domain.md S2 rules 3 and 7. A code has 6 digits, lives 5 minutes, allows 5 tries, and is sent once
//! a minute to a phone at most; checking leaves it valid, only the commit of an order uses it up.

mod error;
mod model;
mod ports;
mod service;
#[cfg(feature = "testing")]
pub mod testing;

pub use error::MemberError;
pub use model::{
    Address, AddressId, CodeCheck, CodeLimits, CodeRef, Guess, NewAddress, NewCode, SendOutcome, ThirdPartyAccount, Tries,
};
pub use ports::{AccountBook, AddressBook, CodeRepository, CodeSender};
pub use service::{MemberService, Members};
