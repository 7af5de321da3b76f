//! Deliveries: kept once by subscription and event, due in the order of their next try.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sea_orm::Value;
use sluice_kernel::{PortResult, StoreId, Timestamp};
use sluice_partner::{
    Attempt, Delivery, DeliveryId, DeliveryQuery, DeliveryQueue, LeasedTarget, NewDelivery, PushStats, Recorded, SubscriptionId,
    TargetHealth,
};

use super::{
    lease, record,
    row::{self, DELIVERY_COLUMNS, EXHAUSTED, PENDING},
};
use crate::{
    database::Database,
    error::StoreResult,
    multi_row::{InList, MultiRow},
    page::{read_page, readable},
    statement::{MAX_COUNTED, MOST_ROWS, padded, placeholders},
    unit_of_work::UnitOfWork,
};

static INSERT: MultiRow = MultiRow::with_tail(
    "INSERT INTO webhook_deliveries (delivery_id, subscription_id, store_id, event_id, event_type, order_no, body, created_at, since_at, \
     next_try_at, state, tries, blamed) VALUES ",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0)",
    10,
    |dialect| dialect.keep_existing("subscription_id, event_id"),
);

static INSERTED: InList = InList::new("SELECT delivery_id FROM webhook_deliveries WHERE delivery_id IN", |_| "");

/// Deliveries that are looked at for each that may be given up: some were never tried, and their target is well.
const LOOKED_AT_FOR_EACH: i64 = 4;

/// Deliveries of subscriptions that were not removed.
fn select(filter: &str) -> String {
    format!(
        "SELECT {DELIVERY_COLUMNS} FROM webhook_deliveries d JOIN webhook_subscriptions s ON s.id = d.subscription_id \
         WHERE s.deleted = FALSE AND {filter}"
    )
}

#[derive(Clone)]
pub struct SqlDeliveryQueue {
    database: Database,
}

impl SqlDeliveryQueue {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    async fn too_old(&self, before: Timestamp, limit: u32) -> StoreResult<Vec<i64>> {
        // The oldest alone are looked at: of those of a partner who is away for days there may be millions.
        let select = "SELECT d.seq FROM \
                      (SELECT seq, subscription_id, tries FROM webhook_deliveries WHERE state = ? AND since_at < ? ORDER BY since_at LIMIT ?) d \
                      JOIN webhook_subscriptions s ON s.id = d.subscription_id \
                      WHERE d.tries > 0 OR s.failures > 0 OR s.active = FALSE LIMIT ?";
        let (limit, looked_at) = (i64::from(limit), i64::from(limit).saturating_mul(LOOKED_AT_FOR_EACH));
        let values: Vec<Value> = vec![PENDING.into(), before.as_millis().into(), looked_at.into(), limit.into()];
        let rows = self.database.rows(select, values).await?;
        rows.iter().map(|row| Ok(row.try_get_by("seq")?)).collect()
    }

    async fn exhaust(&self, before: Timestamp, limit: u32) -> StoreResult<usize> {
        let mut given_up = 0;
        for seqs in self.too_old(before, limit).await?.chunks(MOST_ROWS) {
            let update = format!(
                "UPDATE webhook_deliveries SET state = ? WHERE state = ? AND since_at < ? AND seq IN ({})",
                placeholders(seqs.len())
            );
            let mut values: Vec<Value> = vec![EXHAUSTED.into(), PENDING.into(), before.as_millis().into()];
            values.extend(padded(seqs).map(Value::from));
            given_up += self.database.execute(update, values).await?.rows_affected();
        }
        Ok(usize::try_from(given_up).unwrap_or(usize::MAX))
    }

    async fn make_due(&self, store: StoreId, id: &DeliveryId, now: Timestamp) -> StoreResult<bool> {
        if self.find_one(store, id).await?.is_none() {
            return Ok(false);
        }
        // One that is being tried anyhow keeps its period.
        let update = "UPDATE webhook_deliveries SET since_at = CASE WHEN state = 0 THEN since_at ELSE ? END, state = ?, next_try_at = ?, \
                      blamed = 0 WHERE store_id = ? AND delivery_id = ?";
        let now = now.as_millis();
        let values = vec![now.into(), PENDING.into(), now.into(), store.0.into(), id.as_str().into()];
        self.database.execute(update, values).await?;
        Ok(true)
    }

    async fn find_one(&self, store: StoreId, id: &DeliveryId) -> StoreResult<Option<Delivery>> {
        let select = select("d.store_id = ? AND d.delivery_id = ?");
        self.database.row(select, vec![store.0.into(), id.as_str().into()]).await?.as_ref().map(row::delivery).transpose()
    }

