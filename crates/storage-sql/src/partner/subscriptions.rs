//! Subscriptions. A removed one stays as an empty shell, so that its deliveries need not be deleted at once; nothing
//! finds either of them any more.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sea_orm::Value;
use sluice_kernel::{PageRequest, PortResult, StoreId};
use sluice_partner::{ChangeAnswer, InsertAnswer, Subscription, SubscriptionId, SubscriptionRepository};

use super::row::{self, SUBSCRIPTION_COLUMNS};
use crate::{
    database::Database,
    error::{StoreError, StoreResult},
    page::{read_page, readable},
    statement::{padded, placeholders},
    unit_of_work::UnitOfWork,
};

#[derive(Clone)]
pub struct SqlSubscriptionRepository {
    database: Database,
}

impl SqlSubscriptionRepository {
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

fn select(filter: &str) -> String {
    format!("SELECT {SUBSCRIPTION_COLUMNS} FROM webhook_subscriptions WHERE deleted = FALSE AND {filter}")
}

fn secrets(subscription: &Subscription) -> [Value; 3] {
    let (previous, until) = match &subscription.previous_secret {
        Some((secret, until)) => (Some(secret.expose().to_owned()), Some(until.as_millis())),
        None => (None, None),
    };
    [subscription.secret.expose().into(), previous.into(), until.into()]
}

async fn insert(unit: &UnitOfWork, subscription: &Subscription, most: u32) -> StoreResult<InsertAnswer> {
    // The store's row makes insertions follow each other.
    let lock = format!("SELECT id FROM stores WHERE id = ?{}", unit.dialect().for_update());
    unit.row(lock, vec![subscription.store.0.into()]).await?;
    let count = "SELECT COUNT(*) AS many FROM webhook_subscriptions WHERE store_id = ? AND deleted = FALSE";
    let found = unit.row(count, vec![subscription.store.0.into()]).await?.ok_or(StoreError::Corrupt("a count"))?;
    if found.try_get_by::<i64, _>("many")? >= i64::from(most) {
        return Ok(InsertAnswer::Full);
    }
    let statement = "INSERT INTO webhook_subscriptions (store_id, url, event_types, secret, previous_secret, previous_until, active, \
                     deleted, version, created_at, failures, resume_at, lease, leased_until) \
                     VALUES (?, ?, ?, ?, ?, ?, ?, FALSE, ?, ?, 0, 0, '', 0)";
    let [secret, previous, until] = secrets(subscription);
    let values = vec![
        subscription.store.0.into(),
        subscription.url.as_str().into(),
        row::types_text(&subscription.event_types).into(),
        secret,
        previous,
        until,
        subscription.active.into(),
        subscription.version.into(),
        subscription.created_at.as_millis().into(),
    ];
    let inserted = unit.execute_raw(statement, values).await?;
    let id = i64::try_from(inserted.last_insert_id()).map_err(|_| StoreError::Corrupt("webhook_subscriptions.id"))?;
    Ok(InsertAnswer::Inserted(Box::new(Subscription { id: SubscriptionId(id), ..subscription.clone() })))
}

async fn change(unit: &UnitOfWork, subscription: &Subscription) -> StoreResult<ChangeAnswer> {
    let statement = "UPDATE webhook_subscriptions SET url = ?, event_types = ?, secret = ?, previous_secret = ?, previous_until = ?, \
                     active = ?, version = version + 1, failures = 0, resume_at = 0, lease = '' \
                     WHERE id = ? AND store_id = ? AND deleted = FALSE AND version = ?";
    let [secret, previous, until] = secrets(subscription);
    let (id, store): (Value, Value) = (subscription.id.0.into(), subscription.store.0.into());
    let values = vec![
        subscription.url.as_str().into(),
        row::types_text(&subscription.event_types).into(),
        secret,
        previous,
        until,
        subscription.active.into(),
        id.clone(),
        store.clone(),
        subscription.version.into(),
    ];
    if unit.execute(statement, values).await? == 1 {
        return Ok(ChangeAnswer::Changed);
    }
    let exists = "SELECT id FROM webhook_subscriptions WHERE id = ? AND store_id = ? AND deleted = FALSE";
    Ok(if unit.row(exists, vec![id, store]).await?.is_some() { ChangeAnswer::Stale } else { ChangeAnswer::Absent })
}

#[async_trait]
impl SubscriptionRepository for SqlSubscriptionRepository {
    async fn insert(&self, subscription: &Subscription, most: u32) -> PortResult<InsertAnswer> {
        self.database.transact("keeping a subscription", move |unit, _| insert(unit, subscription, most).boxed()).await
    }

    async fn find(&self, store: StoreId, id: SubscriptionId) -> PortResult<Option<Subscription>> {
        let found = self.database.row(select("id = ? AND store_id = ?"), vec![id.0.into(), store.0.into()]).await;
        let read = found.and_then(|row| row.as_ref().map(row::subscription).transpose());
        read.map_err(|error| error.into_port("reading a subscription"))
    }

    async fn list(&self, store: StoreId, page: PageRequest) -> PortResult<Vec<Subscription>> {
        let statement = |after: i64, limit: i64| {
            (select("store_id = ? AND id < ? ORDER BY id DESC LIMIT ?"), vec![store.0.into(), after.into(), limit.into()])
        };
        let found = read_page(&self.database, "webhook_subscriptions", "id", page, statement, row::subscription).await;
        found.map_err(|error| error.into_port("listing subscriptions"))
    }

    async fn change(&self, subscription: &Subscription) -> PortResult<ChangeAnswer> {
        self.database.transact("changing a subscription", move |unit, _| change(unit, subscription).boxed()).await
    }

    async fn remove(&self, store: StoreId, id: SubscriptionId) -> PortResult<bool> {
        let statement = "UPDATE webhook_subscriptions SET deleted = TRUE, active = FALSE, url = '', secret = '', previous_secret = NULL, \
                         previous_until = NULL, last_error = NULL, lease = '', version = version + 1 WHERE id = ? AND store_id = ? AND deleted = FALSE";
        let removed = self.database.execute(statement, vec![id.0.into(), store.0.into()]).await;
        removed.map(|removed| removed.rows_affected() == 1).map_err(|error| error.into_port("removing a subscription"))
    }

    async fn active_of(&self, stores: &[StoreId]) -> PortResult<Vec<Subscription>> {
        if stores.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<i64> = stores.iter().map(|store| store.0).collect();
        let mut found = Vec::new();
        for ids in ids.chunks(crate::statement::MOST_ROWS) {
            let filter = format!("active = TRUE AND store_id IN ({})", placeholders(ids.len()));
            let rows = self.database.rows(select(&filter), padded(ids).map(Value::from).collect()).await;
            let rows = rows.map_err(|error| error.into_port("reading subscriptions"))?;
            found.extend(rows.iter().filter_map(|row| readable("webhook_subscriptions", row, row::subscription)));
        }
        Ok(found)
    }
}
