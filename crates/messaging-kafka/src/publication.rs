//! Deliveries that are awaited together: the producer's thread counts them in, and only the last one wakes who waits.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use rdkafka::error::KafkaError;
use tokio::sync::Notify;

/// A batch of messages on its way to the brokers.
pub struct Publication {
    /// Messages whose delivery was not told yet, and one more until [`Publication::ended`] is asked.
    open: AtomicUsize,
    failures: Mutex<Vec<(usize, KafkaError)>>,
    all_told: Notify,
}

/// One message of a publication, by its place.
pub struct Share {
    publication: Arc<Publication>,
    place: usize,
}

impl Share {
    /// What became of the message.
    pub fn told(self, failure: Option<KafkaError>) {
        if let Some(failure) = failure {
            self.publication.failures.lock().unwrap_or_else(PoisonError::into_inner).push((self.place, failure));
        }
        self.publication.count_in();
    }
}

impl Publication {
    pub fn begin() -> Arc<Self> {
        Arc::new(Self { open: AtomicUsize::new(1), failures: Mutex::default(), all_told: Notify::new() })
    }

    /// For the message at `place` that is about to be sent: it must be told of by [`Share::told`].
    pub fn share(self: &Arc<Self>, place: usize) -> Share {
        self.open.fetch_add(1, Ordering::Relaxed);
        Share { publication: Arc::clone(self), place }
    }

    fn count_in(&self) {
        if self.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.all_told.notify_one();
        }
    }

    /// Waits until every message sent so far was told of, and returns those that failed, by their places; ask once.
    pub async fn ended(&self) -> Vec<(usize, KafkaError)> {
        self.count_in();
        self.all_told.notified().await;
        let mut failures = std::mem::take(&mut *self.failures.lock().unwrap_or_else(PoisonError::into_inner));
        failures.sort_by_key(|(place, _)| *place);
        failures
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use rdkafka::error::RDKafkaErrorCode;

    use super::*;

    #[tokio::test]
    async fn it_ends_with_its_last_message_and_tells_which_failed() {
        let publication = Publication::begin();
        let (one, other) = (publication.share(0), publication.share(1));
        let timed_out = KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut);
        other.told(Some(timed_out.clone()));
        let mut ended = std::pin::pin!(publication.ended());
        assert!(ended.as_mut().now_or_never().is_none());
        one.told(None);
        assert_eq!(ended.await, [(1, timed_out)]);
    }

    #[tokio::test]
    async fn one_whose_messages_were_told_of_before_ends_at_once() {
        let publication = Publication::begin();
        publication.share(0).told(None);
        assert_eq!(publication.ended().now_or_never(), Some(Vec::new()));
        assert_eq!(Publication::begin().ended().now_or_never(), Some(Vec::new()));
    }
}
