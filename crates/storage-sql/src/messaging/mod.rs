//! Outbox, inbox, dead letters and leases.

pub(crate) mod inbox;
pub(crate) mod outbox;
