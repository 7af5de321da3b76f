//! The pay context: payments, refunds, and the port to payment providers.
//!
//! Contract: docs/domain.md S2 rules 7–9 and promise P4. A payment's row stands before its provider is called, and its id is
//! the provider's idempotency key. One live payment an order. Only verified money settles, once, whatever is repeated;
//! what does not match is kept for staff. No transaction is open while a provider is called.

mod error;
mod payment;
mod provider;
mod refund;
mod service;
#[cfg(feature = "testing")]
pub mod testing;

pub use error::PayError;
pub use payment::{
    CloseAnswer, ExceptionQuery, InsertAnswer, NoticeAnswer, PayException, PayLine, Payment, PaymentRepository, PaymentRequest,
    PaymentStatus, Resolution,
};
pub use provider::{
    Channel, ChannelState, GatewayError, Notice, NoticeStatus, PaymentGateway, SandboxChannels, SandboxNotice, SandboxOutcome,
    SignatureError, WebhookHeaders,
};
pub use refund::{PayRefund, RefundBegin, RefundRepository, RefundRequest, RefundStatus, RestockAsk};
pub use service::{PayService, Payments};
pub use sluice_kernel::{Attribution, PaymentHandle};
