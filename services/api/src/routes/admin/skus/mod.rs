//! `/admin/skus`: SKUs and their stock.

pub mod adjust;
pub mod get_one;
pub mod patch;
pub mod stock;
pub mod trace;
