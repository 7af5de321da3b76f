//! Refunds: begun once, asked of the provider until it answers.

mod asking;
mod model;
mod ports;

pub use model::{PayRefund, RefundRequest, RefundStatus, RestockAsk};
pub use ports::{RefundBegin, RefundRepository};
