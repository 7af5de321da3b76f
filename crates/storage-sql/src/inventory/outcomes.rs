//! The row that a placement and the sweeper of orphan reservations race for: its key is the reservation, so one wins.

use std::{collections::HashSet, sync::Arc};

use async_trait::async_trait;
use sea_orm::Value;
use sluice_inventory::ReservationOutcomes;
use sluice_kernel::{PortResult, ReservationId, StoreId, Timestamp};

use super::unrecorded::of_orders;
use crate::{
    Database,
    error::StoreResult,
    multi_row::{InList, MultiRow, column},
    statement::Dialect,
    unit_of_work::UnitOfWork,
};

static WRITE: MultiRow =
    MultiRow::with_tail("INSERT INTO reservation_outcomes (reservation_id, released, at) VALUES ", "(?, ?, ?)", 3, |dialect| {
        dialect.keep_existing("reservation_id")
    });
/// Nearly all reservations have no outcome yet, and then need no look which one it is.
static WRITE_NEW: MultiRow =
    MultiRow::insert("INSERT INTO reservation_outcomes (reservation_id, released, at) VALUES ", "(?, ?, ?)", 3);
static RELEASED: InList =
    InList::new("SELECT reservation_id FROM reservation_outcomes WHERE reservation_id IN", |dialect| match dialect {
        Dialect::Sqlite => " AND released = TRUE",
        Dialect::MySql => " AND released = TRUE FOR UPDATE",
    });

/// Writes an outcome for those that have none yet; waits for whoever is writing one of them now.
pub(crate) async fn write_outcomes(unit: &UnitOfWork, released: bool, mut outcomes: Vec<(String, Timestamp)>) -> StoreResult<()> {
    outcomes.sort_unstable();
    let values = outcomes.into_iter().flat_map(|(id, at)| -> [Value; 3] { [id.into(), released.into(), at.as_millis().into()] });
    WRITE.run(unit, values.collect()).await?;
    Ok(())
}

/// Writes `committed` for all of them and answers those whose units went back before.
pub(crate) async fn commit_outcomes(unit: &UnitOfWork, mut outcomes: Vec<(String, Timestamp)>) -> StoreResult<HashSet<String>> {
    outcomes.sort_unstable();
    let row = |(id, at): &(String, Timestamp)| -> [Value; 3] { [id.as_str().into(), false.into(), at.as_millis().into()] };
    match WRITE_NEW.run(unit, outcomes.iter().flat_map(row).collect()).await {
        Ok(_) => return Ok(HashSet::new()),
        // The statement alone was undone.
        Err(error) if error.is_unique_violation() => {}
        Err(error) => return Err(error),
    }
    write_outcomes(unit, false, outcomes.clone()).await?;
    released_among(unit, outcomes.into_iter().map(|(id, _)| id).collect()).await
}

/// Those of them whose units went back.
pub(crate) async fn released_among(unit: &UnitOfWork, mut reservations: Vec<String>) -> StoreResult<HashSet<String>> {
    reservations.sort_unstable();
    RELEASED.rows(unit, &reservations).await?.iter().map(|row| column(row, 0)).collect()
}

/// The outcome of an order that was closed long ago is forgotten; then the order itself says that it won.
async fn abandon(unit: &UnitOfWork, ids: &[ReservationId], now: Timestamp) -> StoreResult<HashSet<String>> {
    let committed = of_orders(unit, ids).await?;
    let left: Vec<String> = ids.iter().filter(|id| !committed.contains(id)).map(ToString::to_string).collect();
    if left.is_empty() {
        return Ok(HashSet::new());
    }
    write_outcomes(unit, true, left.iter().map(|id| (id.clone(), now)).collect()).await?;
    released_among(unit, left).await
}

pub struct SqlReservationOutcomes {
    database: Database,
}

impl SqlReservationOutcomes {
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl ReservationOutcomes for SqlReservationOutcomes {
    async fn abandon(
        &self,
        reservations: &[(StoreId, ReservationId)],
        now: Timestamp,
    ) -> PortResult<Vec<(StoreId, ReservationId)>> {
        let ids: Arc<Vec<ReservationId>> = Arc::new(reservations.iter().map(|(_, id)| *id).collect());
        let released = self
            .database
            .in_transaction("abandoning reservations", move |unit| {
                let ids = Arc::clone(&ids);
                Box::pin(async move { abandon(unit, &ids, now).await })
            })
            .await?;
        Ok(reservations.iter().filter(|(_, id)| released.contains(&id.to_string())).copied().collect())
    }
}
