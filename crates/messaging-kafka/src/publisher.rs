//! The producer: idempotent, acknowledged by all replicas, whole batches in flight at once.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future;
use rdkafka::{
    config::FromClientConfigAndContext,
    error::{KafkaError, RDKafkaErrorCode},
    message::{DeliveryResult, OwnedHeaders},
    producer::{BaseRecord, NoCustomPartitioner, Producer as _, ProducerContext, ThreadedProducer},
};
use sluice_events::{Envelope, Lasts, PublishError, Publisher, Topic, Undelivered};
use sluice_kernel::{PortError, PortResult};
use tokio::{sync::Mutex, time::Instant};

use crate::{
    KafkaSettings,
    connection::Connection,
    lanes::Lanes,
    lots::{self, Lots},
    message,
    publication::{Publication, Share},
    refusal::{is_too_large, is_unknown_topic, refusal},
    topics,
    troubles::Troubles,
};

/// Pause before a full queue is tried again.
const QUEUE_PAUSE: Duration = Duration::from_millis(5);
/// How long a failure to make the topics answers for others too.
const SHARED_ANSWER: Duration = Duration::from_millis(500);
/// Tries of a message that is refused as too large: others may have travelled with it.
const MAX_TRIES_ALONE: u32 = 3;
/// How long the brokers may take to tell of themselves.
const CHECK_PATIENCE: Duration = Duration::from_millis(1_700);
/// How long the topics' settings are taken for the present ones.
const MIN_IN_SYNC_LIFE: Duration = Duration::from_mins(1);

pub struct KafkaPublisher {
    producer: ThreadedProducer<SharedConnection, NoCustomPartitioner>,
    connection: Arc<Connection>,
    settings: KafkaSettings,
    lanes: Lanes,
    lots: Lots,
    troubles: Troubles,
    topics_stand: AtomicBool,
    /// When making them failed last; held while somebody tries.
    making_topics: Mutex<Option<Instant>>,
    min_in_sync: Mutex<Option<(Instant, HashMap<String, usize>)>>,
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
    type DeliveryOpaque = Box<Share>;

    /// Called by the producer's own thread.
    fn delivery(&self, result: &DeliveryResult<'_>, share: Box<Share>) {
        share.told(result.as_ref().err().map(|(error, _)| error.clone()));
    }
}

fn unavailable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PortError {
    PortError::unavailable("Kafka", error)
}

/// A message that was not taken, by its place in the batch.
type Failure = (usize, KafkaError);

impl KafkaPublisher {
    /// Does not wait for a broker; fails only where the settings make no sense.
    pub fn new(settings: KafkaSettings) -> PortResult<Self> {
        let connection = Arc::new(Connection::new("producer"));
        let producer = ThreadedProducer::from_config_and_context(&settings.producer(), SharedConnection(connection.clone()))
            .map_err(|error| PortError::internal("the Kafka producer", error))?;
        Ok(Self {
            producer,
            connection,
            settings,
            lanes: Lanes::default(),
            lots: Lots::default(),
            troubles: Troubles::default(),
            topics_stand: AtomicBool::new(false),
            making_topics: Mutex::default(),
            min_in_sync: Mutex::default(),
        })
    }

    /// What stands in the way of events, also of those that consumers met.
    pub(crate) fn troubles(&self) -> &Troubles {
        &self.troubles
    }

