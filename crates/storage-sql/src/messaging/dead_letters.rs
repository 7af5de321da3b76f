//! Events that could not be handled, kept for staff once per consumer and event.
//!
//! Whatever a stranger put into an event fits: a part that is too long for its column stands there shortened, with a hash
//! of all of it, and the event as it came stands in `original`, from which it is replayed.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, EntityTrait as _, QueryFilter as _,
    sea_query::{Expr, ExprTrait as _},
};
use sluice_events::{DeadLetter, DeadLetterId, DeadLetterStore, Envelope, LetterQuery, LetterState, Parking, Topic, fitted};
use sluice_kernel::{PortResult, Timestamp};

use super::parking;
use crate::{
    database::Database,
    error::{IntoPort as _, StoreError, StoreResult},
    multi_row::MultiRow,
    page::read_newest,
    statement::Dialect,
    stored::Stored,
    table::dead_letters::{ActiveModel, Column, Entity, Model, New},
    unit_of_work::UnitOfWork,
};

/// One that stands already is dead again, with the newer failure.
static LETTERS: MultiRow<New> = MultiRow::with_tail(|dialect| {
    let attempts = match dialect {
        Dialect::Sqlite => "dead_letters.attempts + excluded.attempts",
        Dialect::MySql => "attempts + VALUES(attempts)",
    };
    let overwritten = ["error_code", "error_detail", "at", "replayed_at", "state"];
    format!("{}, attempts = {attempts}", dialect.overwrite_existing("consumer, event_id", &overwritten))
});

/// Characters of the columns.
const MAX_NAME: usize = 64;
const MAX_ID: usize = 96;
/// Characters of an error's text that are kept.
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

/// Keeps a letter in the transaction that gives its event up.
pub(super) async fn keep(unit: &UnitOfWork, letter: &DeadLetter) -> StoreResult<()> {
    LETTERS.run(unit, [new_letter(letter)?]).await?;
    Ok(())
}

fn new_letter(letter: &DeadLetter) -> StoreResult<New> {
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
    Ok(New {
        consumer: fitted(&letter.consumer, MAX_NAME),
        topic: envelope.topic.name().to_owned(),
        event_key: key,
        event_id: id,
        event_type: kind,
        event_time: Stored(envelope.time),
        traceparent: traceparent.map(str::to_owned),
        data: data.to_owned(),
        attempts: Stored(letter.attempts),
        error_code: fitted(&letter.error_code, MAX_NAME),
        error_detail: letter.error_detail.chars().take(MAX_DETAIL).collect(),
        at: Stored(letter.at),
        replayed_at: None,
        state: Stored(LetterState::Dead),
        replays: Stored(0),
        store_id: letter.store().map(|store| store.0),
        original,
    })
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
    let handled =
        ActiveModel { state: Set(Stored(LetterState::Handled)), replayed_at: Set(Some(Stored(now))), ..Default::default() };
    Entity::update_many().set(handled).filter(is_in(id, LetterState::Replaying)).exec(unit).await?;
    Ok(())
}

fn is_in(id: DeadLetterId, state: LetterState) -> Expr {
    Column::Id.eq(id.0).and(Column::State.eq(Stored(state)))
}

async fn replay(unit: &UnitOfWork, letter: &DeadLetter, now: Timestamp) -> StoreResult<()> {
    let replaying =
        ActiveModel { state: Set(Stored(LetterState::Replaying)), replayed_at: Set(Some(Stored(now))), ..Default::default() };
    let replaying = Entity::update_many().set(replaying).col_expr(Column::Replays, Expr::col(Column::Replays).add(1));
    if replaying.filter(is_in(letter.id, LetterState::Dead)).exec(unit).await?.rows_affected == 0 {
        // Somebody else has it tried again at this moment, and once is enough.
        return Ok(());
    }
    let lane = format!("letter {}", letter.id.0);
    let parking = Parking { lane, envelope: letter.envelope.clone(), attempts: 0 };
    parking::park(unit, &letter.consumer, &[parking], Some(letter.id), "", now, now).await
}

fn dead_letter(row: Model) -> StoreResult<DeadLetter> {
    let envelope = match row.original {
        Some(original) => serde_json::from_str(&original)?,
        None => Envelope {
            topic: Topic::parse(&row.topic).ok_or(StoreError::Corrupt("dead_letters.topic"))?,
            key: row.event_key,
            id: row.event_id,
            kind: row.event_type.into(),
            time: row.event_time.0,
            traceparent: row.traceparent,
            data: row.data,
        },
    };
    Ok(DeadLetter {
        id: DeadLetterId(row.id),
        consumer: row.consumer,
        envelope,
        attempts: row.attempts.0,
        error_code: row.error_code,
        error_detail: row.error_detail,
        at: row.at.0,
        state: row.state.0,
        replays: row.replays.0,
        replayed_at: row.replayed_at.map(|at| at.0),
    })
}

#[async_trait]
impl DeadLetterStore for SqlDeadLetterStore {
    async fn keep(&self, letter: &DeadLetter) -> PortResult<()> {
        self.database.transact(move |unit, _| keep(unit, letter).boxed()).await.into_port("keeping a dead letter")
    }

    async fn list(&self, query: LetterQuery) -> PortResult<Vec<DeadLetter>> {
        let mut wanted = Entity::find();
        if let Some(store) = query.store {
            wanted = wanted.filter(Column::StoreId.eq(store.0));
        }
        if let Some(topic) = query.topic {
            wanted = wanted.filter(Column::Topic.eq(topic.name()));
        }
        if let Some(state) = query.state {
            wanted = wanted.filter(Column::State.eq(Stored(state)));
        }
        let (after, most) = (query.after.map(|after| after.0), usize::try_from(query.limit).unwrap_or(usize::MAX));
        let order = (Column::Id, Expr::col(Column::Id));
        read_newest(&self.database, wanted, order, after, most, dead_letter).await.into_port("reading dead letters")
    }

    async fn find(&self, id: DeadLetterId) -> PortResult<Option<DeadLetter>> {
        let found = Entity::find_by_id(id.0).one(&self.database).await.into_port("reading a dead letter")?;
        found.map(dead_letter).transpose().into_port("reading a dead letter")
    }

    async fn replay(&self, id: DeadLetterId, now: Timestamp) -> PortResult<Option<DeadLetter>> {
        let Some(letter) = self.find(id).await? else { return Ok(None) };
        if letter.state != LetterState::Dead {
            return Ok(Some(letter));
        }
        let letter = &letter;
        self.database.transact(move |unit, _| replay(unit, letter, now).boxed()).await.into_port("replaying a dead letter")?;
        self.find(id).await
    }
}
