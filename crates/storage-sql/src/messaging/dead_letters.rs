//! Events that could not be handled, kept for staff once per consumer and event.

use async_trait::async_trait;
use sea_orm::{QueryResult, Value};
use sluice_events::{DeadLetter, DeadLetterId, DeadLetterStore, Envelope, Topic};
use sluice_kernel::{PortResult, Timestamp};

use crate::{
    database::Database,
    error::{StoreError, StoreResult},
    statement::{Dialect, insert_into},
};

const COLUMNS: [&str; 13] = [
    "consumer",
    "topic",
    "event_key",
    "event_id",
    "event_type",
    "event_time",
    "traceparent",
    "data",
    "attempts",
    "error_code",
    "error_detail",
    "at",
    "replayed_at",
];

/// Characters of an error's story that are kept.
const MOST_DETAIL: usize = 4_000;

#[derive(Clone)]
pub struct SqlDeadLetterStore {
    database: Database,
}

impl SqlDeadLetterStore {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    async fn read(&self, filter: &str, values: Vec<Value>) -> StoreResult<Vec<DeadLetter>> {
        let select = format!("SELECT id, {} FROM dead_letters WHERE {filter}", COLUMNS.join(", "));
        self.database.rows(select, values).await?.iter().map(dead_letter).collect()
    }
}

/// The statement that keeps a letter, unless it is kept already.
pub(super) fn insert(dialect: Dialect, letter: &DeadLetter) -> (String, Vec<Value>) {
    let statement = insert_into("dead_letters", &COLUMNS, 1) + &dialect.keep_existing("consumer, event_id");
    let values = vec![
        letter.consumer.as_str().into(),
        letter.envelope.topic.name().into(),
        letter.envelope.key.as_str().into(),
        letter.envelope.id.as_str().into(),
        letter.envelope.kind.as_ref().into(),
        letter.envelope.time.as_millis().into(),
        letter.envelope.traceparent.clone().into(),
        letter.envelope.data.as_str().into(),
        i64::from(letter.attempts).into(),
        letter.error_code.as_str().into(),
        letter.error_detail.chars().take(MOST_DETAIL).collect::<String>().into(),
        letter.at.as_millis().into(),
        letter.replayed_at.map(Timestamp::as_millis).into(),
    ];
    (statement, values)
}

fn dead_letter(row: &QueryResult) -> StoreResult<DeadLetter> {
    let topic: String = row.try_get_by("topic")?;
    Ok(DeadLetter {
        id: DeadLetterId(row.try_get_by("id")?),
        consumer: row.try_get_by("consumer")?,
        envelope: Envelope {
            topic: Topic::parse(&topic).ok_or(StoreError::Corrupt("dead_letters.topic"))?,
            key: row.try_get_by("event_key")?,
            id: row.try_get_by("event_id")?,
            kind: row.try_get_by::<String, _>("event_type")?.into(),
            time: Timestamp::from_millis(row.try_get_by("event_time")?),
            traceparent: row.try_get_by("traceparent")?,
            data: row.try_get_by("data")?,
        },
        attempts: u32::try_from(row.try_get_by::<i64, _>("attempts")?).map_err(|_| StoreError::Corrupt("dead_letters.attempts"))?,
        error_code: row.try_get_by("error_code")?,
        error_detail: row.try_get_by("error_detail")?,
        at: Timestamp::from_millis(row.try_get_by("at")?),
        replayed_at: row.try_get_by::<Option<i64>, _>("replayed_at")?.map(Timestamp::from_millis),
    })
}

#[async_trait]
impl DeadLetterStore for SqlDeadLetterStore {
    async fn keep(&self, letter: &DeadLetter) -> PortResult<()> {
        let (statement, values) = insert(self.database.dialect(), letter);
        let kept = self.database.execute(statement, values).await;
        kept.map(|_| ()).map_err(|error| error.into_port("keeping a dead letter"))
    }

    async fn list(&self, topic: Option<Topic>, after: Option<i64>, limit: u32) -> PortResult<Vec<DeadLetter>> {
        let mut values: Vec<Value> = vec![after.unwrap_or(i64::MAX).into()];
        let filter = match topic {
            None => "id < ? ORDER BY id DESC LIMIT ?",
            Some(topic) => {
                values.push(topic.name().into());
                "id < ? AND topic = ? ORDER BY id DESC LIMIT ?"
            }
        };
        values.push(i64::from(limit).into());
        self.read(filter, values).await.map_err(|error| error.into_port("reading dead letters"))
    }

    async fn find(&self, id: DeadLetterId) -> PortResult<Option<DeadLetter>> {
        let found = self.read("id = ?", vec![id.0.into()]).await;
        found.map(|rows| rows.into_iter().next()).map_err(|error| error.into_port("reading a dead letter"))
    }

    async fn mark_replayed(&self, id: DeadLetterId, now: Timestamp) -> PortResult<()> {
        let update = "UPDATE dead_letters SET replayed_at = ? WHERE id = ?";
        let marked = self.database.execute(update, vec![now.as_millis().into(), id.0.into()]).await;
        marked.map(|_| ()).map_err(|error| error.into_port("marking a dead letter"))
    }
}
