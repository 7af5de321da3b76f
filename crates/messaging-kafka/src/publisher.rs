//! The producer: idempotent, acknowledged by all replicas, whole batches in flight at once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use rdkafka::{
    config::FromClientConfigAndContext,
    error::{KafkaError, RDKafkaErrorCode},
    message::{DeliveryResult, OwnedHeaders},
    producer::{BaseRecord, NoCustomPartitioner, Producer as _, ProducerContext, ThreadedProducer},
};
use sluice_events::{Envelope, Publisher};
use sluice_kernel::{PortError, PortResult};
use tokio::{sync::Mutex, time::Instant};

use crate::{KafkaSettings, connection::Connection, message, publication::Publication, topics};

/// Pause before a full queue is tried again.
const QUEUE_PAUSE: Duration = Duration::from_millis(5);

/// How long a failure to make the topics answers for others too.
const SHARED_ANSWER: Duration = Duration::from_millis(500);

pub struct KafkaPublisher {
    producer: ThreadedProducer<SharedConnection, NoCustomPartitioner>,
    connection: Arc<Connection>,
    settings: KafkaSettings,
    topics_stand: AtomicBool,
    /// When making them failed last; held while somebody tries.
    making_topics: Mutex<Option<Instant>>,
}

/// The producer wants a context of its own; the publisher notes its successes in the same one.
struct SharedConnection(Arc<Connection>);

impl rdkafka::ClientContext for SharedConnection {
    fn log(&self, level: rdkafka::config::RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.error(error, reason);
    }
}

impl ProducerContext for SharedConnection {
    type DeliveryOpaque = Arc<Publication>;

    /// Called by the producer's own thread.
    fn delivery(&self, result: &DeliveryResult<'_>, publication: Arc<Publication>) {
        publication.told(result.as_ref().err().map(|(error, _)| error.clone()));
    }
}

fn unavailable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PortError {
    PortError::unavailable("Kafka", error)
}

impl KafkaPublisher {
    /// Does not wait for a broker; fails only where the settings make no sense.
    pub fn new(settings: KafkaSettings) -> PortResult<Self> {
        let connection = Arc::new(Connection::new("producer"));
        let producer = ThreadedProducer::from_config_and_context(&settings.producer(), SharedConnection(connection.clone()))
            .map_err(|error| PortError::internal("the Kafka producer", error))?;
        Ok(Self { producer, connection, settings, topics_stand: AtomicBool::new(false), making_topics: Mutex::default() })
    }

    /// Asks the brokers for their metadata, for readiness.
    pub async fn probe(&self, timeout: Duration) -> PortResult<()> {
        let producer = self.producer.clone();
        let asked = tokio::task::spawn_blocking(move || producer.client().fetch_metadata(None, timeout).map(drop)).await;
        let answer = asked.map_err(|failure| PortError::internal("asking Kafka", failure))?;
        self.note(answer.map_err(unavailable))
    }

    /// Makes the topics that do not exist yet. Done before the first event, and by consumers before they subscribe.
    pub async fn ensure_topics(&self) -> PortResult<()> {
        if self.topics_stand.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut failed_at = self.making_topics.lock().await;
        if self.topics_stand.load(Ordering::Acquire) {
            return Ok(());
        }
        // Those who waited here share the answer: a broker that is away costs one time-out, not one each.
        if failed_at.is_some_and(|at| at.elapsed() < SHARED_ANSWER) {
            return Err(unavailable("its topics could not be looked up a moment ago"));
        }
        let made = self.note(topics::ensure(&self.settings).await);
        *failed_at = made.is_err().then(Instant::now);
        made?;
        self.topics_stand.store(true, Ordering::Release);
        Ok(())
    }

    /// Sends a dead letter, or whatever else has headers of its own.
    pub(crate) async fn send(&self, topic: &str, key: &[u8], payload: &[u8], headers: OwnedHeaders) -> PortResult<()> {
        let publication = Publication::begin();
        let taken = self.enqueue(&publication, topic, key, payload, headers).await;
        let delivered = publication.ended().await;
        self.note(taken.and(delivered).map_err(unavailable))
    }

    /// Puts a message into the producer's queue; waits a bounded time for room in it.
    async fn enqueue(
        &self,
        publication: &Arc<Publication>,
        topic: &str,
        key: &[u8],
        payload: &[u8],
        headers: OwnedHeaders,
    ) -> Result<(), KafkaError> {
        let mut give_up = None;
        let mut record = BaseRecord::with_opaque_to(topic, publication.share()).key(key).payload(payload).headers(headers);
        loop {
            let (error, refused) = match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err(refused) => refused,
            };
            let give_up = *give_up.get_or_insert_with(|| Instant::now() + self.settings.delivery_timeout);
            let full = matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull));
            if !full || Instant::now() >= give_up {
                publication.told(None);
                return Err(error);
            }
            record = refused;
            tokio::time::sleep(QUEUE_PAUSE).await;
        }
    }

    fn note(&self, result: PortResult<()>) -> PortResult<()> {
        match &result {
            Ok(()) => self.connection.is_there(),
            Err(error) => {
                let cause = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
                self.connection.went_away(&cause);
                // A topic may have been deleted: look again before the next event.
                self.topics_stand.store(false, Ordering::Release);
            }
        }
        result
    }
}

#[async_trait]
impl Publisher for KafkaPublisher {
    async fn publish(&self, batch: Vec<Envelope>) -> PortResult<()> {
        if batch.is_empty() {
            return Ok(());
        }
        self.ensure_topics().await?;
        let publication = Publication::begin();
        let mut taken = Ok(());
        for envelope in &batch {
            let (topic, headers) = (self.settings.topic(envelope.topic), message::headers(envelope));
            let (key, data) = (envelope.key.as_bytes(), envelope.data.as_bytes());
            taken = self.enqueue(&publication, &topic, key, data, headers).await;
            if taken.is_err() {
                break;
            }
        }
        // All are waited for, even after a failure: what is published again must not overtake what is in flight.
        let delivered = publication.ended().await;
        self.note(taken.and(delivered).map_err(unavailable))
    }
}
