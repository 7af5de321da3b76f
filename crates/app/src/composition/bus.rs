//! The bus that the settings choose: Kafka, or one inside the process.

use std::sync::Arc;

use async_trait::async_trait;
use sluice_events::{Publisher, Subscriber};
use sluice_kernel::PortResult;
use sluice_messaging_kafka::{KafkaPublisher, KafkaSettings, KafkaSubscriber};
use sluice_messaging_memory::MemoryBus;

use crate::{Config, health::BusProbe};

/// The bus and what goes with the choice.
pub(super) struct Bus {
    pub(super) publisher: Arc<dyn Publisher>,
    pub(super) subscriber: Arc<dyn Subscriber>,
    pub(super) probe: Option<Arc<dyn BusProbe>>,
}

struct KafkaProbe(Arc<KafkaPublisher>);

#[async_trait]
impl BusProbe for KafkaProbe {
    async fn probe(&self) -> PortResult<Vec<String>> {
        self.0.check().await
    }
}

pub(super) fn open_bus(config: &Config) -> PortResult<Bus> {
    let Some(brokers) = config.bus.brokers() else {
        let bus = Arc::new(MemoryBus::new());
        return Ok(Bus { publisher: bus.clone(), subscriber: bus, probe: None });
    };
    let mut settings = KafkaSettings::new(brokers);
    settings.topic_prefix.clone_from(&config.bus.topic_prefix);
    settings.group_prefix = format!("{}sluice.", config.bus.topic_prefix);
    settings.partitions = config.bus.partitions;
    settings.replication = config.bus.replication;
    let publisher = Arc::new(KafkaPublisher::new(settings.clone())?);
    let subscriber = Arc::new(KafkaSubscriber::new(settings, publisher.clone()));
    Ok(Bus { publisher: publisher.clone(), subscriber, probe: Some(Arc::new(KafkaProbe(publisher))) })
}