    async fn count(&self) -> StoreResult<PushStats> {
        let select = "SELECT COUNT(*) AS many, MIN(d.since_at) AS oldest FROM \
                      (SELECT subscription_id, since_at FROM webhook_deliveries WHERE state = ? ORDER BY since_at LIMIT ?) d \
                      JOIN webhook_subscriptions s ON s.id = d.subscription_id WHERE s.active = TRUE";
        let Some(found) = self.database.row(select, vec![PENDING.into(), MAX_COUNTED.into()]).await? else {
            return Ok(PushStats::default());
        };
        let oldest: Option<i64> = found.try_get_by("oldest")?;
        let pending: i64 = found.try_get_by("many")?;
        Ok(PushStats { pending: u64::try_from(pending).unwrap_or(0), oldest: oldest.map(Timestamp::from_millis) })
    }
}

async fn insert(unit: &UnitOfWork, deliveries: &[&NewDelivery], now: Timestamp) -> StoreResult<usize> {
    let values = deliveries.iter().flat_map(|new| row::new_delivery(new, now)).collect();
    INSERT.run(unit, values).await?;
    // The databases count rows that were there already differently; ours are those whose ids came in.
    let ids: Vec<&str> = deliveries.iter().map(|new| new.id.as_str()).collect();
    Ok(INSERTED.rows(unit, &ids).await?.len())
}

#[async_trait]
impl DeliveryQueue for SqlDeliveryQueue {
    async fn enqueue(&self, deliveries: &[NewDelivery], now: Timestamp) -> PortResult<usize> {
        if deliveries.is_empty() {
            return Ok(0);
        }
        // One order of locks, whatever the order of arrival.
        let mut sorted: Vec<&NewDelivery> = deliveries.iter().collect();
        sorted.sort_by(|one, two| (one.subscription, &one.event_id).cmp(&(two.subscription, &two.event_id)));
        let sorted = &sorted;
        self.database.transact("keeping deliveries", move |unit, _| insert(unit, sorted, now).boxed()).await
    }

    async fn lease(&self, lease: &str, now: Timestamp, until: Timestamp, limit: u32) -> PortResult<Vec<LeasedTarget>> {
        lease::lease(&self.database, lease, now, until, limit).await.map_err(|error| error.into_port("leasing targets"))
    }

    async fn due(&self, target: SubscriptionId, now: Timestamp, limit: u32) -> PortResult<Vec<Delivery>> {
        let select = select("d.subscription_id = ? AND d.state = 0 AND d.next_try_at <= ? ORDER BY d.next_try_at, d.seq LIMIT ?");
        let found = self.database.rows(select, vec![target.0.into(), now.as_millis().into(), i64::from(limit).into()]).await;
        let rows = found.map_err(|error| error.into_port("reading due deliveries"))?;
        Ok(rows.iter().filter_map(|row| readable("webhook_deliveries", row, row::delivery)).collect())
    }

    async fn record(&self, target: &LeasedTarget, tries: &[Recorded], health: &TargetHealth, until: Timestamp) -> PortResult<bool> {
        let noting =
            self.database.transact("noting tries", move |unit, _| record::record(unit, target, tries, health, until).boxed());
        noting.await
    }

    async fn release(&self, target: &LeasedTarget) -> PortResult<()> {
        lease::release(&self.database, target).await.map_err(|error| error.into_port("giving a lease back"))
    }

    async fn give_up(&self, before: Timestamp, limit: u32) -> PortResult<usize> {
        self.exhaust(before, limit).await.map_err(|error| error.into_port("giving deliveries up"))
    }

    async fn list(&self, query: DeliveryQuery) -> PortResult<Vec<Delivery>> {
        let of_state = if query.state.is_some() { "AND d.state = ? " } else { "" };
        let select =
            select(&format!("d.store_id = ? AND d.subscription_id = ? AND d.seq < ? {of_state}ORDER BY d.seq DESC LIMIT ?"));
        let statement = |after: i64, limit: i64| {
            let mut values: Vec<Value> = vec![query.store.0.into(), query.subscription.0.into(), after.into()];
            values.extend(query.state.map(|state| row::state_code(state).into()));
            values.push(limit.into());
            (select.clone(), values)
        };
        let found = read_page(&self.database, "webhook_deliveries", "seq", query.page, statement, row::delivery).await;
        found.map_err(|error| error.into_port("listing deliveries"))
    }

    async fn find(&self, store: StoreId, id: &DeliveryId) -> PortResult<Option<Delivery>> {
        self.find_one(store, id).await.map_err(|error| error.into_port("reading a delivery"))
    }

    async fn attempts(&self, delivery: &Delivery) -> PortResult<Vec<Attempt>> {
        let select = "SELECT number, at, took_ms, status, error FROM webhook_attempts WHERE delivery_seq = ? ORDER BY number DESC";
        let rows = self.database.rows(select, vec![delivery.seq.into()]).await.map_err(|error| error.into_port("reading tries"))?;
        Ok(rows.iter().filter_map(|row| readable("webhook_attempts", row, row::attempt)).collect())
    }

    async fn replay(&self, store: StoreId, id: &DeliveryId, now: Timestamp) -> PortResult<bool> {
        self.make_due(store, id, now).await.map_err(|error| error.into_port("replaying a delivery"))
    }

    async fn stats(&self) -> PortResult<PushStats> {
        self.count().await.map_err(|error| error.into_port("counting deliveries"))
    }
}
