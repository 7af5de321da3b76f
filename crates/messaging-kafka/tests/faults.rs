//! Brokers that refuse, and topics that change under way: what can be published is, and the rest is told of.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::{collections::HashMap, sync::Arc, time::Duration};

use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication},
    client::DefaultClientContext,
};
use sluice_events::{
    Envelope, Lasts, Publisher as _, Subscriber as _, Topic, publish_all,
    testing::{self, MemoryDeadLetters, Recorder},
};
use sluice_messaging_kafka::{KafkaPublisher, KafkaSettings, KafkaSubscriber};
use sluice_testkit::{Kafka, unique_prefix, wait_for, wait_until};
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_mins(1);

async fn settings() -> KafkaSettings {
    let prefix = unique_prefix();
    KafkaSettings {
        topic_prefix: prefix.clone(),
        group_prefix: prefix,
        partitions: 3,
        ..KafkaSettings::new(Kafka::shared().await.bootstrap())
    }
}

fn admin(settings: &KafkaSettings) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", &settings.brokers).create().unwrap()
}

async fn create(settings: &KafkaSettings, topic: Topic, max_message: &str) {
    let name = format!("{}{}", settings.topic_prefix, topic.name());
    let topic = NewTopic::new(&name, 3, TopicReplication::Fixed(1)).set("max.message.bytes", max_message);
    admin(settings).create_topics(&[topic], &AdminOptions::new()).await.unwrap()[0].clone().unwrap();
}

/// An event of about so many bytes.
fn event(topic: Topic, key: usize, id: usize, bytes: usize) -> Envelope {
    Envelope { data: format!("\"{}\"", "x".repeat(bytes)), ..testing::envelope(topic, &format!("k{key}"), &format!("{id:05}")) }
}

/// How often each event is on a topic.
async fn times(settings: &KafkaSettings, topic: Topic) -> HashMap<String, usize> {
    let mut seen = HashMap::new();
    for message in Kafka::shared().await.messages(&format!("{}{}", settings.topic_prefix, topic.name())) {
        let id = message.split("ce_id=").nth(1).and_then(|rest| rest.split([',', '|']).next()).unwrap_or_default().to_owned();
        *seen.entry(id).or_default() += 1;
    }
    seen
}

/// A broker refuses what is too large together, the small ones too.
#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_that_is_too_large_together_drains() {
    let settings = settings().await;
    create(&settings, Topic::StockSync, "20000").await;
    let publisher = KafkaPublisher::new(settings.clone()).unwrap();
    let events: Vec<Envelope> = (0..2_500).map(|n| event(Topic::StockSync, n % 40, n, 1_000)).collect();
    let undelivered = tokio::time::timeout(PATIENCE, publisher.publish(events)).await.expect("it drains");
    assert!(undelivered.is_empty(), "{} were not taken, the first: {:?}", undelivered.len(), undelivered.first());
    let seen = times(&settings, Topic::StockSync).await;
    assert_eq!(seen.len(), 2_500);
    assert!(seen.values().all(|times| *times <= 2), "nothing again and again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_too_large_alone_is_the_only_one_that_is_refused() {
    let settings = settings().await;
    create(&settings, Topic::OrderCreated, "1500").await;
    let publisher = KafkaPublisher::new(settings.clone()).unwrap();
    let mut events: Vec<Envelope> = (0..60).map(|n| event(Topic::OrderCreated, n % 7, n, 300)).collect();
    events.extend((60..120).map(|n| event(Topic::OrderPaid, n % 7, n, 3_000)));
    events[31] = event(Topic::OrderCreated, 3, 31, 3_000);
    let undelivered = publisher.publish(events).await;
    let [refused] = undelivered.as_slice() else { panic!("one event, not {}", undelivered.len()) };
    assert_eq!(
        (refused.envelope.id.as_str(), refused.error.lasts, refused.error.code),
        ("00031", Lasts::Forever, "message_too_large")
    );
    assert_eq!(times(&settings, Topic::OrderCreated).await.len(), 59);
    let beside = times(&settings, Topic::OrderPaid).await;
    assert!(beside.len() == 60 && beside.values().all(|times| *times == 1), "another topic is not repeated: {beside:?}");
    // It is known from then on, and costs the others nothing.
    assert!(publisher.publish(vec![event(Topic::OrderCreated, 3, 200, 300)]).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_deleted_and_made_again_or_given_partitions_goes_on() {
    let settings = settings().await;
    let publisher = Arc::new(KafkaPublisher::new(settings.clone()).unwrap());
    let recorder = Recorder::new("survivor", Topic::OrderPaid);
    let stop = CancellationToken::new();
    let dispatcher = testing::dispatcher(recorder.clone(), Arc::new(MemoryDeadLetters::default()));
    let consumers = KafkaSubscriber::new(settings.clone(), publisher.clone()).start(vec![dispatcher], stop.clone());
    let publish = async |key: usize, id: usize| {
        wait_for("the event is taken", PATIENCE, async || {
            publish_all(publisher.as_ref(), vec![event(Topic::OrderPaid, key, id, 10)]).await.ok()
        })
        .await;
    };
    publish(1, 1).await;
    recorder.wait_for(1).await;

    let name = format!("{}order-paid", settings.topic_prefix);
    let grown = NewPartitions::new(&name, 6);
    admin(&settings).create_partitions(&[grown], &AdminOptions::new()).await.unwrap()[0].clone().unwrap();
    for key in 0..12 {
        publish(key, 100 + key).await;
    }
    wait_until("what stands in the new partitions is consumed", PATIENCE, async || recorder.handled().len() >= 13).await;

    admin(&settings).delete_topics(&[&name], &AdminOptions::new()).await.unwrap()[0].clone().unwrap();
    publish(1, 2).await;
    wait_until("the topic that was made again is consumed", PATIENCE, async || recorder.ids().contains(&"00002".to_owned())).await;
    stop.cancel();
    consumers.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_the_topics_is_said_in_words() {
    let settings = settings().await;
    let publisher = KafkaPublisher::new(settings.clone()).unwrap();
    let said = publisher.check().await.unwrap().join("; ");
    assert!(said.contains("missing") && said.contains(&format!("{}order-created", settings.topic_prefix)), "{said}");

    let name = format!("{}order-paid", settings.topic_prefix);
    let topic = NewTopic::new(&name, 3, TopicReplication::Fixed(1)).set("min.insync.replicas", "2");
    admin(&settings).create_topics(&[topic], &AdminOptions::new()).await.unwrap()[0].clone().unwrap();
    publisher.ensure_topics().await.unwrap();
    let publisher = KafkaPublisher::new(settings.clone()).unwrap();
    let said = publisher.check().await.unwrap().join("; ");
    assert!(said.contains("too few copies in sync") && said.contains(&name), "{said}");
    assert!(!said.contains("missing"), "{said}");
}
