//! `/admin/orders`: all orders of the store.

pub mod cancel;
pub mod complete;
pub mod csv;
pub mod fulfil;
pub mod get_one;
pub mod list;
pub mod refund;
pub mod refunds;
pub mod trace;
