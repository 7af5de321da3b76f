//! Kafka keeps the contract of every bus, on a real broker; what is Kafka's own is asked of the broker itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::{collections::HashMap, sync::Arc, time::Duration};

use rdkafka::{
    ClientConfig, Message as _,
    consumer::{BaseConsumer, Consumer as _},
    message::{Header, Headers as _, OwnedHeaders, OwnedMessage},
    producer::{FutureProducer, FutureRecord},
};
use sluice_events::{
    Lasts, Publisher as _, Subscriber, Topic, publish_all,
    testing::{self, Bus, CASES, MemoryDeadLetters, Recorder},
};
use sluice_kernel::ErrorKind;
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

fn bus(settings: &KafkaSettings) -> (Arc<KafkaPublisher>, KafkaSubscriber) {
    let publisher = Arc::new(KafkaPublisher::new(settings.clone()).unwrap());
    (publisher.clone(), KafkaSubscriber::new(settings.clone(), publisher))
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_of_every_bus() {
    let mut cases = tokio::task::JoinSet::new();
    for (_, case) in CASES {
        let (publisher, subscriber) = bus(&settings().await);
        cases.spawn(case(Bus { publisher, subscriber: Arc::new(subscriber) }));
    }
    cases.join_all().await;
}

/// Reads the first message of a topic as an independent client does.
async fn first_message(topic: String) -> OwnedMessage {
    let brokers = Kafka::shared().await.bootstrap();
    let read = move || {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers).set("group.id", format!("{topic}-reader")).set("auto.offset.reset", "earliest");
        let reader: BaseConsumer = config.create().unwrap();
        reader.subscribe(&[&topic]).unwrap();
        let end = std::time::Instant::now() + PATIENCE;
        while std::time::Instant::now() < end {
            if let Some(Ok(message)) = reader.poll(Duration::from_millis(100)) {
                return message.detach();
            }
        }
        panic!("no message came on {topic}");
    };
    tokio::task::spawn_blocking(read).await.unwrap()
}

