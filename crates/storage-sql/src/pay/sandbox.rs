//! The embedded provider's books: one row a channel, written when it is decided or closed, whichever comes first.

use async_trait::async_trait;
use sea_orm::{QueryResult, Value};
use sluice_kernel::{PaymentId, PortResult, Timestamp};
use sluice_pay::{Payment, SandboxChannels, SandboxNotice, SandboxOutcome};

use crate::{
    database::Database,
    error::{StoreError, StoreResult},
};

const PAID: i64 = 1;
const FAILED: i64 = 2;

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
        let keep = self.database.dialect().keep_existing("payment_id");
        let insert =
            format!("INSERT INTO sandbox_channels (payment_id, outcome, notice_id, at, delivered_at) VALUES (?, ?, ?, ?, ?){keep}");
        let number = outcome.map(|outcome| match outcome {
            SandboxOutcome::Paid => PAID,
            SandboxOutcome::Failed => FAILED,
        });
        // A channel that was closed without a choice owes no callback.
        let delivered = if number.is_none() { Some(now.as_millis()) } else { None };
        let values = vec![id.as_str().into(), number.into(), notice_id.into(), now.as_millis().into(), delivered.into()];
        self.database.execute(insert, values).await?;
        Ok(self.read("payment_id = ?", vec![id.as_str().into()]).await?.into_iter().next())
    }

    async fn read(&self, filter: &str, values: Vec<Value>) -> StoreResult<Vec<SandboxNotice>> {
        let select = format!("SELECT payment_id, outcome, notice_id FROM sandbox_channels WHERE outcome IS NOT NULL AND {filter}");
        self.database.rows(select, values).await?.iter().map(notice).collect()
    }
}

fn notice(row: &QueryResult) -> StoreResult<SandboxNotice> {
    let outcome = match row.try_get_by::<i64, _>("outcome")? {
        PAID => SandboxOutcome::Paid,
        FAILED => SandboxOutcome::Failed,
        _ => return Err(StoreError::Corrupt("sandbox_channels.outcome")),
    };
    Ok(SandboxNotice { payment_id: PaymentId(row.try_get_by("payment_id")?), notice_id: row.try_get_by("notice_id")?, outcome })
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
        let standing = standing.map_err(|error| error.into_port("noting the buyer's choice"))?;
        // Somebody else's choice, or none at all: this one came too late.
        Ok(standing.filter(|standing| standing.notice_id == notice_id))
    }

    async fn close(&self, id: &PaymentId, now: Timestamp) -> PortResult<Option<SandboxNotice>> {
        self.decide(id, None, "", now).await.map_err(|error| error.into_port("closing a sandbox channel"))
    }

    async fn find(&self, id: &PaymentId) -> PortResult<Option<SandboxNotice>> {
        let found = self.read("payment_id = ?", vec![id.as_str().into()]).await;
        found.map(|rows| rows.into_iter().next()).map_err(|error| error.into_port("reading a sandbox channel"))
    }

    async fn delivered(&self, id: &PaymentId, now: Timestamp) -> PortResult<()> {
        let update = "UPDATE sandbox_channels SET delivered_at = ? WHERE payment_id = ? AND delivered_at IS NULL";
        let noted = self.database.execute(update, vec![now.as_millis().into(), id.as_str().into()]).await;
        noted.map(|_| ()).map_err(|error| error.into_port("noting a delivered sandbox notice"))
    }

    async fn undelivered(&self, before: Timestamp, limit: u32) -> PortResult<Vec<SandboxNotice>> {
        let filter = "delivered_at IS NULL AND at < ? ORDER BY at LIMIT ?";
        let found = self.read(filter, vec![before.as_millis().into(), i64::from(limit).into()]).await;
        found.map_err(|error| error.into_port("reading undelivered sandbox notices"))
    }
}
