//! What a failure of Kafka's means: whether it passes, needs a right, or lasts as long as the message.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use sluice_events::{Lasts, PublishError};

/// How the brokers' answer is told to whoever published.
pub fn refusal(error: &KafkaError) -> PublishError {
    let (lasts, code) = match error.rdkafka_error_code() {
        Some(Code::MessageSizeTooLarge | Code::InvalidMessageSize) => (Lasts::Forever, "message_too_large"),
        Some(Code::InvalidRecord | Code::InvalidTimestamp | Code::PolicyViolation) => (Lasts::Forever, "message_refused"),
        _ if is_barred(error) => (Lasts::Barred, "not_authorised"),
        _ => (Lasts::Passing, "bus_unavailable"),
    };
    PublishError { lasts, code, detail: error.to_string() }
}

pub fn is_too_large(error: &KafkaError) -> bool {
    matches!(error.rdkafka_error_code(), Some(Code::MessageSizeTooLarge))
}

/// True where a right is missing.
pub fn is_barred(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::TopicAuthorizationFailed
                | Code::GroupAuthorizationFailed
                | Code::ClusterAuthorizationFailed
                | Code::TransactionalIdAuthorizationFailed
        )
    )
}

/// True where the topic or the partition is not there, or not any more.
pub fn is_unknown_topic(error: &KafkaError) -> bool {
    matches!(error.rdkafka_error_code(), Some(Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition))
}
