//! Facts wait here from the transaction that made them until the relay has published them.
//!
//! Contract: order per key. A key always falls into one slice, rows of a slice leave in the order of their ids, and a
//! slice is leased to one relay at a time. Rows of one key never commit out of id order, because whoever changes an
//! order or a SKU holds its row until the commit.

use sluice_events::{Fact, slice_of};
use sluice_kernel::{Timestamp, TraceContext};

use crate::{
    error::{StoreError, StoreResult},
    multi_row::{MultiRow, Values},
    stored::Stored,
    table::outbox,
    unit_of_work::UnitOfWork,
};

static FACTS: MultiRow<outbox::New> = MultiRow::insert();

pub(crate) fn new_fact(fact: &Fact, traceparent: Option<&str>, now: Timestamp) -> StoreResult<outbox::New> {
    Ok(outbox::New {
        slice: i16::try_from(slice_of(&fact.key())).map_err(|_| StoreError::Corrupt("outbox.slice"))?,
        available_at: Stored(now),
        payload: serde_json::to_string(fact)?,
        traceparent: traceparent.map(str::to_owned),
    })
}

/// Writes rows that were worked out before.
pub(crate) async fn write(unit: &UnitOfWork, facts: Values<outbox::New>) -> StoreResult<()> {
    if FACTS.run(unit, facts).await? > 0 {
        unit.leaves_facts();
    }
    Ok(())
}

/// Keeps a fact of the present trace in the transaction that makes it true.
pub(crate) async fn append(unit: &UnitOfWork, fact: &Fact, now: Timestamp) -> StoreResult<()> {
    write(unit, [new_fact(fact, TraceContext::current_header().as_deref(), now)?].into()).await
}

/// Keeps facts of one transaction, each of its own trace, in their order.
pub(crate) async fn append_all(unit: &UnitOfWork, facts: &[(Fact, Option<&str>)], now: Timestamp) -> StoreResult<()> {
    let mut rows = Values::default();
    for (fact, traceparent) in facts {
        rows.push(new_fact(fact, *traceparent, now)?);
    }
    write(unit, rows).await
}
