//! Deliveries that are awaited together: the producer's thread counts them in, and only the last one wakes who waits.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicUsize, Ordering},
};

use rdkafka::error::KafkaError;
use tokio::sync::Notify;

/// A batch of messages on its way to the brokers.
pub struct Publication {
    /// Messages whose delivery was not told yet, and one more until [`Publication::ended`] is asked.
    open: AtomicUsize,
    failure: OnceLock<KafkaError>,
    all_told: Notify,
}

impl Publication {
    pub fn begin() -> Arc<Self> {
        Arc::new(Self { open: AtomicUsize::new(1), failure: OnceLock::new(), all_told: Notify::new() })
    }

    /// A share for one message that is about to be sent: it must be told of by [`Publication::told`].
    pub fn share(self: &Arc<Self>) -> Arc<Self> {
        self.open.fetch_add(1, Ordering::Relaxed);
        Arc::clone(self)
    }

    /// What became of a message; the first failure counts.
    pub fn told(&self, failure: Option<KafkaError>) {
        if let Some(failure) = failure {
            // Another failure may have been first.
            drop(self.failure.set(failure));
        }
        if self.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.all_told.notify_one();
        }
    }

    /// Waits until every message sent so far was told of; ask once.
    pub async fn ended(&self) -> Result<(), KafkaError> {
        self.told(None);
        self.all_told.notified().await;
        self.failure.get().cloned().map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use rdkafka::error::RDKafkaErrorCode;

    use super::*;

    #[tokio::test]
    async fn it_ends_with_its_last_message_and_tells_of_a_failure() {
        let publication = Publication::begin();
        let (one, other) = (publication.share(), publication.share());
        one.told(Some(KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut)));
        let mut ended = std::pin::pin!(publication.ended());
        assert!(ended.as_mut().now_or_never().is_none());
        other.told(None);
        assert_eq!(ended.await, Err(KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut)));
    }

    #[tokio::test]
    async fn one_whose_messages_were_told_of_before_ends_at_once() {
        let publication = Publication::begin();
        publication.share().told(None);
        assert_eq!(publication.ended().now_or_never(), Some(Ok(())));
        assert_eq!(Publication::begin().ended().now_or_never(), Some(Ok(())));
    }
}
