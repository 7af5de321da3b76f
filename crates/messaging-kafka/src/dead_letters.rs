//! What travels to `TOPIC.dlq`: the message as it was, and headers that say why it stands there.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rdkafka::message::{BorrowedMessage, Message as _, OwnedHeaders};
use sluice_events::{DeadLetter, Lasts, Topic};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{KafkaPublisher, KafkaSettings, message::with, settings::PAUSE_AFTER_FAILURE};

/// Tries of a letter. It stands in the store for staff already: a topic that is away does not hold up the consumer.
const MAX_TRIES: u32 = 3;
/// How long a topic that did not take a letter is spared.
const SPARED: Duration = Duration::from_secs(30);
/// Characters of an error's causes that travel.
const MAX_DETAIL: usize = 1_000;

/// `TOPIC.dlq` as one consumer publishes to it.
#[derive(Default)]
pub struct DeadLetterTopic {
    away_until: Mutex<Option<Instant>>,
}

impl DeadLetterTopic {
    /// Publishes the letter, within a bounded time; false when `stop` came first.
    pub async fn publish(
        &self,
        publisher: &KafkaPublisher,
        settings: &KafkaSettings,
        topic: Topic,
        original: &BorrowedMessage<'_>,
        letter: &DeadLetter,
        stop: &CancellationToken,
    ) -> bool {
        let name = settings.dead_letter_topic(topic);
        let headers = headers(original, letter);
        let key = original.key().unwrap_or_default();
        let mut payload = original.payload().unwrap_or_default();
        let tries = if self.is_away() { 0 } else { MAX_TRIES };
        for _ in 0..tries {
            let Err(error) = publisher.send(&name, key, payload, headers.clone()).await else {
                self.set_away(None);
                return true;
            };
            tracing::debug!(event.id = %letter.envelope.id, error = %error, "A dead letter could not be published yet.");
            if error.lasts == Lasts::Forever {
                // With its new headers it may be too large: where it came from and why still travel.
                payload = &[];
                continue;
            }
            self.set_away(Some(Instant::now() + SPARED));
            if stop.run_until_cancelled(tokio::time::sleep(PAUSE_AFTER_FAILURE)).await.is_none() {
                return false;
            }
        }
        metrics::counter!("sluice_unpublished_dead_letters_total", "topic" => topic.name()).increment(1);
        tracing::warn!(event.id = %letter.envelope.id, kafka.topic = %name, "A dead letter is not in its topic; staff have it all the same.");
        true
    }

    fn is_away(&self) -> bool {
        self.away_until.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| Instant::now() < until)
    }

    fn set_away(&self, until: Option<Instant>) {
        *self.away_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}

fn headers(original: &BorrowedMessage<'_>, letter: &DeadLetter) -> OwnedHeaders {
    let kept = original.headers().map_or_else(OwnedHeaders::new, rdkafka::message::BorrowedHeaders::detach);
    let (partition, offset) = (original.partition().to_string(), original.offset().to_string());
    let attempts = letter.attempts.to_string();
    let at = letter.at.to_string();
    let detail: String = letter.error_detail.chars().take(MAX_DETAIL).collect();
    [
        ("dlq_topic", original.topic()),
        ("dlq_partition", partition.as_str()),
        ("dlq_offset", offset.as_str()),
        ("dlq_attempts", attempts.as_str()),
        ("dlq_error_code", letter.error_code.as_str()),
        ("dlq_error_detail", detail.as_str()),
        ("dlq_consumer", letter.consumer.as_str()),
        ("dlq_time", at.as_str()),
    ]
    .into_iter()
    .fold(kept, with)
}
