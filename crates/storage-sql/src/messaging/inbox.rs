//! Each event counts once for a consumer: its inbox row stands in the transaction of its effect.

use std::collections::HashSet;

use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _};
use sluice_kernel::Timestamp;

use crate::{
    error::StoreResult,
    multi_row::MultiRow,
    statement::{MAX_ROWS, padded, power_chunks},
    stored::Stored,
    table::inbox::{Column, Entity, Model},
    unit_of_work::UnitOfWork,
};

static EVENTS: MultiRow<Model> = MultiRow::insert();

/// How often the rest of a list is claimed again after somebody else claimed some of it at the same moment.
const MAX_RACES: u32 = 8;

/// Claims events for `consumer` and returns the ids that are new. Ids that another transaction is claiming just now
/// are waited for: if it commits they are not new.
pub(crate) async fn claim(unit: &UnitOfWork, consumer: &str, event_ids: &[String], now: Timestamp) -> StoreResult<HashSet<String>> {
    // One order of locks, whatever the order of arrival.
    let mut ids = event_ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    let mut claimed = HashSet::new();
    for chunk in ids.chunks(MAX_ROWS) {
        claimed.extend(claim_chunk(unit, consumer, chunk, now).await?);
    }
    Ok(claimed)
}

async fn claim_chunk(unit: &UnitOfWork, consumer: &str, ids: &[String], now: Timestamp) -> StoreResult<Vec<String>> {
    // Nearly all events come once: a look for those that came before follows only where one did.
    match insert(unit, consumer, ids, now).await {
        Err(error) if error.is_unique_violation() => {}
        outcome => return outcome.map(|()| ids.to_vec()),
    }
    let mut races = 0;
    loop {
        let seen = seen(unit, consumer, ids).await?;
        let fresh: Vec<String> = ids.iter().filter(|id| !seen.contains(*id)).cloned().collect();
        match insert(unit, consumer, &fresh, now).await {
            // A duplicate fails the statement alone, and only after its owner has committed: look again.
            Err(error) if error.is_unique_violation() && races < MAX_RACES => races += 1,
            outcome => return outcome.map(|()| fresh),
        }
    }
}

async fn seen(unit: &UnitOfWork, consumer: &str, ids: &[String]) -> StoreResult<HashSet<String>> {
    let wanted = Entity::find().select_only().column(Column::EventId);
    let wanted = wanted.filter(Column::Consumer.eq(consumer)).filter(Column::EventId.is_in(padded(ids)));
    Ok(wanted.into_tuple::<String>().all(unit).await?.into_iter().collect())
}

/// One statement, or several of which an earlier one took effect: a retry then finds those rows as its own, so they
/// must be taken back first.
async fn insert(unit: &UnitOfWork, consumer: &str, ids: &[String], now: Timestamp) -> StoreResult<()> {
    let mut done: Vec<&[String]> = Vec::new();
    for chunk in power_chunks(ids) {
        let row = |id: &String| Model { consumer: consumer.to_owned(), event_id: id.clone(), at: Stored(now) };
        if let Err(error) = EVENTS.run(unit, chunk.iter().map(row)).await {
            for earlier in done {
                remove(unit, consumer, earlier).await?;
            }
            return Err(error);
        }
        done.push(chunk);
    }
    Ok(())
}

async fn remove(unit: &UnitOfWork, consumer: &str, ids: &[String]) -> StoreResult<()> {
    let claimed = Entity::delete_many().filter(Column::Consumer.eq(consumer)).filter(Column::EventId.is_in(padded(ids)));
    claimed.exec(unit).await?;
    Ok(())
}
