//! `/admin/activity-products`: what products are part of which activity, and on what terms.

pub mod get_one;
pub mod patch;
