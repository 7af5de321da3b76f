//! What pay and points have settled for orders, from the transaction that settled it until the order's own change has taken
//! it. The event `payment-settled` is the quick way; a row that is still there after a while says that it was lost or cannot be
//! taken yet, and a sweeper takes it up.
//!
//! Contract: the row is written with the fact, and deleted in the transaction that makes it true for the order.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sea_orm::Value;
use sluice_events::{Fact, PaymentSettled};
use sluice_kernel::{PortResult, Timestamp};
use sluice_order::{Settlements, WaitingSettlement};

use crate::{
    database::Database,
    error::StoreResult,
    messaging::outbox,
    multi_row::{InList, MultiRow, column},
    unit_of_work::UnitOfWork,
};

/// How long the event has before a sweeper takes the settlement up.
const GRACE: Duration = Duration::from_secs(5);

/// Bind parameters of a row.
const WIDTH: usize = 5;

static KEEP: MultiRow = MultiRow::with_tail(
    "INSERT INTO order_settlements (settlement_id, order_no, store_id, payload, due_at, attempts) VALUES ",
    "(?, ?, ?, ?, ?, 0)",
    WIDTH,
    |dialect| dialect.keep_existing("settlement_id"),
);
static TAKEN: InList = InList::new("DELETE FROM order_settlements WHERE settlement_id IN", |_| "");

/// Keeps what was settled until its order has taken it, and tells it.
pub(crate) async fn tell(unit: &UnitOfWork, settled: Vec<(PaymentSettled, Option<&str>)>, now: Timestamp) -> StoreResult<()> {
    let mut rows = Vec::with_capacity(settled.len() * WIDTH);
    for (settled, _) in &settled {
        rows.extend(row(settled, now.plus(GRACE))?);
    }
    write(unit, rows).await?;
    let fact = |(payment, traceparent)| (Fact::PaymentSettled { payment }, traceparent);
    let facts: Vec<(Fact, Option<&str>)> = settled.into_iter().map(fact).collect();
    outbox::append_all(unit, &facts, now).await
}

/// The values of its row.
pub(crate) fn row(settled: &PaymentSettled, due: Timestamp) -> StoreResult<[Value; WIDTH]> {
    Ok([
        settled.id().into(),
        settled.order_no.id().into(),
        settled.store_id.0.into(),
        serde_json::to_string(settled)?.into(),
        due.as_millis().into(),
    ])
}

/// Keeps them; those that stand already are left as they are.
pub(crate) async fn write(unit: &UnitOfWork, rows: Vec<Value>) -> StoreResult<()> {
    KEEP.run(unit, rows).await?;
    Ok(())
}

/// Their orders have taken them in this transaction.
pub(crate) async fn taken(unit: &UnitOfWork, mut ids: Vec<String>) -> StoreResult<()> {
    ids.sort_unstable();
    TAKEN.execute(unit, &ids).await?;
    Ok(())
}

/// One that was given up and is asked for again, as a replay does, waits anew.
async fn keep(unit: &UnitOfWork, settled: &PaymentSettled, due: Timestamp) -> StoreResult<()> {
    write(unit, row(settled, due)?.into()).await?;
    let again = "UPDATE order_settlements SET due_at = ?, attempts = 0 WHERE settlement_id = ? AND due_at IS NULL";
    unit.execute(again, vec![due.as_millis().into(), settled.id().into()]).await?;
    Ok(())
}

async fn claim(unit: &UnitOfWork, limit: u32, now: Timestamp, until: Timestamp) -> StoreResult<Vec<WaitingSettlement>> {
    let select = "SELECT settlement_id, payload, due_at, attempts FROM order_settlements \
                  WHERE due_at <= ? ORDER BY due_at LIMIT ?";
    let values: Vec<Value> = vec![now.as_millis().into(), i64::from(limit).into()];
    let mut due = Vec::new();
    for row in unit.rows(select, values).await? {
        due.push((column::<String>(&row, 0)?, column::<String>(&row, 1)?, column::<i64>(&row, 2)?, column::<i32>(&row, 3)?));
    }
    // One order of locks, the one in which changes of orders delete them.
    due.sort_unstable();
    let mut claimed = Vec::with_capacity(due.len());
    for (id, payload, due_at, attempts) in due {
        let update = "UPDATE order_settlements SET due_at = ?, attempts = attempts + 1 WHERE settlement_id = ? AND due_at = ?";
        if unit.execute(update, vec![until.as_millis().into(), id.as_str().into(), due_at.into()]).await? == 1 {
            let attempts = u32::try_from(attempts).unwrap_or(0).saturating_add(1);
            match serde_json::from_str(&payload) {
                Ok(settled) => claimed.push(WaitingSettlement { id, settled, attempts }),
                // It comes again when its lease has run out, maybe to a version that can read it.
                Err(error) => tracing::error!(settlement.id = %id, error = %error, "A settlement cannot be read."),
            }
        }
    }
    Ok(claimed)
}

#[derive(Clone)]
pub struct SqlSettlements {
    database: Database,
}

impl SqlSettlements {
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl Settlements for SqlSettlements {
    async fn claim(&self, limit: u32, now: Timestamp, until: Timestamp) -> PortResult<Vec<WaitingSettlement>> {
        self.database.transact("claiming settlements", move |unit, _| claim(unit, limit, now, until).boxed()).await
    }

    async fn keep(&self, settled: &PaymentSettled, due: Timestamp) -> PortResult<()> {
        self.database.transact("keeping a settlement", move |unit, _| keep(unit, settled, due).boxed()).await
    }

    async fn put_off(&self, id: &str, until: Option<Timestamp>, attempts: u32) -> PortResult<()> {
        let update = "UPDATE order_settlements SET due_at = ?, attempts = ? WHERE settlement_id = ?";
        let values = vec![until.map(Timestamp::as_millis).into(), i64::from(attempts).into(), id.into()];
        let written = self.database.execute(update, values).await;
        written.map(|_| ()).map_err(|error| error.into_port("putting a settlement off"))
    }

    async fn taken(&self, id: &str) -> PortResult<()> {
        let deleted = self.database.execute("DELETE FROM order_settlements WHERE settlement_id = ?", vec![id.into()]).await;
        deleted.map(|_| ()).map_err(|error| error.into_port("noting that a settlement was taken"))
    }
}
