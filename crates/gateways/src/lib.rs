//! Gateways to the world outside: payment providers, a points platform and the sender of verification codes.
//!
//! Contract: each gateway implements a port of its context and nothing else. Embedded here: the `sandbox` provider,
//! which settles like a real one by a signed HTTP callback, and a sender that writes codes to the log.

mod address_guard;
mod http_client;
mod log_sender;
mod points_platform;
mod push_sender;
mod referrer_seal;
mod sandbox;
mod webhook_signature;

pub use log_sender::LogCodeSender;
pub use points_platform::{HttpPointsPlatform, PointsPlatformSettings};
pub use push_sender::HttpPushSender;
pub use referrer_seal::{AeadReferrerSeal, ReferrerKey};
pub use sandbox::{SandboxGateway, SandboxSettings};
pub use webhook_signature::{sign, verify};
