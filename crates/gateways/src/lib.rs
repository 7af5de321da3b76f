//! Gateways to the world outside: payment providers and the sender of verification codes.
//!
//! Contract: each gateway implements a port of its context and nothing else. Embedded here: the `sandbox` provider,
//! which settles like a real one by a signed HTTP callback, and a sender that writes codes to the log.

mod log_sender;
mod sandbox;
mod webhook_signature;

pub use log_sender::LogCodeSender;
pub use sandbox::{SandboxGateway, SandboxSettings};
pub use webhook_signature::{sign, verify};
