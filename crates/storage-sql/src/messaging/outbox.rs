//! Facts wait here from the transaction that made them until the relay has published them.
//!
//! Contract: order per key. A key always falls into one slice, rows of a slice leave in the order of their ids, and a
//! slice is leased to one relay at a time. Rows of one key never commit out of id order, because whoever changes an
//! order or a SKU holds its row until the commit.

use sea_orm::Value;
use sluice_events::{Fact, slice_of};
use sluice_kernel::Timestamp;

use crate::{error::StoreResult, multi_row::MultiRow, statement::insert_into, unit_of_work::UnitOfWork};

static ROWS: MultiRow =
    MultiRow::insert("INSERT INTO outbox (slice, available_at, payload, traceparent) VALUES ", "(?, ?, ?, ?)", 4);

pub(crate) const OUTBOX_COLUMNS: [&str; 4] = ["slice", "available_at", "payload", "traceparent"];

/// The values of an outbox row, in the order of [`OUTBOX_COLUMNS`].
pub(crate) fn outbox_values(fact: &Fact, traceparent: Option<&str>, now: Timestamp) -> StoreResult<[Value; 4]> {
    Ok([
        i32::from(slice_of(&fact.key())).into(),
        now.as_millis().into(),
        serde_json::to_string(fact)?.into(),
        traceparent.map(str::to_owned).into(),
    ])
}

/// Keeps a fact in the transaction that makes it true.
pub(crate) async fn append(unit: &UnitOfWork, fact: &Fact, traceparent: Option<&str>, now: Timestamp) -> StoreResult<()> {
    unit.execute(insert_into("outbox", &OUTBOX_COLUMNS, 1), outbox_values(fact, traceparent, now)?.into()).await?;
    unit.leaves_facts();
    Ok(())
}

/// Keeps facts of one transaction, in their order.
pub(crate) async fn append_all(unit: &UnitOfWork, facts: &[(Fact, Option<&str>)], now: Timestamp) -> StoreResult<()> {
    let mut values = Vec::with_capacity(facts.len() * OUTBOX_COLUMNS.len());
    for (fact, traceparent) in facts {
        values.extend(outbox_values(fact, *traceparent, now)?);
    }
    if ROWS.run(unit, values).await? > 0 {
        unit.leaves_facts();
    }
    Ok(())
}
