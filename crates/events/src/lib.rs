//! The published language: topic names, the CloudEvents envelope, versioned payloads, and the ports through which
//! events travel.
//!
//! Contract: docs/api.md, "Events on Kafka". Delivery is at least once, in order per key; every event has an id that is
//! the same however often it is published, so a consumer can tell a replay from news. A payload only ever gains
//! optional fields; a breaking change is a new type beside the old one. `samples/` keeps one of every version.

mod bus;
mod dead_letter;
mod dispatcher;
mod envelope;
mod fact;
mod outbox;
mod parking;
mod payload;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod text;

pub use bus::{BatchHandler, HandlerError, Lasts, PublishError, Publisher, Subscriber, Undelivered, publish_all};
pub use dead_letter::{DeadLetter, DeadLetterId, DeadLetterStore, LetterQuery, LetterState};
pub use dispatcher::{Dispatcher, RetryPolicy};
pub use envelope::{Envelope, Topic};
pub use fact::Fact;
pub use outbox::{OutboxRow, OutboxStats, OutboxStore, SLICES, SteppedAside, slice_of};
pub use parking::{HeldLanes, Lane, Leaving, MAX_LANES, ParkedEvent, ParkedStore, Parking, ParkingPlace, lane_of_key};
pub use payload::{
    ActivityOrder, MovementKind, OrderCancelled, OrderCreated, OrderLine, OrderPaid, OrderRefunded, Payload, PaymentSettled,
    PaymentWindowClosed, RestockLine, SettledStatus, StockMoved,
};
pub use text::fitted;
