//! `/third-party-accounts`: the caller's accounts at payment providers.

pub mod list;
pub mod put;