    /// Makes the topics that do not exist yet, as far as that is allowed. Done before the first event, and by consumers before
    /// they subscribe. An error says that the brokers cannot be asked; what may not be made is a trouble, and no reason to
    /// leave the topics alone that exist.
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
        let made = topics::ensure(&self.settings, &self.lanes).await;
        *failed_at = made.is_err().then(Instant::now);
        match made {
            Ok(refused) => {
                self.connection.is_there();
                self.troubles.topics_refused(refused);
                self.topics_stand.store(true, Ordering::Release);
                Ok(())
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
                self.connection.went_away(&cause);
                Err(error)
            }
        }
    }

    /// Sends a dead letter, or whatever else has headers of its own.
    pub(crate) async fn send(&self, topic: &str, key: &[u8], payload: &[u8], headers: OwnedHeaders) -> Result<(), PublishError> {
        let publication = Publication::begin();
        let taken = self.enqueue(&publication, 0, topic, key, payload, headers).await;
        let failed = publication.ended().await.into_iter().map(|(_, error)| error).next();
        match taken.err().or(failed) {
            None => Ok(()),
            Some(error) => Err(refusal(&error)),
        }
    }

    /// Puts a message into the producer's queue; waits a bounded time for room in it.
    async fn enqueue(
        &self,
        publication: &Arc<Publication>,
        place: usize,
        topic: &str,
        key: &[u8],
        payload: &[u8],
        headers: OwnedHeaders,
    ) -> Result<(), KafkaError> {
        let mut give_up = None;
        let share = Box::new(publication.share(place));
        let mut record = BaseRecord::with_opaque_to(topic, share).key(key).payload(payload).headers(headers);
        loop {
            let (error, refused) = match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err(refused) => refused,
            };
            let give_up = *give_up.get_or_insert_with(|| Instant::now() + self.settings.delivery_timeout);
            let full = matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull));
            if !full || Instant::now() >= give_up {
                refused.delivery_opaque.told(None);
                return Err(error);
            }
            record = refused;
            tokio::time::sleep(QUEUE_PAUSE).await;
        }
    }

    /// Sends the messages at these places side by side and waits for all of them.
    async fn send_at(&self, batch: &[Envelope], places: &[usize]) -> Vec<Failure> {
        let publication = Publication::begin();
        let mut failures = Vec::new();
        for (place, envelope) in places.iter().filter_map(|place| batch.get(*place).map(|envelope| (*place, envelope))) {
            let (topic, headers) = (self.settings.topic(envelope.topic), message::headers(envelope));
            let (key, data) = (envelope.key.as_bytes(), envelope.data.as_bytes());
            if let Err(error) = self.enqueue(&publication, place, &topic, key, data, headers).await {
                failures.push((place, error));
            }
        }
        // All are waited for, even after a failure: what is published again must not overtake what is in flight.
        failures.extend(publication.ended().await);
        failures
    }

    /// Sends a whole batch, and again in smaller lots what was too large together.
    async fn deliver(&self, batch: &[Envelope]) -> Vec<Failure> {
        let limited: HashSet<Topic> = Topic::ALL.into_iter().filter(|topic| self.lots.limit(*topic).is_some()).collect();
        let in_lots = |place: &usize| batch.get(*place).is_some_and(|envelope| limited.contains(&envelope.topic));
        let (mut small, free): (Vec<usize>, Vec<usize>) = (0..batch.len()).partition(in_lots);
        let mut failures = self.send_at(batch, &free).await;
        if failures.is_empty() && small.is_empty() {
            return failures;
        }
        let too_large: Vec<usize> = failures.extract_if(.., |(_, error)| is_too_large(error)).map(|(place, _)| place).collect();
        small.extend(with_followers(batch, &too_large));
        small.sort_unstable();
        small.dedup();
        let mut by_lane: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for place in small {
            let Some(envelope) = batch.get(place) else { continue };
            by_lane.entry(self.lanes.of(&self.settings, envelope)).or_default().push(place);
        }
        let sent = by_lane.values().map(|places| self.send_in_lots(batch, places));
        failures.extend(future::join_all(sent).await.into_iter().flatten());
        failures
    }

    /// Sends messages of one lane in lots, one after the other, the smaller the more of them are refused.
    async fn send_in_lots(&self, batch: &[Envelope], places: &[usize]) -> Vec<Failure> {
        let Some(topic) = places.first().and_then(|place| batch.get(*place)).map(|envelope| envelope.topic) else {
            return Vec::new();
        };
        let bytes = |places: &[usize]| places.iter().filter_map(|place| batch.get(*place)).map(lots::size).sum::<usize>();
        let limit = |lot: &[usize]| self.lots.limit(topic).unwrap_or_else(|| bytes(lot) / 2);
        let mut waiting: VecDeque<Vec<usize>> = lots::cut(batch, places, limit(places)).into();
        let mut failures = Vec::new();
        let mut tries_alone = 0;
        while let Some(lot) = waiting.pop_front() {
            let mut failed = self.send_at(batch, &lot).await;
            let mut too_large: Vec<Failure> = failed.extract_if(.., |(_, error)| is_too_large(error)).collect();
            failures.append(&mut failed);
            if too_large.is_empty() {
                tries_alone = 0;
                continue;
            }
            if lot.len() > 1 {
                self.lots.refused(topic, bytes(&lot));
                let places: Vec<usize> = too_large.iter().map(|(place, _)| *place).collect();
                let again = with_followers(batch, &places).into_iter().filter(|place| lot.contains(place)).collect::<Vec<_>>();
                for smaller in lots::cut(batch, &again, limit(&again)).into_iter().rev() {
                    waiting.push_front(smaller);
                }
                continue;
            }
            tries_alone += 1;
            if tries_alone < MAX_TRIES_ALONE {
                waiting.push_front(lot);
            } else {
                tries_alone = 0;
                failures.append(&mut too_large);
            }
        }
        failures
    }

    /// How many copies in sync the topics want, as of a minute ago at most.
    async fn min_in_sync(&self) -> HashMap<String, usize> {
        let mut known = self.min_in_sync.lock().await;
        match &*known {
            Some((at, wanted)) if at.elapsed() < MIN_IN_SYNC_LIFE => wanted.clone(),
            _ => {
                let wanted = topics::min_in_sync(&self.settings).await;
                *known = Some((Instant::now(), wanted.clone()));
                wanted
            }
        }
    }

    /// Notes what the brokers said of a batch.
    fn note(&self, batch: &[Envelope], undelivered: &[Undelivered], failures: &[Failure]) {
        if undelivered.is_empty() && !self.troubles.any() {
            self.connection.is_there();
            return;
        }
        let failed: HashSet<String> = undelivered.iter().map(|event| self.lanes.of(&self.settings, &event.envelope)).collect();
        for lane in batch.iter().map(|envelope| self.lanes.of(&self.settings, envelope)).filter(|lane| !failed.contains(lane)) {
            self.troubles.passed(&lane);
        }
        for event in undelivered.iter().filter(|event| event.error.lasts != Lasts::Forever) {
            self.troubles.met(self.lanes.of(&self.settings, &event.envelope), &event.error.detail);
        }
        let passing = failures.iter().map(|(_, error)| error).filter(|error| refusal(error).lasts == Lasts::Passing);
        let all_failed = undelivered.len() == batch.len();
        match passing.clone().next() {
            Some(error) if all_failed => self.connection.went_away(error),
            _ => self.connection.is_there(),
        }
        if all_failed || passing.clone().any(is_unknown_topic) {
            // A topic may have been deleted: look again before the next event.
            self.topics_stand.store(false, Ordering::Release);
        }
    }
}

