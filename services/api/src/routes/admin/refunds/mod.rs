//! `/admin/refunds`: refunds of the store's money.

pub mod list;
