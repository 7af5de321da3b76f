//! What the clients tell of themselves: whether the brokers are there, logged once per change, and which partitions
//! were taken away.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use rdkafka::{
    ClientContext, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, ConsumerContext, Rebalance},
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
};

/// State of one client's connection, shared with librdkafka's callbacks.
pub struct Connection {
    client: String,
    away: AtomicBool,
    /// Grows with every revocation; messages are stamped with it as they arrive.
    generation: AtomicU64,
    /// Generation at which a partition was last taken away.
    revoked: Mutex<HashMap<i32, u64>>,
    /// Grows whenever partitions come.
    assigned: AtomicU64,
}

impl Connection {
    pub fn new(client: impl Into<String>) -> Self {
        Self {
            client: client.into(),
            away: AtomicBool::new(false),
            generation: AtomicU64::new(0),
            revoked: Mutex::default(),
            assigned: AtomicU64::new(0),
        }
    }

    /// Notes that the brokers cannot be reached; logs it where that is news.
    pub fn went_away(&self, error: &dyn std::fmt::Display) {
        if !self.away.swap(true, Ordering::Relaxed) {
            tracing::warn!(kafka.client = %self.client, error = %error, "Kafka cannot be reached; trying on.");
        }
    }

    pub fn is_there(&self) {
        if self.away.load(Ordering::Relaxed) && self.away.swap(false, Ordering::Relaxed) {
            tracing::info!(kafka.client = %self.client, "Kafka can be reached again.");
        }
    }

    /// How often partitions have come so far.
    pub fn assigned(&self) -> u64 {
        self.assigned.load(Ordering::SeqCst)
    }

    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// True where `partition` was taken away after a message of it arrived: its new owner gets the message too.
    pub fn lost(&self, partition: i32, arrived: u64) -> bool {
        let revoked = self.revoked.lock().unwrap_or_else(PoisonError::into_inner);
        revoked.get(&partition).is_some_and(|generation| arrived < *generation)
    }
}

impl ClientContext for Connection {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(kafka.client = %self.client, kafka.level = ?level, kafka.facility = facility, kafka.message = message, "librdkafka says something.");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            // One broker of several may go without harm.
            Some(RDKafkaErrorCode::BrokerTransportFailure) => {
                tracing::debug!(kafka.client = %self.client, error = reason, "A connection to a broker broke.");
            }
            _ => self.went_away(&reason),
        }
    }
}

impl ConsumerContext for Connection {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Revoke(partitions) => {
                let generation = self.generation.fetch_add(1, Ordering::SeqCst).saturating_add(1);
                let mut revoked = self.revoked.lock().unwrap_or_else(PoisonError::into_inner);
                revoked.extend(partitions.elements().iter().map(|element| (element.partition(), generation)));
                tracing::debug!(kafka.client = %self.client, kafka.partitions = partitions.count(), "Partitions went to another consumer.");
            }
            Rebalance::Assign(partitions) => {
                self.is_there();
                self.assigned.fetch_add(1, Ordering::SeqCst);
                tracing::debug!(kafka.client = %self.client, kafka.partitions = partitions.count(), "Partitions were assigned.");
            }
            Rebalance::Error(error) => {
                tracing::warn!(kafka.client = %self.client, error = %error, "Partitions could not be shared out.");
            }
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        if let Err(error) = result {
            // The events come again, which every consumer bears.
            tracing::debug!(kafka.client = %self.client, error = %error, "An offset was not committed.");
        }
    }
}
