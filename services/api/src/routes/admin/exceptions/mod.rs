//! `/admin/exceptions`: money and notifications that need a person's eye.

pub mod list;
pub mod resolve;
