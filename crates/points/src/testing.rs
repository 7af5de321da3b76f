//! Contract suites of the ports of points. A case panics where an adapter breaks its contract; run a suite once per
//! database, on a runtime with several threads.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a suite fails by panicking"
)]

mod account;
mod tasks;

use sluice_kernel::{StoreId, Timestamp};

pub use account::points_account_contract;
pub use tasks::{PointsFixture, points_tasks_contract};

const STORE: StoreId = StoreId(1);
const OTHER_STORE: StoreId = StoreId(2);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000 + seconds * 1_000)
}
