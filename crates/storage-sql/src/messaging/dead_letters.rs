//! Events that could not be handled, kept for staff once per consumer and event.
//!
//! Contract: a letter that is replayed waits in a lane of its own, so that only the consumer that failed sees its event again.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, sea_query::Expr};
use sluice_events::{DeadLetter, DeadLetterId, DeadLetterStore, Envelope, LetterQuery, LetterState, Parking, Topic};
use sluice_kernel::{PortResult, Timestamp};

use super::{letters, parking};
use crate::{
    database::Database,
    error::{IntoPort as _, StoreError, StoreResult},
    page::read_newest,
    stored::Stored,
    table::dead_letters::{Column, Entity, Model},
    unit_of_work::UnitOfWork,
};

#[derive(Clone)]
pub struct SqlDeadLetterStore {
    database: Database,
}

impl SqlDeadLetterStore {
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

async fn replay(unit: &UnitOfWork, letter: &DeadLetter, now: Timestamp) -> StoreResult<()> {
    if !letters::mark_replaying(unit, letter.id, now).await? {
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
        self.database.transact(move |unit, _| letters::keep(unit, letter).boxed()).await.into_port("keeping a dead letter")
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
