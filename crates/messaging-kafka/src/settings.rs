//! Where the brokers are, and how the clients are tuned.

use std::{collections::BTreeMap, time::Duration};

use rdkafka::ClientConfig;
use sluice_events::Topic;

/// How long a client waits before it tries again what failed.
pub(crate) const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(200);

/// Tuned so that an event is consumed within some ten milliseconds on an idle system, and in large batches on a busy one.
#[derive(Debug, Clone)]
pub struct KafkaSettings {
    /// `host:port`, several separated by commas.
    pub brokers: String,
    /// Stands before every topic's name; empty unless several installations share brokers.
    pub topic_prefix: String,
    /// Stands before every consumer's name and makes the group id.
    pub group_prefix: String,
    /// Of topics that do not exist yet; consumers beyond this number stand idle.
    pub partitions: i32,
    /// Copies of topics that do not exist yet; -1 leaves it to the brokers.
    pub replication: i32,
    /// How long the producer waits for company of a message.
    pub linger: Duration,
    /// When a message that was not acknowledged counts as failed.
    pub delivery_timeout: Duration,
    /// Events a handler sees at once.
    pub batch_events: usize,
    /// The next batch begins no sooner than this after the last one: under load events gather and share a transaction
    /// and a commit. An idle consumer starts at once.
    pub gather: Duration,
    /// Further settings of librdkafka for every client, for instance of security.
    pub extra: BTreeMap<String, String>,
}

impl KafkaSettings {
    pub fn new(brokers: impl Into<String>) -> Self {
        Self {
            brokers: brokers.into(),
            topic_prefix: String::new(),
            group_prefix: "sluice.".to_owned(),
            partitions: 8,
            replication: -1,
            linger: Duration::from_millis(2),
            delivery_timeout: Duration::from_secs(10),
            batch_events: 500,
            gather: Duration::from_millis(50),
            extra: BTreeMap::new(),
        }
    }

    pub(crate) fn topic(&self, topic: Topic) -> String {
        format!("{}{}", self.topic_prefix, topic.name())
    }

    pub(crate) fn dead_letter_topic(&self, topic: Topic) -> String {
        format!("{}{}", self.topic_prefix, topic.dead_letter_name())
    }

    pub(crate) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", "sluice")
            .set("socket.nagle.disable", "true")
            .set("socket.keepalive.enable", "true")
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "1000")
            .set("retry.backoff.ms", "50")
            .set("topic.metadata.refresh.interval.ms", "30000")
            .set("allow.auto.create.topics", "false");
        for (name, value) in &self.extra {
            config.set(name, value);
        }
        config
    }

    pub(crate) fn producer(&self) -> ClientConfig {
        let mut config = self.client();
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("linger.ms", self.linger.as_millis().to_string())
            .set("message.timeout.ms", self.delivery_timeout.as_millis().to_string())
            .set("request.timeout.ms", "5000")
            // The partition other clients would choose for the key.
            .set("partitioner", "murmur2_random")
            .set("queue.buffering.max.kbytes", "65536");
        config
    }

    pub(crate) fn consumer(&self, name: &str) -> ClientConfig {
        let mut config = self.client();
        config
            .set("group.id", format!("{}{name}", self.group_prefix))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            .set("partition.assignment.strategy", "cooperative-sticky")
            // A worker that was killed gives its partitions up after the session's time-out.
            .set("session.timeout.ms", "10000")
            .set("heartbeat.interval.ms", "2000")
            .set("fetch.min.bytes", "1")
            .set("fetch.wait.max.ms", "100")
            .set("fetch.error.backoff.ms", "100")
            .set("queued.min.messages", "10000")
            .set("queued.max.messages.kbytes", "16384");
        config
    }
}
