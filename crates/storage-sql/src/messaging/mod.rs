//! Outbox, inbox, dead letters and leases.

pub(crate) mod outbox;
