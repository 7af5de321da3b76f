//! What operating a shop needs to read across all contexts: traces, comparisons, what a gate is rebuilt from, deletions, and
//! whether the database can take orders.

mod future_times;
mod gate_source;
mod housekeeping;
mod reconcile;
mod record_check;
mod trace;
mod trial;

pub use future_times::{LongestPauses, SqlFutureTimes};
pub use gate_source::SqlGateSource;
pub use housekeeping::{Purged, SqlHousekeeping};
pub use reconcile::{Difference, LimitDifference, SqlReconciler};
pub use record_check::SqlRecordCheck;
pub use trace::{SqlTraces, TraceLine};
pub use trial::{ServerLimits, SqlTrial, TrialFailed};
