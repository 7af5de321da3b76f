//! `/admin/exceptions`

pub mod list;
