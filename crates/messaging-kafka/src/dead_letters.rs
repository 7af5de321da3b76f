//! What travels to `TOPIC.dlq`: the message as it was, and headers that say why it stands there.

use rdkafka::message::{BorrowedMessage, Message as _, OwnedHeaders};
use sluice_events::{DeadLetter, Topic};
use tokio_util::sync::CancellationToken;

use crate::{KafkaPublisher, KafkaSettings, consumer::PAUSE, message::with};

/// Publishes the letter, for as long as it takes; false when `stop` came first.
pub async fn publish(
    publisher: &KafkaPublisher,
    settings: &KafkaSettings,
    topic: Topic,
    original: &BorrowedMessage<'_>,
    letter: &DeadLetter,
    stop: &CancellationToken,
) -> bool {
    let name = settings.dead_letter_topic(topic);
    let headers = headers(original, letter);
    let (key, payload) = (original.key().unwrap_or_default(), original.payload().unwrap_or_default());
    while let Err(error) = publisher.send(&name, key, payload, headers.clone()).await {
        tracing::debug!(event.id = %letter.envelope.id, error = %error, "A dead letter could not be published yet.");
        if stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_none() {
            return false;
        }
    }
    true
}

fn headers(original: &BorrowedMessage<'_>, letter: &DeadLetter) -> OwnedHeaders {
    let kept = original.headers().map_or_else(OwnedHeaders::new, rdkafka::message::BorrowedHeaders::detach);
    let (partition, offset) = (original.partition().to_string(), original.offset().to_string());
    let attempts = letter.attempts.to_string();
    let at = letter.at.to_string();
    [
        ("dlq_topic", original.topic()),
        ("dlq_partition", partition.as_str()),
        ("dlq_offset", offset.as_str()),
        ("dlq_attempts", attempts.as_str()),
        ("dlq_error_code", letter.error_code.as_str()),
        ("dlq_error_detail", letter.error_detail.as_str()),
        ("dlq_consumer", letter.consumer.as_str()),
        ("dlq_time", at.as_str()),
    ]
    .into_iter()
    .fold(kept, with)
}
