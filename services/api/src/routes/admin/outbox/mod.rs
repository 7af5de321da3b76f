//! `/admin/outbox`

pub mod get;
