//! A consumer that is stuck shows how far it is behind. Alone in its file: the metrics' recorder is one per process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::{sync::Arc, time::Duration};

use metrics_exporter_prometheus::PrometheusBuilder;
use sluice_events::{
    Subscriber as _, Topic, publish_all,
    testing::{self, MemoryDeadLetters, Recorder},
};
use sluice_kernel::ErrorKind;
use sluice_messaging_kafka::{KafkaPublisher, KafkaSettings, KafkaSubscriber};
use sluice_testkit::{Kafka, unique_prefix, wait_until};
use tokio_util::sync::CancellationToken;

#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_consumer_shows_its_lag() {
    let metrics = PrometheusBuilder::new().install_recorder().unwrap();
    let prefix = unique_prefix();
    let bootstrap = Kafka::shared().await.bootstrap();
    let settings = KafkaSettings { topic_prefix: prefix.clone(), group_prefix: prefix, ..KafkaSettings::new(bootstrap) };
    let publisher = Arc::new(KafkaPublisher::new(settings.clone()).unwrap());
    let stuck = Recorder::failing("stuck", Topic::StockSync, |event, _| (event.id != "0").then_some(ErrorKind::Unavailable));
    let stop = CancellationToken::new();
    let dispatcher = testing::dispatcher(stuck.clone(), Arc::new(MemoryDeadLetters::default()));
    let consumers = KafkaSubscriber::new(settings, publisher.clone()).start(vec![dispatcher], stop.clone());

    publish_all(publisher.as_ref(), vec![testing::envelope(Topic::StockSync, "0", "0")]).await.unwrap();
    stuck.wait_for(1).await;
    let events = (1..=12).map(|n| testing::envelope(Topic::StockSync, &format!("{n}"), &format!("{n}"))).collect();
    publish_all(publisher.as_ref(), events).await.unwrap();
    wait_until("the lag of twelve events shows", Duration::from_mins(1), async || {
        metrics.render().contains("sluice_consumer_lag{topic=\"stock-sync\",consumer=\"stuck\"} 12")
    })
    .await;
    stop.cancel();
    consumers.await.unwrap();
}
