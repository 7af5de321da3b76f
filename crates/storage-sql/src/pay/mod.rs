//! Payments, refunds and the embedded provider's books.

pub(crate) mod exceptions;
mod insert;
mod payment;
mod refund;
mod row;
mod sandbox;

pub use payment::SqlPaymentRepository;
pub use refund::SqlRefundRepository;
pub use sandbox::SqlSandboxChannels;
