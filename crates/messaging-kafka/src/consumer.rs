//! The consumer loop: one group per handler, offsets committed after the batch is settled, in the order of each
//! partition. Partitions come and go while nothing is in hand, so a batch never outlives its claim; messages of a
//! partition that was taken away while the batch was being filled are left to the new owner.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::{FutureExt as _, future};
use rdkafka::{
    Offset, TopicPartitionList,
    config::FromClientConfigAndContext,
    consumer::{CommitMode, Consumer as _, StreamConsumer},
    message::{BorrowedMessage, Message as _},
};
use sluice_events::{DeadLetter, Dispatcher, Envelope, Subscriber};
use sluice_kernel::{PortError, PortResult};
use tokio::{task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    KafkaPublisher, KafkaSettings, connection::Connection, dead_letters::DeadLetterTopic, lag, message, refusal,
    settings::PAUSE_AFTER_FAILURE,
};

/// How long leaving the group may take.
const LEAVE_PATIENCE: Duration = Duration::from_secs(10);

/// Runs consumers on Kafka; dead letters go out through the publisher.
pub struct KafkaSubscriber {
    publisher: Arc<KafkaPublisher>,
    settings: KafkaSettings,
}

impl KafkaSubscriber {
    pub fn new(settings: KafkaSettings, publisher: Arc<KafkaPublisher>) -> Self {
        Self { publisher, settings }
    }
}

impl Subscriber for KafkaSubscriber {
    fn start(&self, consumers: Vec<Dispatcher>, stop: CancellationToken) -> JoinHandle<()> {
        let loops: Vec<_> = consumers
            .into_iter()
            .map(|dispatcher| {
                let (publisher, settings) = (self.publisher.clone(), self.settings.clone());
                tokio::spawn(
                    ConsumerLoop { dispatcher, publisher, settings, letters: DeadLetterTopic::default(), stop: stop.clone() }.run(),
                )
            })
            .collect();
        tokio::spawn(async move {
            for ended in future::join_all(loops).await {
                if let Err(failure) = ended {
                    tracing::error!(error = %failure, "A consumer broke down.");
                }
            }
        })
    }
}

struct ConsumerLoop {
    dispatcher: Dispatcher,
    publisher: Arc<KafkaPublisher>,
    settings: KafkaSettings,
    letters: DeadLetterTopic,
    stop: CancellationToken,
}

/// A message and the generation of the assignment it came under.
struct Arrived<'a> {
    message: BorrowedMessage<'a>,
    generation: u64,
}

impl ConsumerLoop {
    async fn run(self) {
        let handler = self.dispatcher.handler().clone();
        let Some(consumer) = self.join().await else { return };
        let consumer = Arc::new(consumer);
        let lag = tokio::spawn(lag::watch(consumer.clone(), handler.topic(), handler.name(), self.stop.clone()));

        let mut gathered = Instant::now();
        let mut assigned = None;
        while let Some(batch) = self.fill(&consumer, gathered).await {
            gathered = Instant::now() + self.settings.gather;
            let taken_over = self.take_over(&mut assigned, consumer.context().assigned()).await;
            if taken_over.is_none() || !self.settle(&batch).await {
                break;
            }
            self.commit(&consumer, &batch, CommitMode::Async);
        }

        if let Err(failure) = lag.await {
            tracing::warn!(consumer.name = handler.name(), error = %failure, "Measuring a consumer's lag broke down.");
        }
        // Closing commits what is on its way and leaves the group, so that others take over at once. It blocks.
        let left = tokio::task::spawn_blocking(move || drop(consumer));
        if tokio::time::timeout(LEAVE_PATIENCE, left).await.is_err() {
            tracing::warn!(
                consumer.name = handler.name(),
                "A consumer could not leave its group in time; its session will run out."
            );
        }
    }

    /// Makes the topics and joins the group, for as long as it takes; `None` when `stop` came first.
    async fn join(&self) -> Option<StreamConsumer<Connection>> {
        loop {
            let failure = match self.stop.run_until_cancelled(self.publisher.ensure_topics()).await? {
                Ok(()) => match self.subscribe() {
                    Ok(consumer) => return Some(consumer),
                    Err(error) => error,
                },
                Err(error) => error,
            };
            tracing::debug!(consumer.name = self.dispatcher.handler().name(), error = %failure, "A consumer cannot begin yet.");
            self.stop.run_until_cancelled(tokio::time::sleep(PAUSE_AFTER_FAILURE)).await?;
        }
    }

    fn subscribe(&self) -> PortResult<StreamConsumer<Connection>> {
        let handler = self.dispatcher.handler();
        let connection = Connection::new(handler.name());
        let consumer = StreamConsumer::from_config_and_context(&self.settings.consumer(handler.name()), connection)
            .map_err(|error| PortError::internal("the Kafka consumer", error))?;
        consumer
            .subscribe(&[self.settings.topic(handler.topic()).as_str()])
            .map_err(|error| PortError::internal("the Kafka subscription", error))?;
        Ok(consumer)
    }

