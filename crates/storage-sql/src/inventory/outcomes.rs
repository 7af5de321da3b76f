//! The row that a placement and the sweeper of orphan reservations race for: its key is the reservation, so one wins.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sluice_inventory::ReservationOutcomes;
use sluice_kernel::{OrderNo, PortResult, ReservationId, StoreId, Timestamp};

use crate::{
    Database,
    error::{IntoPort as _, StoreResult},
    multi_row::{InList, MultiRow, tuple},
    statement::Dialect,
    stored::Stored,
    table::{Row as _, reservation_outcomes::Model, row},
    unit_of_work::UnitOfWork,
};

static WRITE: MultiRow<Model> = MultiRow::with_tail(|dialect| dialect.keep_existing("reservation_id"));
/// Nearly all reservations have no outcome yet, and then need no look which one it is.
static WRITE_NEW: MultiRow<Model> = MultiRow::insert();
static RELEASED: InList = InList::with(
    || "SELECT reservation_id FROM reservation_outcomes".to_owned(),
    "reservation_id",
    " AND released = TRUE",
    Dialect::for_update,
);

/// Writes an outcome for those that have none yet; waits for whoever is writing one of them now.
pub(crate) async fn write_outcomes(unit: &UnitOfWork, released: bool, mut outcomes: Vec<(String, Timestamp)>) -> StoreResult<()> {
    outcomes.sort_unstable();
    let row = |(reservation_id, at)| Model { reservation_id, released, at: Stored(at) };
    WRITE.run(unit, outcomes.into_iter().map(row)).await?;
    Ok(())
}

/// Writes `committed` for all of them and answers those whose units went back before.
pub(crate) async fn commit_outcomes(unit: &UnitOfWork, mut outcomes: Vec<(String, Timestamp)>) -> StoreResult<HashSet<String>> {
    outcomes.sort_unstable();
    let row = |(id, at): &(String, Timestamp)| Model { reservation_id: id.clone(), released: false, at: Stored(*at) };
    match WRITE_NEW.run(unit, outcomes.iter().map(row)).await {
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
    RELEASED.rows(unit, &reservations).await?.iter().map(tuple).collect()
}

row! {
    struct OrderAttempt of orders {
        order_no: Stored<OrderNo>,
        attempt: i16,
    }
}

static ATTEMPTS: InList = InList::new(OrderAttempt::select, "order_no");

/// Which of these reservations belong to an order that committed with them, or went on to a later attempt.
async fn of_orders(unit: &UnitOfWork, reservations: &[ReservationId]) -> StoreResult<HashSet<ReservationId>> {
    let numbers: Vec<i64> = reservations.iter().map(|id| id.order.id()).collect();
    let mut attempts: HashMap<OrderNo, u16> = HashMap::new();
    for row in ATTEMPTS.rows(unit, &numbers).await? {
        let OrderAttempt { order_no, attempt } = OrderAttempt::read(&row)?;
        attempts.insert(order_no.0, attempt.unsigned_abs());
    }
    let committed = |id: &&ReservationId| attempts.get(&id.order).is_some_and(|attempt| id.attempt <= *attempt);
    Ok(reservations.iter().filter(committed).copied().collect())
}

/// The outcome of an order that was closed long ago is forgotten; then the order itself says that it won. What was given up
/// stays so, though its order went on to a later attempt: the gate may not have heard of it.
async fn abandon(unit: &UnitOfWork, ids: &[ReservationId], now: Timestamp) -> StoreResult<HashSet<String>> {
    let committed = of_orders(unit, ids).await?;
    let left = ids.iter().filter(|id| !committed.contains(id));
    write_outcomes(unit, true, left.map(|id| (id.to_string(), now)).collect()).await?;
    released_among(unit, ids.iter().map(ToString::to_string).collect()).await
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
        let ids: Vec<ReservationId> = reservations.iter().map(|(_, id)| *id).collect();
        let ids = &ids;
        let released =
            self.database.transact(move |unit, _| abandon(unit, ids, now).boxed()).await.into_port("abandoning reservations")?;
        Ok(reservations.iter().filter(|(_, id)| released.contains(&id.to_string())).copied().collect())
    }
}
