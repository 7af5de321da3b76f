//! Events that could not be handled, kept for staff once per consumer and event.
//!
//! Whatever a stranger put into an event fits: a part that is too long for its column stands there shortened, with a hash
//! of all of it, and the event as it came stands in `original`, from which it is replayed.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sea_orm::{QueryResult, Value};
use sluice_events::{DeadLetter, DeadLetterId, DeadLetterStore, Envelope, LetterQuery, LetterState, Parking, Topic, fitted};
use sluice_kernel::{PortResult, Timestamp};

use super::parking;
use crate::{
    database::Database,
    error::{StoreError, StoreResult},
    page::read_newest,
    statement::{Dialect, insert_into},
    unit_of_work::UnitOfWork,
};

const COLUMNS: [&str; 17] = [
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
    "state",
    "replays",
    "store_id",
    "original",
];

/// Characters of the columns.
const MAX_NAME: usize = 64;
const MAX_ID: usize = 96;
/// Characters of an error's story that are kept.
const MAX_DETAIL: usize = 4_000;
/// Bytes of a payload that are kept: what no broker is set to take, and a fraction of what a database does.
const MAX_DATA: usize = 4 * 1024 * 1024;

#[derive(Clone)]
pub struct SqlDeadLetterStore {
    database: Database,
}

impl SqlDeadLetterStore {
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

fn select(filter: &str) -> String {
    format!("SELECT id, {} FROM dead_letters WHERE {filter}", COLUMNS.join(", "))
}

fn state_code(state: LetterState) -> i64 {
    match state {
        LetterState::Dead => 0,
        LetterState::Replaying => 1,
        LetterState::Handled => 2,
    }
}

/// The statement that keeps a letter; one that stands already is dead again, with the newer failure.
pub(super) fn insert(dialect: Dialect, letter: &DeadLetter) -> StoreResult<(String, Vec<Value>)> {
    let again = match dialect {
        Dialect::Sqlite => {
            " ON CONFLICT (consumer, event_id) DO UPDATE SET attempts = dead_letters.attempts + excluded.attempts, \
             error_code = excluded.error_code, error_detail = excluded.error_detail, at = excluded.at, replayed_at = NULL, state = 0"
        }
        Dialect::MySql => {
            " ON DUPLICATE KEY UPDATE attempts = attempts + VALUES(attempts), error_code = VALUES(error_code), \
             error_detail = VALUES(error_detail), at = VALUES(at), replayed_at = NULL, state = 0"
        }
    };
    let envelope = &letter.envelope;
    let key = fitted(&envelope.key, MAX_NAME);
    let id = fitted(&envelope.id, MAX_ID);
    let kind = fitted(&envelope.kind, MAX_ID);
    let traceparent = envelope.traceparent.as_deref().filter(|text| text.chars().count() <= MAX_NAME);
    let data = kept_data(&envelope.data);
    let fits = key == envelope.key
        && id == envelope.id
        && kind == envelope.kind
        && traceparent == envelope.traceparent.as_deref()
        && data == envelope.data;
    // Of a payload beyond the bound the beginning stays, for the eye; the bus keeps the rest in its topic of dead letters.
    let whole = data.len() == envelope.data.len();
    let original = if fits || !whole { None } else { Some(serde_json::to_string(envelope)?) };
    let values = vec![
        fitted(&letter.consumer, MAX_NAME).into(),
        envelope.topic.name().into(),
        key.into(),
        id.into(),
        kind.into(),
        envelope.time.as_millis().into(),
        traceparent.into(),
        data.into(),
        i64::from(letter.attempts).into(),
        fitted(&letter.error_code, MAX_NAME).into(),
        letter.error_detail.chars().take(MAX_DETAIL).collect::<String>().into(),
        letter.at.as_millis().into(),
        None::<i64>.into(),
        state_code(LetterState::Dead).into(),
        0_i64.into(),
        letter.store().map(|store| store.0).into(),
        original.into(),
    ];
    Ok((insert_into("dead_letters", &COLUMNS, 1) + again, values))
}

fn kept_data(data: &str) -> &str {
    if data.len() <= MAX_DATA {
        return data;
    }
    let end = (0..=MAX_DATA).rev().find(|end| data.is_char_boundary(*end)).unwrap_or(0);
    data.get(..end).unwrap_or_default()
}

/// A replay has ended well.
pub(super) async fn handled(unit: &UnitOfWork, id: DeadLetterId, now: Timestamp) -> StoreResult<()> {
    let update = "UPDATE dead_letters SET state = 2, replayed_at = ? WHERE id = ? AND state = 1";
    unit.execute(update, vec![now.as_millis().into(), id.0.into()]).await?;
    Ok(())
}

async fn replay(unit: &UnitOfWork, letter: &DeadLetter, now: Timestamp) -> StoreResult<()> {
    let update = "UPDATE dead_letters SET state = 1, replays = replays + 1, replayed_at = ? WHERE id = ? AND state = 0";
    if unit.execute(update, vec![now.as_millis().into(), letter.id.0.into()]).await? == 0 {
        // Somebody else has it tried again at this moment, and once is enough.
        return Ok(());
    }
    let lane = format!("letter {}", letter.id.0);
    let parking = Parking { lane, envelope: letter.envelope.clone(), attempts: 0 };
    parking::park(unit, &letter.consumer, &[parking], Some(letter.id), "", now, now).await
}

fn dead_letter(row: &QueryResult) -> StoreResult<DeadLetter> {
    let topic: String = row.try_get_by("topic")?;
    let original: Option<String> = row.try_get_by("original")?;
    let envelope = match original {
        Some(original) => serde_json::from_str(&original)?,
        None => Envelope {
            topic: Topic::parse(&topic).ok_or(StoreError::Corrupt("dead_letters.topic"))?,
            key: row.try_get_by("event_key")?,
            id: row.try_get_by("event_id")?,
            kind: row.try_get_by::<String, _>("event_type")?.into(),
            time: Timestamp::from_millis(row.try_get_by("event_time")?),
            traceparent: row.try_get_by("traceparent")?,
            data: row.try_get_by("data")?,
        },
    };
    let number = |column: &'static str| -> StoreResult<u32> {
        u32::try_from(row.try_get_by::<i64, _>(column)?).map_err(|_| StoreError::Corrupt("dead_letters.attempts"))
    };
    let code: i64 = row.try_get_by("state")?;
    let state = LetterState::ALL.into_iter().find(|state| state_code(*state) == code);
    Ok(DeadLetter {
        id: DeadLetterId(row.try_get_by("id")?),
        consumer: row.try_get_by("consumer")?,
        envelope,
        attempts: number("attempts")?,
        error_code: row.try_get_by("error_code")?,
        error_detail: row.try_get_by("error_detail")?,
        at: Timestamp::from_millis(row.try_get_by("at")?),
        state: state.ok_or(StoreError::Corrupt("dead_letters.state"))?,
        replays: number("replays")?,
        replayed_at: row.try_get_by::<Option<i64>, _>("replayed_at")?.map(Timestamp::from_millis),
    })
}

