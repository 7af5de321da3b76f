//! Payments, refunds and the embedded provider's books.

mod insert;
mod payment;
mod refund;
mod row;
mod sandbox;

pub use payment::SqlPaymentRepository;
pub use refund::SqlRefundRepository;
pub use sandbox::SqlSandboxChannels;
