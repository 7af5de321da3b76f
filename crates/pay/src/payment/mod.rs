//! Payments: one that is live for an order, any number of former ones.

mod model;
mod ports;

pub use model::{CloseAnswer, ExceptionQuery, PayException, PayLine, Payment, PaymentRequest, PaymentStatus, Resolution};
pub use ports::{InsertAnswer, NoticeAnswer, PaymentRepository};
