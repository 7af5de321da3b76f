//! `/admin/redemptions`: paid activity orders.

pub mod list;
