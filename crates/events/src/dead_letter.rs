//! Dead letters: events that could not be handled, or not be published, kept for staff.

use async_trait::async_trait;
use sluice_kernel::{PortResult, StoreId, Timestamp};

use crate::{Envelope, Topic};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeadLetterId(pub i64);

/// What became of a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LetterState {
    /// Waits for staff.
    Dead,
    /// Staff had it tried again, which has not ended yet.
    Replaying,
    /// It was handled when it was tried again.
    Handled,
}

impl LetterState {
    pub const ALL: [Self; 3] = [Self::Dead, Self::Replaying, Self::Handled];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dead => "dead",
            Self::Replaying => "replaying",
            Self::Handled => "handled",
        }
    }
}

/// An event that could not be handled, with what is needed to understand and to replay it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    pub id: DeadLetterId,
    /// The consumer that failed, or [`DeadLetter::RELAY`].
    pub consumer: String,
    pub envelope: Envelope,
    /// Tries that failed, those of replays included.
    pub attempts: u32,
    /// Of the last failure.
    pub error_code: String,
    pub error_detail: String,
    /// When it failed last.
    pub at: Timestamp,
    pub state: LetterState,
    /// How often staff had it tried again.
    pub replays: u32,
    /// When it was tried again; `None` where it was not, or failed again since.
    pub replayed_at: Option<Timestamp>,
}

impl DeadLetter {
    /// The `consumer` of events that could not be published.
    pub const RELAY: &'static str = "relay";

    /// A letter that was not kept yet.
    pub fn fresh(consumer: &str, envelope: Envelope, attempts: u32, code: &str, detail: &str, at: Timestamp) -> Self {
        Self {
            id: DeadLetterId(0),
            consumer: consumer.to_owned(),
            envelope,
            attempts,
            error_code: code.to_owned(),
            error_detail: detail.to_owned(),
            at,
            state: LetterState::Dead,
            replays: 0,
            replayed_at: None,
        }
    }

    /// The store that the payload names.
    pub fn store(&self) -> Option<StoreId> {
        #[derive(serde::Deserialize)]
        struct OfStore {
            store_id: StoreId,
        }
        self.envelope.payload::<OfStore>().ok().map(|payload| payload.store_id)
    }
}

/// Which dead letters to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct LetterQuery {
    pub topic: Option<Topic>,
    pub store: Option<StoreId>,
    pub state: Option<LetterState>,
    /// The id of the last one seen.
    pub after: Option<DeadLetterId>,
    pub limit: u32,
}

/// Where dead letters are kept for staff; the Kafka bus publishes them to `TOPIC.dlq` as well.
#[async_trait]
pub trait DeadLetterStore: Send + Sync {
    /// Keeps it once per consumer and event id, whatever its parts hold: where it stands already, its tries are added and
    /// the failure is the newer one. `id`, `state`, `replays` and `replayed_at` are ignored: it is dead.
    async fn keep(&self, letter: &DeadLetter) -> PortResult<()>;
    /// Newest first.
    async fn list(&self, query: LetterQuery) -> PortResult<Vec<DeadLetter>>;
    async fn find(&self, id: DeadLetterId) -> PortResult<Option<DeadLetter>>;
    /// Has a letter that is dead tried again, by the consumer that failed and by nobody else: it is parked in a lane of its
    /// own. Any other letter stays as it is. Returns the letter as it stands then; `None` where there is none.
    async fn replay(&self, id: DeadLetterId, now: Timestamp) -> PortResult<Option<DeadLetter>>;
}
