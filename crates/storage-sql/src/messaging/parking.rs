//! Lanes of events that stepped aside.
//!
//! Contract: whoever adds to a lane or takes from it holds its row, so a lane is gone exactly when nothing waits in it, and
//! its events leave in the order of their ids.

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, ExprTrait as _},
};
use sluice_events::{DeadLetterId, Lane, Leaving, ParkedEvent, ParkedStore, Parking};
use sluice_kernel::{PortResult, Timestamp};

use super::letters;
use crate::{
    database::Database,
    error::{IntoPort as _, StoreError, StoreResult},
    multi_row::{InList, MultiRow},
    statement::padded,
    stored::Stored,
    table::{
        parked_events,
        parked_lanes::{ActiveModel, Column, Entity, New},
    },
    unit_of_work::UnitOfWork,
};

static EVENTS: MultiRow<parked_events::New> = MultiRow::insert();
static LANES: MultiRow<New> = MultiRow::with_tail(|dialect| dialect.keep_existing("owner, lane"));
static GONE: InList = InList::new(|| "DELETE FROM parked_events".to_owned(), "id");
/// Characters of an error's text that are kept.
const MAX_DETAIL: usize = 4_000;

#[derive(Clone)]
pub struct SqlParkedStore {
    database: Database,
}

impl SqlParkedStore {
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

/// Puts events at the ends of their lanes inside a transaction.
pub(super) async fn park(
    unit: &UnitOfWork,
    owner: &str,
    events: &[Parking],
    letter: Option<DeadLetterId>,
    error: &str,
    now: Timestamp,
    next_try: Timestamp,
) -> StoreResult<()> {
    // Lanes in one order, so that two who park wait for each other at most.
    let mut lanes: BTreeMap<&str, i64> = events.iter().map(|event| (event.lane.as_str(), 0)).collect();
    for (name, id) in &mut lanes {
        *id = lane(unit, owner, name, error, next_try).await?;
    }
    let mut rows = Vec::with_capacity(events.len());
    for event in events {
        rows.push(parked_events::New {
            lane_id: lanes.get(event.lane.as_str()).copied().unwrap_or_default(),
            envelope: serde_json::to_string(&event.envelope)?,
            attempts: Stored(event.attempts),
            parked_at: Stored(now),
            letter_id: letter.map(|letter| letter.0),
        });
    }
    EVENTS.run(unit, rows).await?;
    Ok(())
}

/// The lane's row, made where there is none, and locked.
async fn lane(unit: &UnitOfWork, owner: &str, name: &str, error: &str, next_try: Timestamp) -> StoreResult<i64> {
    let row = New {
        owner: owner.to_owned(),
        lane: name.to_owned(),
        tries: Stored(0),
        next_try_at: Stored(next_try),
        error: error.chars().take(MAX_DETAIL).collect(),
    };
    LANES.run(unit, [row]).await?;
    let wanted = Entity::find().filter(Column::Owner.eq(owner).and(Column::Lane.eq(name))).lock_exclusive();
    Ok(wanted.one(unit).await?.ok_or(StoreError::Corrupt("parked_lanes.lane"))?.id)
}

/// The first of a lane's events.
async fn first(unit: &UnitOfWork, lane: &Lane) -> StoreResult<Option<i64>> {
    let events = parked_events::Entity::find().select_only().column(parked_events::Column::Id);
    let events = events.filter(parked_events::Column::LaneId.eq(lane.id)).order_by_asc(parked_events::Column::Id).limit(1);
    Ok(events.into_tuple().one(unit).await?)
}

/// Returns true where the lane is gone.
async fn leave(unit: &UnitOfWork, lane: &Lane, leaving: &[Leaving], now: Timestamp) -> StoreResult<bool> {
    let row = Entity::find_by_id(lane.id).lock_exclusive().one(unit).await?;
    for gone in leaving {
        match (&gone.dead_letter, gone.event.letter) {
            (Some(letter), _) => letters::keep(unit, letter).await?,
            (None, Some(letter)) => letters::mark_handled(unit, letter, now).await?,
            (None, None) => {}
        }
    }
    let ids: Vec<i64> = leaving.iter().map(|gone| gone.event.id).collect();
    GONE.execute(unit, &ids).await?;
    if first(unit, lane).await?.is_none() {
        Entity::delete_by_id(lane.id).exec(unit).await?;
        return Ok(true);
    }
    if row.is_some_and(|row| row.next_try_at.0 == lane.until) {
        let due = ActiveModel { tries: Set(Stored(0)), next_try_at: Set(Stored(now)), ..Default::default() };
        Entity::update_many().set(due).filter(Column::Id.eq(lane.id)).exec(unit).await?;
    }
    Ok(false)
}

async fn postpone(unit: &UnitOfWork, lane: &Lane, attempts: u32, error: &str, next_try: Timestamp) -> StoreResult<()> {
    let later = ActiveModel {
        next_try_at: Set(Stored(next_try)),
        error: Set(error.chars().take(MAX_DETAIL).collect()),
        ..Default::default()
    };
    let later = Entity::update_many().set(later).col_expr(Column::Tries, Expr::col(Column::Tries).add(1));
    let held = Column::Id.eq(lane.id).and(Column::NextTryAt.eq(Stored(lane.until)));
    if later.filter(held).exec(unit).await?.rows_affected == 0 {
        return Ok(());
    }
    if let Some(id) = first(unit, lane).await? {
        let tried = parked_events::ActiveModel { attempts: Set(Stored(attempts)), ..Default::default() };
        parked_events::Entity::update_many().set(tried).filter(parked_events::Column::Id.eq(id)).exec(unit).await?;
    }
    Ok(())
}

fn parked(row: &parked_events::Model) -> StoreResult<ParkedEvent> {
    Ok(ParkedEvent {
        id: row.id,
        envelope: serde_json::from_str(&row.envelope)?,
        attempts: row.attempts.0,
        parked_at: row.parked_at.0,
        letter: row.letter_id.map(DeadLetterId),
    })
}

impl SqlParkedStore {
    async fn read_lanes(&self, limit: u32) -> StoreResult<Vec<(String, String)>> {
        // Of many lanes only their names: each keeps an error's text beside.
        let names = Entity::find().select_only().columns([Column::Owner, Column::Lane]);
        Ok(names.order_by_asc(Column::Id).limit(u64::from(limit)).into_tuple().all(&self.database).await?)
    }

