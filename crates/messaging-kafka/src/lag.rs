//! How far each consumer is behind, measured apart from its loop, so that one that is stuck shows.

use std::{sync::Arc, time::Duration};

use rdkafka::{
    Offset,
    consumer::{Consumer as _, StreamConsumer},
    error::KafkaResult,
};
use sluice_events::Topic;
use tokio_util::sync::CancellationToken;

use crate::connection::Connection;

const EVERY: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(2);

/// Sets `sluice_consumer_lag` (events not yet committed on the partitions of this process) until `stop`.
pub async fn watch(consumer: Arc<StreamConsumer<Connection>>, topic: Topic, name: &'static str, stop: CancellationToken) {
    let gauge = metrics::gauge!("sluice_consumer_lag", "topic" => topic.name(), "consumer" => name);
    while stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
        let consumer = consumer.clone();
        match tokio::task::spawn_blocking(move || behind(&consumer)).await {
            Ok(Ok(events)) => gauge.set(f64::from(u32::try_from(events).unwrap_or(u32::MAX))),
            Ok(Err(error)) => tracing::debug!(consumer.name = name, error = %error, "The lag of a consumer is not known."),
            Err(failure) => tracing::warn!(consumer.name = name, error = %failure, "Measuring a consumer's lag broke down."),
        }
    }
}

fn behind(consumer: &StreamConsumer<Connection>) -> KafkaResult<i64> {
    let assigned = consumer.assignment()?;
    if assigned.count() == 0 {
        return Ok(0);
    }
    let committed = consumer.committed_offsets(assigned, PATIENCE)?;
    let mut events: i64 = 0;
    for element in committed.elements() {
        let (low, high) = consumer.fetch_watermarks(element.topic(), element.partition(), PATIENCE)?;
        let next = if let Offset::Offset(next) = element.offset() { next } else { low };
        events = events.saturating_add(high.saturating_sub(next.max(low)));
    }
    Ok(events)
}
