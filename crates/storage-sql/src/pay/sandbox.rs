//! The embedded provider's books: one row a channel, written when it is decided or closed, whichever comes first.

use async_trait::async_trait;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{ExprTrait as _, OnConflict},
};
use sluice_kernel::{PaymentId, PortResult, Timestamp};
use sluice_pay::{Payment, SandboxChannels, SandboxNotice, SandboxOutcome};

use crate::{
    database::Database,
    error::{IntoPort as _, StoreResult},
    stored::Stored,
    table::sandbox_channels::{ActiveModel, Column, Entity, Model},
};

#[derive(Clone)]
pub struct SqlSandboxChannels {
    database: Database,
}

impl SqlSandboxChannels {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Writes the row unless one stands, and returns the choice that stands now.
    async fn decide(
        &self,
        id: &PaymentId,
        outcome: Option<SandboxOutcome>,
        notice_id: &str,
        now: Timestamp,
    ) -> StoreResult<Option<SandboxNotice>> {
        let row = Model {
            payment_id: id.as_str().to_owned(),
            outcome: outcome.map(Stored),
            notice_id: notice_id.to_owned(),
            at: Stored(now),
            // A channel that was closed without a choice owes no callback.
            delivered_at: outcome.is_none().then_some(Stored(now)),
        };
        let keep = OnConflict::column(Column::PaymentId).do_nothing_on([Column::PaymentId]).to_owned();
        Entity::insert(row.into_active_model()).on_conflict(keep).exec_without_returning(&self.database).await?;
        self.read(id).await
    }

    async fn read(&self, id: &PaymentId) -> StoreResult<Option<SandboxNotice>> {
        Ok(Entity::find_by_id(id.as_str()).one(&self.database).await?.and_then(notice))
    }
}

/// `None` where no choice was made.
fn notice(row: Model) -> Option<SandboxNotice> {
    let outcome = row.outcome?.0;
    Some(SandboxNotice { payment_id: PaymentId(row.payment_id), notice_id: row.notice_id, outcome })
}

#[async_trait]
impl SandboxChannels for SqlSandboxChannels {
    async fn choose(
        &self,
        payment: &Payment,
        outcome: SandboxOutcome,
        notice_id: &str,
        now: Timestamp,
    ) -> PortResult<Option<SandboxNotice>> {
        let standing = self.decide(&payment.id, Some(outcome), notice_id, now).await;
        let standing = standing.into_port("noting the buyer's choice")?;
        // Somebody else's choice, or none at all: this one came too late.
        Ok(standing.filter(|standing| standing.notice_id == notice_id))
    }

    async fn close(&self, id: &PaymentId, now: Timestamp) -> PortResult<Option<SandboxNotice>> {
        self.decide(id, None, "", now).await.into_port("closing a sandbox channel")
    }

    async fn find(&self, id: &PaymentId) -> PortResult<Option<SandboxNotice>> {
        self.read(id).await.into_port("reading a sandbox channel")
    }

    async fn delivered(&self, id: &PaymentId, now: Timestamp) -> PortResult<()> {
        let noted = Entity::update_many()
            .set(ActiveModel { delivered_at: Set(Some(Stored(now))), ..Default::default() })
            .filter(Column::PaymentId.eq(id.as_str()).and(Column::DeliveredAt.is_null()));
        noted.exec(&self.database).await.map(|_| ()).into_port("noting a delivered sandbox notice")
    }

    async fn undelivered(&self, before: Timestamp, limit: u32) -> PortResult<Vec<SandboxNotice>> {
        let owed = Column::Outcome.is_not_null().and(Column::DeliveredAt.is_null()).and(Column::At.lt(Stored(before)));
        let found = Entity::find().filter(owed).order_by_asc(Column::At).limit(u64::from(limit)).all(&self.database).await;
        found.map(|rows| rows.into_iter().filter_map(notice).collect()).into_port("reading undelivered sandbox notices")
    }
}
