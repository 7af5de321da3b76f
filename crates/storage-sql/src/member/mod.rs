//! Verification codes, third-party accounts and address books.

mod account;
mod address;
mod code;

pub use account::SqlAccountBook;
pub use address::SqlAddressBook;
pub use code::SqlCodeRepository;