#[async_trait]
impl DeadLetterStore for SqlDeadLetterStore {
    async fn keep(&self, letter: &DeadLetter) -> PortResult<()> {
        let kept = async {
            let (statement, values) = insert(self.database.dialect(), letter)?;
            self.database.execute(statement, values).await
        };
        kept.await.map(|_| ()).map_err(|error| error.into_port("keeping a dead letter"))
    }

    async fn list(&self, query: LetterQuery) -> PortResult<Vec<DeadLetter>> {
        let mut filter = String::from("id < ?");
        let mut values: Vec<Value> = Vec::new();
        if let Some(store) = query.store {
            filter.push_str(" AND store_id = ?");
            values.push(store.0.into());
        }
        if let Some(topic) = query.topic {
            filter.push_str(" AND topic = ?");
            values.push(topic.name().into());
        }
        if let Some(state) = query.state {
            filter.push_str(" AND state = ?");
            values.push(state_code(state).into());
        }
        let select = format!("{} ORDER BY id DESC LIMIT ?", select(&filter));
        let statement = |after: i64, limit: i64| {
            let values = [after.into()].into_iter().chain(values.iter().cloned()).chain([limit.into()]);
            (select.clone(), values.collect())
        };
        let (after, most) = (query.after.map(|after| after.0), usize::try_from(query.limit).unwrap_or(usize::MAX));
        let found = read_newest(&self.database, "dead_letters", "id", after, most, statement, dead_letter).await;
        found.map_err(|error| error.into_port("reading dead letters"))
    }

    async fn find(&self, id: DeadLetterId) -> PortResult<Option<DeadLetter>> {
        let found = self.database.row(select("id = ?"), vec![id.0.into()]).await;
        let letter = found.and_then(|row| row.as_ref().map(dead_letter).transpose());
        letter.map_err(|error| error.into_port("reading a dead letter"))
    }

    async fn replay(&self, id: DeadLetterId, now: Timestamp) -> PortResult<Option<DeadLetter>> {
        let Some(letter) = self.find(id).await? else { return Ok(None) };
        if letter.state != LetterState::Dead {
            return Ok(Some(letter));
        }
        let letter = &letter;
        self.database.transact("replaying a dead letter", move |unit, _| replay(unit, letter, now).boxed()).await?;
        self.find(id).await
    }
}
