//! Payment providers: the port to them, and the embedded one's books.

mod model;
mod ports;
mod sandbox;

pub use model::{Channel, Notice, NoticeStatus, WebhookHeaders};
pub use ports::{ChannelState, GatewayError, PaymentGateway, SignatureError};
pub use sandbox::{SandboxChannels, SandboxNotice, SandboxOutcome};
