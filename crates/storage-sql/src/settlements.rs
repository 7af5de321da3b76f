//! What pay and points have settled for orders, from the transaction that settled it until the order's own change has taken
//! it. The event `payment-settled` is the quick way; a row that is still there after a while says that it was lost or cannot be
//! taken yet, and a sweeper takes it up.
//!
//! Contract: the row is written with the fact, and deleted in the transaction that makes it true for the order.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, ExprTrait as _},
};
use sluice_events::{Fact, PaymentSettled};
use sluice_kernel::{PortResult, Timestamp, TraceContext};
use sluice_order::{Settlements, WaitingSettlement};

use crate::{
    database::Database,
    error::{IntoPort as _, StoreResult},
    messaging::outbox,
    multi_row::{InList, MultiRow, Values},
    stored::Stored,
    table::order_settlements::{ActiveModel, Column, Entity, Model},
    unit_of_work::UnitOfWork,
};

/// How long the event has before a sweeper takes the settlement up.
const GRACE: Duration = Duration::from_secs(5);

static KEEP: MultiRow<Model> = MultiRow::with_tail(|dialect| dialect.keep_existing("settlement_id"));
static TAKEN: InList = InList::new(|| "DELETE FROM order_settlements".to_owned(), "settlement_id");

/// Keeps what was settled in the present trace until its order has taken it, and announces it.
pub(crate) async fn announce_one(unit: &UnitOfWork, settled: PaymentSettled, now: Timestamp) -> StoreResult<()> {
    announce(unit, vec![(settled, TraceContext::current_header().as_deref())], now).await
}

/// The same for settlements of several traces.
pub(crate) async fn announce(unit: &UnitOfWork, settled: Vec<(PaymentSettled, Option<&str>)>, now: Timestamp) -> StoreResult<()> {
    let mut rows = Values::default();
    for (settled, _) in &settled {
        rows.push(row(settled, now.plus(GRACE))?);
    }
    write(unit, rows).await?;
    let fact = |(payment, traceparent)| (Fact::PaymentSettled { payment }, traceparent);
    let facts: Vec<(Fact, Option<&str>)> = settled.into_iter().map(fact).collect();
    outbox::append_all(unit, &facts, now).await
}

pub(crate) fn row(settled: &PaymentSettled, due: Timestamp) -> StoreResult<Model> {
    Ok(Model {
        settlement_id: settled.id(),
        order_no: Stored(settled.order_no),
        store_id: settled.store_id.0,
        payload: serde_json::to_string(settled)?,
        due_at: Some(Stored(due)),
        attempts: Stored(0),
    })
}

/// Keeps them; those that stand already are left as they are.
pub(crate) async fn write(unit: &UnitOfWork, rows: Values<Model>) -> StoreResult<()> {
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
    write(unit, [row(settled, due)?].into()).await?;
    Entity::update_many()
        .set(ActiveModel { due_at: Set(Some(Stored(due))), attempts: Set(Stored(0)), ..Default::default() })
        .filter(Column::SettlementId.eq(settled.id()).and(Column::DueAt.is_null()))
        .exec(unit)
        .await?;
    Ok(())
}

async fn claim(unit: &UnitOfWork, limit: u32, now: Timestamp, until: Timestamp) -> StoreResult<Vec<WaitingSettlement>> {
    let due = Entity::find().filter(Column::DueAt.lte(Stored(now))).order_by_asc(Column::DueAt).limit(u64::from(limit));
    let mut due = due.all(unit).await?;
    // One order of locks, the one in which changes of orders delete them.
    due.sort_unstable_by(|one, other| one.settlement_id.cmp(&other.settlement_id));
    let mut claimed = Vec::with_capacity(due.len());
    for row in due {
        let claim = Entity::update_many()
            .set(ActiveModel { due_at: Set(Some(Stored(until))), ..Default::default() })
            .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
            .filter(Column::SettlementId.eq(&row.settlement_id).and(Column::DueAt.eq(row.due_at)));
        if claim.exec(unit).await?.rows_affected == 1 {
            let (id, attempts) = (row.settlement_id, row.attempts.0.saturating_add(1));
            match serde_json::from_str(&row.payload) {
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
        self.database.transact(move |unit, _| claim(unit, limit, now, until).boxed()).await.into_port("claiming settlements")
    }

    async fn keep(&self, settled: &PaymentSettled, due: Timestamp) -> PortResult<()> {
        self.database.transact(move |unit, _| keep(unit, settled, due).boxed()).await.into_port("keeping a settlement")
    }

    async fn put_off(&self, id: &str, until: Option<Timestamp>, attempts: u32) -> PortResult<()> {
        let later = ActiveModel { due_at: Set(until.map(Stored)), attempts: Set(Stored(attempts)), ..Default::default() };
        let written = Entity::update_many().set(later).filter(Column::SettlementId.eq(id)).exec(&self.database).await;
        written.map(|_| ()).into_port("putting a settlement off")
    }

    async fn taken(&self, id: &str) -> PortResult<()> {
        let deleted = Entity::delete_by_id(id).exec(&self.database).await;
        deleted.map(|_| ()).into_port("noting that a settlement was taken")
    }
}