    /// Where partitions came since: what another process parked of them must not be overtaken. `None` when `stop` came first.
    async fn take_over(&self, known: &mut Option<u64>, assigned: u64) -> Option<()> {
        while *known != Some(assigned) {
            match self.dispatcher.takes_over().await {
                Ok(()) => *known = Some(assigned),
                Err(error) => {
                    tracing::debug!(consumer.name = self.dispatcher.handler().name(), error = %error, "Parked events could not be looked up yet.");
                    self.stop.run_until_cancelled(tokio::time::sleep(PAUSE_AFTER_FAILURE)).await?;
                }
            }
        }
        Some(())
    }

    /// Waits for a message and takes what else is there: an idle consumer adds no delay, a busy one finds batches.
    /// The batch closes not before `gathered`. `None` when `stop` came first.
    async fn fill<'a>(&self, consumer: &'a StreamConsumer<Connection>, gathered: Instant) -> Option<Vec<Arrived<'a>>> {
        let connection = consumer.context();
        let mut batch = Vec::new();
        let mut next = self.stop.run_until_cancelled(consumer.recv()).await?;
        let mut generation = connection.generation();
        self.stop.run_until_cancelled(tokio::time::sleep_until(gathered)).await?;
        loop {
            match next {
                Ok(message) => {
                    connection.is_there();
                    self.publisher.troubles().passed(self.dispatcher.handler().name());
                    batch.push(Arrived { message, generation });
                }
                Err(error) => {
                    if refusal::is_barred(&error) {
                        self.publisher
                            .troubles()
                            .met(self.dispatcher.handler().name().to_owned(), &format!("may not read: {error}"));
                    }
                    connection.went_away(&error);
                    self.stop.run_until_cancelled(tokio::time::sleep(PAUSE_AFTER_FAILURE)).await?;
                    break;
                }
            }
            if batch.len() >= self.settings.batch_events {
                break;
            }
            match consumer.recv().now_or_never() {
                Some(another) => (next, generation) = (another, connection.generation()),
                None => break,
            }
        }
        batch.retain(|arrived| !connection.lost(arrived.message.partition(), arrived.generation));
        Some(batch)
    }

    /// False when `stop` came before all were handled or put aside.
    async fn settle(&self, batch: &[Arrived<'_>]) -> bool {
        let topic = self.dispatcher.handler().topic();
        let mut readable: Vec<(Envelope, &BorrowedMessage<'_>)> = Vec::with_capacity(batch.len());
        for Arrived { message, .. } in batch {
            match message::envelope(topic, message) {
                Ok(envelope) => readable.push((envelope, message)),
                Err(reason) => {
                    let Some(letter) = self.dead_letter(message, &reason).await else { return false };
                    if !self.publish_dead(message, &letter).await {
                        return false;
                    }
                }
            }
        }
        let (envelopes, messages): (Vec<Envelope>, Vec<&BorrowedMessage<'_>>) = readable.into_iter().unzip();
        let Some(letters) = self.dispatcher.settle(&envelopes, &self.stop).await else { return false };
        for letter in &letters {
            let original = envelopes.iter().zip(&messages).find(|(envelope, _)| **envelope == letter.envelope);
            if let Some((_, message)) = original
                && !self.publish_dead(message, letter).await
            {
                return false;
            }
        }
        true
    }

    /// Keeps an unreadable message for staff, for as long as it takes.
    async fn dead_letter(&self, message: &BorrowedMessage<'_>, reason: &str) -> Option<DeadLetter> {
        let remains = message::remains(self.dispatcher.handler().topic(), message);
        loop {
            match self.dispatcher.dead_letter_unreadable(&remains, reason).await {
                Ok(letter) => return Some(letter),
                Err(error) => {
                    tracing::warn!(event.id = %remains.id, error = %error, "A dead letter could not be kept; it is tried again.");
                    self.stop.run_until_cancelled(tokio::time::sleep(PAUSE_AFTER_FAILURE)).await?;
                }
            }
        }
    }

    async fn publish_dead(&self, original: &BorrowedMessage<'_>, letter: &DeadLetter) -> bool {
        let topic = self.dispatcher.handler().topic();
        self.letters.publish(&self.publisher, &self.settings, topic, original, letter, &self.stop).await
    }

    fn commit(&self, consumer: &StreamConsumer<Connection>, batch: &[Arrived<'_>], mode: CommitMode) {
        let mut next: BTreeMap<(&str, i32), i64> = BTreeMap::new();
        for Arrived { message, .. } in batch {
            next.insert((message.topic(), message.partition()), message.offset().saturating_add(1));
        }
        let mut offsets = TopicPartitionList::new();
        let noted = next
            .into_iter()
            .try_for_each(|((topic, partition), offset)| offsets.add_partition_offset(topic, partition, Offset::Offset(offset)));
        if let Err(error) = noted.and_then(|()| if offsets.count() == 0 { Ok(()) } else { consumer.commit(&offsets, mode) }) {
            // The events come again, which every consumer bears.
            tracing::debug!(consumer.name = self.dispatcher.handler().name(), error = %error, "An offset was not committed.");
        }
    }
}
