//! Who publishes which slice of the outbox.
//!
//! Contract: a slice has one owner at a time. All rows are locked in one order while leases are shared out, so calls
//! follow each other; each write is a compare-and-set on the owner all the same. Beside the slices stand places, in
//! which every owner that asks signs in: a newcomer that holds nothing yet counts when the slices are shared out.
//! A slice that a call does not return is given up there and then: ask between rounds, not while publishing.

use std::{collections::BTreeSet, time::Duration};

use sea_orm::Value;
use sluice_events::SLICES;
use sluice_kernel::Timestamp;

use crate::{
    error::{StoreError, StoreResult},
    statement::insert_into,
    unit_of_work::UnitOfWork,
};

/// Owners that are known at the same time at most. Their places are the negative numbers -1, -2, …
const PLACES: i64 = 64;

#[derive(Debug, Clone)]
struct Lease {
    slice: i64,
    owner: String,
    until: i64,
}

impl Lease {
    fn is_free(&self, now: i64) -> bool {
        self.until <= now
    }
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
        places.iter().chain(&slices).filter(|lease| !lease.is_free(now)).map(|lease| lease.owner.as_str()).collect();
    owners.insert(owner);
    let share = usize::from(SLICES).div_ceil(owners.len()).min(usize::from(wanted));

    let mine = slices.iter().filter(|lease| lease.owner == owner);
    let free = slices.iter().filter(|lease| lease.owner != owner && lease.is_free(now));
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
    let free = || places.iter().find(|place| place.is_free(now));
    match mine.or_else(free) {
        Some(place) => write(unit, place, owner, until).await,
        // More owners than places: the crowd is shared out without this one, which waits for a place.
        None => Ok(()),
    }
}

fn rows_expected() -> usize {
    usize::from(SLICES) + usize::try_from(PLACES).unwrap_or(0)
}

async fn create_rows(unit: &UnitOfWork) -> StoreResult<()> {
    for number in -PLACES..i64::from(SLICES) {
        let insert = insert_into("outbox_leases", &["slice", "owner", "until_at"], 1) + &unit.dialect().keep_existing("slice");
        unit.execute(insert, vec![number.into(), "".into(), 0_i64.into()]).await?;
    }
    Ok(())
}

async fn read(unit: &UnitOfWork) -> StoreResult<Vec<Lease>> {
    let select = format!("SELECT slice, owner, until_at FROM outbox_leases ORDER BY slice{}", unit.dialect().for_update());
    let rows = unit.rows(select, vec![]).await?;
    rows.iter()
        .map(|row| {
            Ok(Lease { slice: row.try_get_by("slice")?, owner: row.try_get_by("owner")?, until: row.try_get_by("until_at")? })
        })
        .collect()
}

async fn write(unit: &UnitOfWork, lease: &Lease, owner: &str, until: i64) -> StoreResult<()> {
    let update = "UPDATE outbox_leases SET owner = ?, until_at = ? WHERE slice = ? AND owner = ? AND until_at = ?";
    let values: Vec<Value> = vec![owner.into(), until.into(), lease.slice.into(), lease.owner.as_str().into(), lease.until.into()];
    if unit.execute(update, values).await? == 0 {
        return Err(StoreError::Corrupt("outbox_leases changed under its lock"));
    }
    Ok(())
}
