//! Outbox, inbox and dead letters; leases of slices and node numbers; how far time has come.

mod dead_letters;
pub(crate) mod inbox;
mod letters;
mod node_lease;
pub(crate) mod outbox;
mod outbox_store;
mod parking;
mod seen_times;
mod slice_lease;

pub use dead_letters::SqlDeadLetterStore;
pub use node_lease::SqlNodeLease;
pub use outbox_store::SqlOutboxStore;
pub use parking::SqlParkedStore;
pub use seen_times::SqlSeenTimes;