/// These places, and what comes behind them under the same keys: so that it is sent again in order.
fn with_followers(batch: &[Envelope], places: &[usize]) -> Vec<usize> {
    if places.is_empty() {
        return Vec::new();
    }
    let sent_again: HashSet<usize> = places.iter().copied().collect();
    let mut keys: HashSet<(Topic, &str)> = HashSet::new();
    let mut out = Vec::new();
    for (place, envelope) in batch.iter().enumerate() {
        let key = (envelope.topic, envelope.key.as_str());
        if sent_again.contains(&place) || keys.contains(&key) {
            keys.insert(key);
            out.push(place);
        }
    }
    out
}

#[async_trait]
impl Publisher for KafkaPublisher {
    async fn publish(&self, batch: Vec<Envelope>) -> Vec<Undelivered> {
        if batch.is_empty() {
            return Vec::new();
        }
        if let Err(error) = self.ensure_topics().await {
            let error = PublishError {
                lasts: Lasts::Passing,
                code: "bus_unavailable",
                detail: std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string),
            };
            return batch.into_iter().map(|envelope| Undelivered { envelope, error: error.clone() }).collect();
        }
        let failures = self.deliver(&batch).await;
        if failures.is_empty() {
            self.note(&batch, &[], &[]);
            return Vec::new();
        }
        let mut refused: BTreeMap<usize, PublishError> = failures.iter().map(|(place, error)| (*place, refusal(error))).collect();
        // What comes behind an event that passes comes again, too.
        let passing: Vec<usize> =
            refused.iter().filter(|(_, error)| error.lasts != Lasts::Forever).map(|(place, _)| *place).collect();
        for place in with_followers(&batch, &passing) {
            refused.entry(place).or_insert_with(|| PublishError {
                lasts: Lasts::Passing,
                code: "bus_unavailable",
                detail: "an event before it under the same key was not taken".to_owned(),
            });
        }
        let undelivered: Vec<Undelivered> = refused
            .into_iter()
            .filter_map(|(place, error)| batch.get(place).map(|envelope| Undelivered { envelope: envelope.clone(), error }))
            .collect();
        self.note(&batch, &undelivered, &failures);
        undelivered
    }

    fn lane(&self, envelope: &Envelope) -> String {
        self.lanes.of(&self.settings, envelope)
    }

    async fn check(&self) -> PortResult<Vec<String>> {
        let producer = self.producer.clone();
        let asked = tokio::task::spawn_blocking(move || producer.client().fetch_metadata(None, CHECK_PATIENCE)).await;
        let answer = asked.map_err(|failure| PortError::internal("asking Kafka", failure))?;
        let metadata = answer.map_err(|error| {
            self.connection.went_away(&error);
            unavailable(error)
        })?;
        self.connection.is_there();
        self.lanes.learn(&metadata);
        let min_in_sync = self.min_in_sync().await;
        let mut said = topics::wrong(&self.settings, &metadata, &min_in_sync);
        said.extend(self.troubles.words());
        said.dedup();
        Ok(said)
    }
}
