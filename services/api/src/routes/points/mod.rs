//! `/points`: the caller's own account.

pub mod get;
