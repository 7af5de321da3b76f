//! Settings of the bus that events travel on.

use serde::{Deserialize, Serialize};

use super::ConfigError;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BusConfig {
    /// `memory:` or `kafka://HOST:PORT[,HOST:PORT…]`.
    pub url: String,
    /// Partitions of topics that are created.
    pub partitions: i32,
    /// Copies of each partition of topics that are created.
    pub replication: i32,
    /// Before every topic and group name, so that shops can share a broker.
    pub topic_prefix: String,
}

impl Default for BusConfig {
    fn default() -> Self {
        Self { url: "memory:".to_owned(), partitions: 6, replication: 1, topic_prefix: String::new() }
    }
}

impl BusConfig {
    /// `HOST:PORT[,HOST:PORT…]` of Kafka; `None` where events stay in the process.
    pub(crate) fn brokers(&self) -> Option<&str> {
        self.url.strip_prefix("kafka://")
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.url != "memory:" && self.brokers().is_none() {
            return Err(ConfigError::invalid("bus.url", "is memory: or starts with kafka://"));
        }
        if self.url.contains('@') {
            return Err(ConfigError::invalid("bus.url", "names brokers alone; a login is not supported"));
        }
        if !(1..=1_000).contains(&self.partitions) || !(1..=9).contains(&self.replication) {
            return Err(ConfigError::invalid("bus.partitions", "partitions 1 to 1000, replication 1 to 9"));
        }
        Ok(())
    }
}
