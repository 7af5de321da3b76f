//! `/admin/store-settings`

pub mod get;
pub mod put;
