//! The published language: topic names, the CloudEvents envelope, versioned payloads, and the ports through which
//! events travel.
//!
//! Contract: api.md, "Events on Kafka". Delivery is at least once, in order per key; every event has an id that is
//! the same however often it is published, so a consumer can tell a replay from news. A payload only ever gains
//! optional fields; a breaking change is a new type beside the old one. `samples/` keeps one of every version.

mod bus;
mod dispatcher;
mod envelope;
mod fact;
mod outbox;
mod payload;
#[cfg(feature = "testing")]
pub mod testing;

pub use bus::{BatchHandler, DeadLetter, DeadLetterId, DeadLetterStore, HandlerError, Publisher, Subscriber};
pub use dispatcher::{Dispatcher, RetryPolicy};
pub use envelope::{Envelope, Topic};
pub use fact::Fact;
pub use outbox::{OutboxRow, OutboxStats, OutboxStore, SLICES, slice_of};
pub use payload::{
    ActivityOrder, MovementKind, OrderCancelled, OrderCreated, OrderLine, OrderPaid, OrderRefunded, Payload, PaymentSettled,
    PaymentWindowClosed, RestockLine, SettledStatus, StockMoved,
};
