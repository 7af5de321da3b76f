//! The pay context: payments, refunds, and the port to payment providers.
//!
//! Contract: spec.md S2 rules 7–9 and promise P4. A payment's row stands before its provider is called, and its id is
//! the provider's idempotency key. One live payment an order. Only verified money settles, once, whatever is repeated;
//! what does not match is kept for staff. No transaction is open while a provider is called.

mod error;
mod model;
mod ports;
mod refunding;
mod service;
#[cfg(feature = "testing")]
pub mod testing;

pub use error::PayError;
pub use model::{
    Channel, CloseAnswer, Notice, NoticeStatus, PayException, PayLine, PayRefund, Payment, PaymentRequest, PaymentStatus,
    RefundRequest, RefundStatus, RestockAsk, SandboxOutcome, WebhookHeaders,
};
pub use ports::{
    ChannelState, GatewayError, InsertAnswer, NoticeAnswer, PaymentGateway, PaymentRepository, RefundBegin, RefundRepository,
    SandboxChannels, SandboxNotice, SignatureError,
};
pub use service::{PayService, Payments};
pub use sluice_kernel::{Attribution, PaymentHandle};
