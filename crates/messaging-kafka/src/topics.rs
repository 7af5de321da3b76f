//! The topics: made where they do not exist yet and that is allowed, and looked at.

use std::{collections::HashMap, time::Duration};

use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, OwnedResourceSpecifier, ResourceSpecifier, TopicReplication},
    config::FromClientConfigAndContext,
    error::RDKafkaErrorCode,
    metadata::{Metadata, MetadataTopic},
};
use sluice_events::Topic;
use sluice_kernel::{PortError, PortResult};

use crate::{KafkaSettings, connection::Connection, lanes::Lanes};

const PATIENCE: Duration = Duration::from_secs(3);
/// For what readiness can do without.
const SHORT_PATIENCE: Duration = Duration::from_millis(800);
/// Partitions of a topic that are named one by one.
const MAX_NAMED: usize = 6;

/// Every topic of the language and its dead letters, with the partitions it gets.
fn names(settings: &KafkaSettings) -> Vec<(String, i32)> {
    Topic::ALL
        .into_iter()
        .flat_map(|topic| [(settings.topic(topic), settings.partitions), (settings.dead_letter_topic(topic), 1)])
        .collect()
}

/// Makes the topics that are missing; those that exist stay as they are and need no right to be made. Returns what is still
/// missing and why, in words; an error where the brokers cannot be asked.
pub async fn ensure(settings: &KafkaSettings, lanes: &Lanes) -> PortResult<Vec<String>> {
    let unavailable = |error| PortError::unavailable("Kafka", error);
    let admin = AdminClient::from_config_and_context(&settings.client(), Connection::new("admin"))
        .map_err(|error| PortError::internal("the Kafka client", error))?;
    let asked = tokio::task::spawn_blocking(move || {
        let metadata = admin.inner().fetch_metadata(None, PATIENCE);
        (admin, metadata)
    });
    let (admin, metadata) = asked.await.map_err(|failure| PortError::internal("asking Kafka", failure))?;
    let missing: Vec<(String, i32)> = match &metadata {
        Ok(metadata) => names(settings).into_iter().filter(|(name, _)| known(metadata, name).is_none()).collect(),
        Err(_) => Vec::new(),
    };
    let topics: Vec<NewTopic<'_>> = missing
        .iter()
        .map(|(name, partitions)| NewTopic::new(name, *partitions, TopicReplication::Fixed(settings.replication)))
        .collect();
    let options = AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE));
    let results = if topics.is_empty() { Ok(Vec::new()) } else { admin.create_topics(&topics, &options).await };
    // Ending the client joins its thread.
    let ended = tokio::task::spawn_blocking(move || drop(admin)).await;
    if let Err(failure) = ended {
        tracing::warn!(error = %failure, "The Kafka admin client did not end in order.");
    }
    lanes.learn(&metadata.map_err(unavailable)?);
    let mut refused = Vec::new();
    for result in results.map_err(unavailable)? {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            // It may be there all the same, hidden from us: whoever uses it finds out.
            Err((topic, code)) => refused.push(format!("topic {topic} is missing and could not be created: {code}")),
        }
    }
    Ok(refused)
}

/// How many copies in sync each topic wants for a write; what may not be asked is left out.
pub async fn min_in_sync(settings: &KafkaSettings) -> HashMap<String, usize> {
    let Ok(admin) = AdminClient::from_config_and_context(&settings.client(), Connection::new("admin")) else {
        return HashMap::new();
    };
    let names: Vec<String> = Topic::ALL.into_iter().map(|topic| settings.topic(topic)).collect();
    let asked: Vec<ResourceSpecifier<'_>> = names.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
    let options = AdminOptions::new().request_timeout(Some(SHORT_PATIENCE));
    let answers = admin.describe_configs(&asked, &options).await.unwrap_or_default();
    // Ending the client joins its thread.
    drop(tokio::task::spawn_blocking(move || drop(admin)));
    let wanted = answers.into_iter().flatten().filter_map(|answer| {
        let wanted = answer.get("min.insync.replicas")?.value.as_deref()?.parse().ok()?;
        match answer.specifier {
            OwnedResourceSpecifier::Topic(name) => Some((name, wanted)),
            OwnedResourceSpecifier::Group(_) | OwnedResourceSpecifier::Broker(_) => None,
        }
    });
    wanted.collect()
}

fn known<'a>(metadata: &'a Metadata, name: &str) -> Option<&'a MetadataTopic> {
    metadata.topics().iter().find(|topic| topic.name() == name && !topic.partitions().is_empty())
}

/// What the brokers say of our topics that keeps events from flowing, in words.
pub fn wrong(settings: &KafkaSettings, metadata: &Metadata, min_in_sync: &HashMap<String, usize>) -> Vec<String> {
    let mut said = Vec::new();
    let (mut missing, mut silent, mut thin) = (Vec::new(), Vec::new(), Vec::new());
    for (name, _) in names(settings) {
        let Some(topic) = known(metadata, &name) else {
            missing.push(name);
            continue;
        };
        let leaderless: Vec<i32> = topic
            .partitions()
            .iter()
            .filter(|partition| partition.leader() < 0)
            .map(rdkafka::metadata::MetadataPartition::id)
            .collect();
        if !leaderless.is_empty() {
            silent.push(format!("{} of {name}", numbered(&leaderless)));
        }
        let wanted = min_in_sync.get(&name).copied().unwrap_or(1);
        let lacks = |partition: &&rdkafka::metadata::MetadataPartition| partition.leader() >= 0 && partition.isr().len() < wanted;
        let lacking: Vec<i32> = topic.partitions().iter().filter(lacks).map(rdkafka::metadata::MetadataPartition::id).collect();
        if !lacking.is_empty() {
            thin.push(format!("{} of {name} ({wanted} wanted)", numbered(&lacking)));
        }
    }
    if !thin.is_empty() {
        said.push(format!("with too few copies in sync to take events: {}", thin.join(", ")));
    }
    if !silent.is_empty() {
        said.push(format!("without a leader: {}", silent.join(", ")));
    }
    if !missing.is_empty() {
        said.push(format!("missing or not to be seen with these rights: {}", missing.join(", ")));
    }
    said
}

fn numbered(partitions: &[i32]) -> String {
    let named: Vec<String> = partitions.iter().take(MAX_NAMED).map(ToString::to_string).collect();
    let more = if partitions.len() > MAX_NAMED { format!(" and {} more", partitions.len() - MAX_NAMED) } else { String::new() };
    format!("partition {}{more}", named.join(", "))
}
