//! Who publishes which slice of the outbox.
//!
//! Contract: a slice has one owner at a time. All rows are locked in one order while leases are shared out, so calls
//! follow each other; each write is a compare-and-set on the owner all the same. Beside the slices stand places, in
//! which every owner that asks signs in: a newcomer that holds nothing yet counts when the slices are shared out.
//! A slice that a call does not return is given up there and then: ask between rounds, not while publishing.

use std::{collections::BTreeSet, time::Duration};

use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::ExprTrait as _,
};
use sluice_events::SLICES;
use sluice_kernel::Timestamp;

use crate::{
    error::{StoreError, StoreResult},
    multi_row::MultiRow,
    stored::Stored,
    table::outbox_leases::{self, ActiveModel, Column, Entity},
    unit_of_work::UnitOfWork,
};

/// Owners that are known at the same time at most. Their places are the negative numbers -1, -2, …
const PLACES: i64 = 64;

type Lease = outbox_leases::Model;

fn is_free(lease: &Lease, now: i64) -> bool {
    lease.until_at.0.as_millis() <= now
}

pub(super) async fn lease(unit: &UnitOfWork, owner: &str, wanted: u16, now: Timestamp, ttl: Duration) -> StoreResult<Vec<u16>> {
    let (now, until) = (now.as_millis(), now.plus(ttl).as_millis());
    let mut leases = read(unit).await?;
    if leases.len() < rows_expected() {
        create_rows(unit).await?;
        leases = read(unit).await?;
    }
    let (places, slices): (Vec<Lease>, Vec<Lease>) = leases.into_iter().partition(|lease| lease.slice < 0);

    sign_in(unit, &places, owner, now, until).await?;
    let mut owners: BTreeSet<&str> =
        places.iter().chain(&slices).filter(|lease| !is_free(lease, now)).map(|lease| lease.owner.as_str()).collect();
    owners.insert(owner);
    let share = usize::from(SLICES).div_ceil(owners.len()).min(usize::from(wanted));

    let mine = slices.iter().filter(|lease| lease.owner == owner);
    let free = slices.iter().filter(|lease| lease.owner != owner && is_free(lease, now));
    let mut held = Vec::new();
    for lease in mine.chain(free) {
        if held.len() < share {
            write(unit, lease, owner, until).await?;
            held.push(u16::try_from(lease.slice).map_err(|_| StoreError::Corrupt("outbox_leases.slice"))?);
        } else if lease.owner == owner {
            write(unit, lease, "", 0).await?;
        }
    }
    held.sort_unstable();
    Ok(held)
}

async fn sign_in(unit: &UnitOfWork, places: &[Lease], owner: &str, now: i64, until: i64) -> StoreResult<()> {
    let mine = places.iter().find(|place| place.owner == owner);
    let free = || places.iter().find(|place| is_free(place, now));
    match mine.or_else(free) {
        Some(place) => write(unit, place, owner, until).await,
        // More owners than places: the crowd is shared out without this one, which waits for a place.
        None => Ok(()),
    }
}

fn rows_expected() -> usize {
    usize::from(SLICES) + usize::try_from(PLACES).unwrap_or(0)
}

static LEASES: MultiRow<Lease> = MultiRow::with_tail(|dialect| dialect.keep_existing("slice"));

async fn create_rows(unit: &UnitOfWork) -> StoreResult<()> {
    let numbers = (-PLACES..i64::from(SLICES)).filter_map(|number| i16::try_from(number).ok());
    LEASES
        .run(unit, numbers.map(|slice| Lease { slice, owner: String::new(), until_at: Stored(Timestamp::from_millis(0)) }))
        .await?;
    Ok(())
}

async fn read(unit: &UnitOfWork) -> StoreResult<Vec<Lease>> {
    Ok(Entity::find().order_by_asc(Column::Slice).lock_exclusive().all(unit).await?)
}

async fn write(unit: &UnitOfWork, lease: &Lease, owner: &str, until: i64) -> StoreResult<()> {
    let until_at = Stored(Timestamp::from_millis(until));
    let written = Entity::update_many()
        .set(ActiveModel { owner: Set(owner.to_owned()), until_at: Set(until_at), ..Default::default() })
        .filter(Column::Slice.eq(lease.slice).and(Column::Owner.eq(&lease.owner)).and(Column::UntilAt.eq(lease.until_at)));
    if written.exec(unit).await?.rows_affected == 0 {
        return Err(StoreError::Corrupt("outbox_leases changed under its lock"));
    }
    Ok(())
}