fn headers(message: &OwnedMessage) -> HashMap<String, String> {
    let headers = message.headers().unwrap().iter();
    headers.map(|header| (header.key.to_owned(), String::from_utf8(header.value.unwrap().to_vec()).unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_a_cloud_event_in_binary_mode() {
    let settings = settings().await;
    let (publisher, _) = bus(&settings);
    let mut event = testing::envelope(Topic::OrderPaid, "17", "17-1/paid");
    event.traceparent = Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned());
    publish_all(publisher.as_ref(), vec![event.clone()]).await.unwrap();

    let message = first_message(format!("{}order-paid", settings.topic_prefix)).await;
    assert_eq!(message.key(), Some("17".as_bytes()));
    assert_eq!(message.payload(), Some(event.data.as_bytes()));
    let expected = [
        ("ce_specversion", "1.0"),
        ("ce_id", "17-1/paid"),
        ("ce_type", "sluice.test.v1"),
        ("ce_source", "/sluice"),
        ("ce_time", "2026-11-22T00:00:00.123Z"),
        ("ce_subject", "17"),
        ("content-type", "application/json"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ];
    assert_eq!(headers(&message), expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    assert_eq!(publisher.check().await.unwrap(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_goes_to_its_topic_with_where_it_came_from_and_why() {
    let settings = settings().await;
    let (publisher, subscriber) = bus(&settings);
    let letters = Arc::new(MemoryDeadLetters::default());
    let picky = Recorder::failing("picky", Topic::StockSync, |_, _| Some(ErrorKind::Conflict));
    let stop = CancellationToken::new();
    let consumers = subscriber.start(vec![testing::dispatcher(picky, letters.clone())], stop.clone());
    publish_all(publisher.as_ref(), vec![testing::envelope(Topic::StockSync, "7", "1-1/reserve/7")]).await.unwrap();

    let message = first_message(format!("{}stock-sync.dlq", settings.topic_prefix)).await;
    let headers = headers(&message);
    let told = |name: &str| headers.get(name).map(String::as_str);
    assert_eq!(message.key(), Some("7".as_bytes()));
    assert_eq!((told("ce_id"), told("ce_type")), (Some("1-1/reserve/7"), Some("sluice.test.v1")));
    assert_eq!(told("dlq_topic"), Some(format!("{}stock-sync", settings.topic_prefix).as_str()));
    assert_eq!((told("dlq_offset"), told("dlq_attempts")), (Some("0"), Some("3")));
    assert_eq!((told("dlq_error_code"), told("dlq_consumer")), (Some("scripted"), Some("picky")));
    assert!(told("dlq_partition").is_some());
    assert_eq!(letters.all().len(), 1);
    stop.cancel();
    consumers.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_no_event_is_put_aside_and_holds_nobody() {
    let settings = settings().await;
    let (publisher, subscriber) = bus(&settings);
    publisher.ensure_topics().await.unwrap();
    let foreign: FutureProducer = ClientConfig::new().set("bootstrap.servers", &settings.brokers).create().unwrap();
    let topic = format!("{}order-created", settings.topic_prefix);
    let headers = OwnedHeaders::new().insert(Header { key: "ce_id", value: Some("x") });
    let record = FutureRecord::to(&topic).key("k").payload(&b"\xff not ours"[..]).headers(headers).partition(0);
    foreign.send(record, PATIENCE).await.unwrap();
    let bare: FutureRecord<'_, str, str> = FutureRecord::to(&topic).partition(0);
    foreign.send(bare, PATIENCE).await.unwrap();
    publish_all(publisher.as_ref(), vec![testing::envelope(Topic::OrderCreated, "k", "good")]).await.unwrap();

    let letters = Arc::new(MemoryDeadLetters::default());
    letters.fail_next(1);
    let recorder = Recorder::new("reader", Topic::OrderCreated);
    let stop = CancellationToken::new();
    let consumers = subscriber.start(vec![testing::dispatcher(recorder.clone(), letters.clone())], stop.clone());
    recorder.wait_for(1).await;
    wait_until("both unreadable messages are kept", PATIENCE, async || letters.all().len() == 2).await;
    assert!(letters.all().iter().all(|letter| letter.error_code == "unreadable_event"));
    assert_eq!(letters.all()[0].envelope.id, format!("{topic}/0/0"));
    assert_eq!(first_message(format!("{topic}.dlq")).await.payload(), Some(&b"\xff not ours"[..]));
    stop.cancel();
    consumers.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_settled_does_not_come_again_and_what_was_not_does() {
    let settings = settings().await;
    let (publisher, subscriber) = bus(&settings);
    let event = |id: &str| testing::envelope(Topic::OrderCreated, "k", id);
    let letters = Arc::new(MemoryDeadLetters::default());

    let first = Recorder::failing("group", Topic::OrderCreated, |event, _| (event.id == "2").then_some(ErrorKind::Unavailable));
    let stop = CancellationToken::new();
    let consumers = subscriber.start(vec![testing::dispatcher(first.clone(), letters.clone())], stop.clone());
    publish_all(publisher.as_ref(), vec![event("1")]).await.unwrap();
    first.wait_for(1).await;
    publish_all(publisher.as_ref(), vec![event("2"), event("3")]).await.unwrap();
    wait_until("the second event is tried", PATIENCE, async || first.tries("2") > 0).await;
    stop.cancel();
    consumers.await.unwrap();

    // The group is free at once: the first consumer left it.
    let second = Recorder::new("group", Topic::OrderCreated);
    let stop = CancellationToken::new();
    let consumers = subscriber.start(vec![testing::dispatcher(second.clone(), letters.clone())], stop.clone());
    second.wait_for(2).await;
    assert_eq!(second.ids(), ["2", "3"]);
    stop.cancel();
    consumers.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn consumers_that_come_and_go_lose_nothing() {
    let settings = settings().await;
    let (publisher, subscriber) = bus(&settings);
    let letters = Arc::new(MemoryDeadLetters::default());
    let start = || {
        let (recorder, stop) = (Recorder::new("shared", Topic::StockSync), CancellationToken::new());
        let consumers = subscriber.start(vec![testing::dispatcher(recorder.clone(), letters.clone())], stop.clone());
        (recorder, stop, consumers)
    };
    let stays = start();
    let publishing = tokio::spawn(async move {
        for n in 0..2_000 {
            publish_all(publisher.as_ref(), vec![testing::envelope(Topic::StockSync, &format!("{}", n % 30), &format!("{n}"))])
                .await
                .unwrap();
        }
    });
    stays.0.wait_for(10).await;
    let goes = start();
    goes.0.wait_for(10).await;
    goes.1.cancel();
    goes.2.await.unwrap();
    publishing.await.unwrap();
    wait_until("every event was handled by one of them", PATIENCE, async || {
        let seen: std::collections::HashSet<String> = stays.0.ids().into_iter().chain(goes.0.ids()).collect();
        seen.len() == 2_000
    })
    .await;
    stays.1.cancel();
    stays.2.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_stops_nobody() {
    let kafka = Kafka::start().await;
    kafka.kill().await;
    let settings = KafkaSettings { delivery_timeout: Duration::from_secs(3), ..KafkaSettings::new(kafka.bootstrap()) };
    let (publisher, subscriber) = bus(&settings);
    let recorder = Recorder::new("waiting", Topic::OrderCreated);
    let stop = CancellationToken::new();
    let letters = Arc::new(MemoryDeadLetters::default());
    let consumers = subscriber.start(vec![testing::dispatcher(recorder.clone(), letters)], stop.clone());
    let event = |id: &str| vec![testing::envelope(Topic::OrderCreated, "k", id)];

    let refused = publisher.publish(event("lost")).await;
    assert!(matches!(&refused[..], [one] if one.error.lasts == Lasts::Passing), "{refused:?}");
    publisher.check().await.unwrap_err();

    kafka.restart().await;
    wait_for("the broker is back", PATIENCE, async || publish_all(publisher.as_ref(), event("1")).await.ok()).await;
    recorder.wait_for(1).await;

    kafka.kill().await;
    assert_eq!(publisher.publish(event("lost")).await.len(), 1);
    kafka.restart().await;
    wait_for("the broker is back", PATIENCE, async || publish_all(publisher.as_ref(), event("2")).await.ok()).await;
    wait_until("the consumer goes on", PATIENCE, async || recorder.ids().contains(&"2".to_owned())).await;
    stop.cancel();
    consumers.await.unwrap();
}

/// How long an event takes from the outbox's side of the bus to a consumer that has nothing else to do.
#[tokio::test(flavor = "multi_thread")]
async fn an_idle_bus_is_prompt() {
    let settings = settings().await;
    let (publisher, subscriber) = bus(&settings);
    let recorder = Recorder::new("prompt", Topic::AutoCancel);
    let stop = CancellationToken::new();
    let letters = Arc::new(MemoryDeadLetters::default());
    let consumers = subscriber.start(vec![testing::dispatcher(recorder.clone(), letters)], stop.clone());
    publish_all(publisher.as_ref(), vec![testing::envelope(Topic::AutoCancel, "k", "warm")]).await.unwrap();
    recorder.wait_for(1).await;
    let mut took = Vec::new();
    for n in 0..20 {
        let begun = std::time::Instant::now();
        publish_all(publisher.as_ref(), vec![testing::envelope(Topic::AutoCancel, &format!("{n}"), &format!("{n}"))])
            .await
            .unwrap();
        recorder.wait_for(n + 2).await;
        took.push(begun.elapsed());
    }
    took.sort();
    println!("median {:?}, slowest {:?}", took[10], took[19]);
    assert!(took[10] < Duration::from_millis(250), "an event on an idle bus takes {:?}", took[10]);
    stop.cancel();
    consumers.await.unwrap();
}
