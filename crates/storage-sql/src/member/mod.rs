//! Verification codes, third-party accounts, address books and the points account.

mod account;
mod address;
mod code;
mod points_ledger;
mod points_row;
mod points_tasks;

pub use account::SqlAccountBook;
pub use address::SqlAddressBook;
pub use code::SqlCodeRepository;
pub use points_ledger::SqlPointsLedger;
pub use points_tasks::SqlPointsTasks;
