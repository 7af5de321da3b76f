//! `/admin/campaigns`: invitation campaigns of the store.

pub mod get_one;
pub mod list;
pub mod patch;
pub mod post;
