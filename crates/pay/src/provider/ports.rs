//! A payment provider, and how it fails.

use async_trait::async_trait;
use sluice_kernel::Timestamp;

use crate::{Channel, Notice, PayRefund, Payment, PaymentRequest, WebhookHeaders};

#[derive(Debug, thiserror::Error)]
#[error("the signature is not valid")]
pub struct SignatureError;

/// How a provider fails.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// No answer, or one that says nothing: ask again with the same key.
    #[error("the provider gave no usable answer")]
    Unknown(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A final no: asking again changes nothing.
    #[error("the provider refused: {0}")]
    Refused(String),
    #[error("the notification is not readable: {0}")]
    Malformed(String),
}

/// What a provider says of a channel when it is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelState {
    Closed,
    /// Paid before it could be closed.
    Paid(Notice),
}

/// A payment provider. Payment and refund ids are its idempotency keys.
#[async_trait]
pub trait PaymentGateway: Send + Sync {
    /// The name in routes, rows and events, for instance `sandbox`.
    fn provider(&self) -> &'static str;
    /// A channel that needs no call to the provider; saves a write for each order.
    fn instant(&self, payment: &Payment) -> Option<Channel>;
    async fn open(&self, payment: &Payment, request: &PaymentRequest, account: Option<&str>) -> Result<Channel, GatewayError>;
    /// Asks for the state and closes what is open.
    async fn close(&self, payment: &Payment) -> Result<ChannelState, GatewayError>;
    async fn refund(&self, refund: &PayRefund) -> Result<(), GatewayError>;
    /// Checks signature and time before reading the body.
    fn verify(&self, headers: &WebhookHeaders, body: &[u8], now: Timestamp)
    -> Result<Result<Notice, GatewayError>, SignatureError>;
}
