//! Outbox, inbox and dead letters; leases of slices and node numbers; what is forgotten after a while.

mod dead_letters;
mod housekeeping;
pub(crate) mod inbox;
mod node_lease;
pub(crate) mod outbox;
mod outbox_store;
mod slice_lease;

pub use dead_letters::SqlDeadLetterStore;
pub use housekeeping::{Purged, SqlHousekeeping};
pub use node_lease::SqlNodeLease;
pub use outbox_store::SqlOutboxStore;
