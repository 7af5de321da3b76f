//! `/admin/webhook-deliveries`: one event on its way to one subscription.

pub mod get_one;
pub mod replay;
