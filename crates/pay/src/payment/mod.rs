//! Payments: one that is live for an order, any number of former ones.

mod model;
mod ports;

pub use model::{Attribution, CloseAnswer, PayException, PayLine, Payment, PaymentHandle, PaymentRequest, PaymentStatus};
pub use ports::{InsertAnswer, NoticeAnswer, PaymentRepository};