    async fn take(&self, owners: &[&str], now: Timestamp, until: Timestamp, limit: u32) -> StoreResult<Vec<Lane>> {
        if owners.is_empty() {
            return Ok(Vec::new());
        }
        let due = Column::Owner.is_in(padded(owners)).and(Column::NextTryAt.lte(Stored(now)));
        let due = Entity::find().filter(due).order_by_asc(Column::NextTryAt).limit(u64::from(limit));
        let mut taken = Vec::new();
        for row in due.all(&self.database).await? {
            // Whoever changes the time first has the lane.
            let take = Entity::update_many()
                .set(ActiveModel { next_try_at: Set(Stored(until)), ..Default::default() })
                .filter(Column::Id.eq(row.id).and(Column::NextTryAt.eq(row.next_try_at)));
            match take.exec(&self.database).await {
                Ok(done) if done.rows_affected == 1 => {
                    taken.push(Lane { id: row.id, owner: row.owner, name: row.lane, tries: row.tries.0, until });
                }
                Ok(_) => {}
                Err(error) if taken.is_empty() => return Err(error.into()),
                // Those that are taken are worked on: nobody else gets them until the hold runs out.
                Err(_) => break,
            }
        }
        Ok(taken)
    }

    async fn read_events(&self, lane: &Lane, limit: u32) -> StoreResult<Vec<ParkedEvent>> {
        let events = parked_events::Entity::find().filter(parked_events::Column::LaneId.eq(lane.id));
        let events = events.order_by_asc(parked_events::Column::Id).limit(u64::from(limit)).all(&self.database).await?;
        events.iter().map(parked).collect()
    }
}

#[async_trait]
impl ParkedStore for SqlParkedStore {
    async fn park(&self, owner: &str, events: &[Parking], error: &str, now: Timestamp, next_try: Timestamp) -> PortResult<()> {
        self.database
            .transact(move |unit, _| park(unit, owner, events, None, error, now, next_try).boxed())
            .await
            .into_port("parking events")
    }

    async fn lanes(&self, limit: u32) -> PortResult<Vec<(String, String)>> {
        self.read_lanes(limit).await.into_port("reading parked lanes")
    }

    async fn take_due(&self, owners: &[&str], now: Timestamp, until: Timestamp, limit: u32) -> PortResult<Vec<Lane>> {
        self.take(owners, now, until, limit).await.into_port("taking parked lanes")
    }

    async fn events(&self, lane: &Lane, limit: u32) -> PortResult<Vec<ParkedEvent>> {
        self.read_events(lane, limit).await.into_port("reading parked events")
    }

    async fn leave(&self, lane: &Lane, leaving: &[Leaving], now: Timestamp) -> PortResult<bool> {
        self.database.transact(move |unit, _| leave(unit, lane, leaving, now).boxed()).await.into_port("settling parked events")
    }

    async fn postpone(&self, lane: &Lane, attempts: u32, error: &str, next_try: Timestamp) -> PortResult<()> {
        self.database
            .transact(move |unit, _| postpone(unit, lane, attempts, error, next_try).boxed())
            .await
            .into_port("postponing parked events")
    }
}
