//! The topics, made where they do not exist yet.

use std::time::Duration;

use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    config::FromClientConfigAndContext,
    error::RDKafkaErrorCode,
};
use sluice_events::Topic;
use sluice_kernel::{PortError, PortResult};

use crate::{KafkaSettings, connection::Connection};

const PATIENCE: Duration = Duration::from_secs(3);

/// Makes every topic of the language and its dead letters; those that exist stay as they are.
pub async fn ensure(settings: &KafkaSettings) -> PortResult<()> {
    let unavailable = |error| PortError::unavailable("Kafka", error);
    let admin = AdminClient::from_config_and_context(&settings.client(), Connection::new("admin"))
        .map_err(|error| PortError::internal("the Kafka client", error))?;
    let names: Vec<(String, i32)> = Topic::ALL
        .into_iter()
        .flat_map(|topic| [(settings.topic(topic), settings.partitions), (settings.dead_letter_topic(topic), 1)])
        .collect();
    let topics: Vec<NewTopic<'_>> = names
        .iter()
        .map(|(name, partitions)| NewTopic::new(name, *partitions, TopicReplication::Fixed(settings.replication)))
        .collect();
    let options = AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE));
    let results = admin.create_topics(&topics, &options).await;
    // Ending the client joins its thread.
    let ended = tokio::task::spawn_blocking(move || drop(admin)).await;
    if let Err(failure) = ended {
        tracing::warn!(error = %failure, "The Kafka admin client did not end in order.");
    }
    for result in results.map_err(unavailable)? {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => return Err(PortError::unavailable("Kafka", format!("topic {topic} cannot be made: {code}"))),
        }
    }
    Ok(())
}
