//! Outbox, inbox and dead letters; leases of slices and node numbers; what is forgotten after a while, and what a clock that
//! was ahead has written.

mod dead_letters;
mod future_times;
mod housekeeping;
pub(crate) mod inbox;
mod node_lease;
pub(crate) mod outbox;
mod outbox_store;
mod parking;
mod seen_times;
mod slice_lease;

pub use dead_letters::SqlDeadLetterStore;
pub use future_times::{LongestPauses, SqlFutureTimes};
pub use housekeeping::{Purged, SqlHousekeeping};
pub use node_lease::SqlNodeLease;
pub use outbox_store::SqlOutboxStore;
pub use parking::SqlParkedStore;
pub use seen_times::SqlSeenTimes;
