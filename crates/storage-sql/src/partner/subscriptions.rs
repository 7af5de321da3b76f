//! Subscriptions. A removed one stays as an empty shell, so that its deliveries need not be deleted at once; nothing
//! finds either of them any more.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _, QuerySelect as _, Select,
    sea_query::{Expr, ExprTrait as _},
};
use sluice_kernel::{Changed, PageRequest, PortResult, StoreId, Timestamp};
use sluice_partner::{InsertAnswer, Subscription, SubscriptionId, SubscriptionRepository};

use super::row;
use crate::{
    database::Database,
    error::{IntoPort as _, StoreResult},
    page::read_page,
    statement::{MAX_ROWS, padded},
    stored::{At, Stored},
    table::{
        stores,
        webhook_subscriptions::{ActiveModel, Column, Entity},
    },
    unit_of_work::UnitOfWork,
};

/// In a time that is waited for: nothing is.
fn never() -> At {
    Stored(Timestamp::from_millis(0))
}

#[derive(Clone)]
pub struct SqlSubscriptionRepository {
    database: Database,
}

impl SqlSubscriptionRepository {
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

fn standing() -> Select<Entity> {
    Entity::find().filter(Column::Deleted.eq(false))
}

/// What staff may change of a subscription.
fn values(subscription: &Subscription) -> ActiveModel {
    let previous = subscription.previous_secret.as_ref();
    ActiveModel {
        url: Set(subscription.url.clone()),
        event_types: Set(row::types_text(&subscription.event_types)),
        secret: Set(subscription.secret.expose().to_owned()),
        previous_secret: Set(previous.map(|(secret, _)| secret.expose().to_owned())),
        previous_until: Set(previous.map(|(_, until)| Stored(*until))),
        active: Set(subscription.active),
        failures: Set(Stored(0)),
        resume_at: Set(never()),
        lease: Set(String::new()),
        ..Default::default()
    }
}

async fn insert(unit: &UnitOfWork, subscription: &Subscription, most: u32) -> StoreResult<InsertAnswer> {
    // The store's row makes insertions follow each other.
    stores::Entity::find_by_id(subscription.store.0).lock_exclusive().one(unit).await?;
    let others = standing().filter(Column::StoreId.eq(subscription.store.0)).count(unit).await?;
    if others >= u64::from(most) {
        return Ok(InsertAnswer::Full);
    }
    let row = ActiveModel {
        store_id: Set(subscription.store.0),
        deleted: Set(false),
        version: Set(subscription.version),
        created_at: Set(Stored(subscription.created_at)),
        leased_until: Set(never()),
        ..values(subscription)
    };
    let id = SubscriptionId(Entity::insert(row).exec(unit).await?.last_insert_id);
    Ok(InsertAnswer::Inserted(Box::new(Subscription { id, ..subscription.clone() })))
}

async fn change(unit: &UnitOfWork, subscription: &Subscription) -> StoreResult<Changed<()>> {
    let one = || Column::Id.eq(subscription.id.0).and(Column::StoreId.eq(subscription.store.0)).and(Column::Deleted.eq(false));
    let changed = Entity::update_many()
        .set(values(subscription))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(one().and(Column::Version.eq(subscription.version)))
        .exec(unit)
        .await?;
    if changed.rows_affected == 1 {
        return Ok(Changed::Done(()));
    }
    let exists = Entity::find().filter(one()).one(unit).await?.is_some();
    Ok(if exists { Changed::Stale } else { Changed::Absent })
}

#[async_trait]
impl SubscriptionRepository for SqlSubscriptionRepository {
    async fn insert(&self, subscription: &Subscription, most: u32) -> PortResult<InsertAnswer> {
        self.database.transact(move |unit, _| insert(unit, subscription, most).boxed()).await.into_port("keeping a subscription")
    }

    async fn find(&self, store: StoreId, id: SubscriptionId) -> PortResult<Option<Subscription>> {
        let wanted = standing().filter(Column::Id.eq(id.0).and(Column::StoreId.eq(store.0)));
        let found = wanted.one(&self.database).await.into_port("reading a subscription")?;
        found.map(row::subscription).transpose().into_port("reading a subscription")
    }

    async fn list(&self, store: StoreId, page: PageRequest) -> PortResult<Vec<Subscription>> {
        let wanted = standing().filter(Column::StoreId.eq(store.0));
        read_page(&self.database, wanted, Column::Id, page, row::subscription).await.into_port("listing subscriptions")
    }

    async fn change(&self, subscription: &Subscription) -> PortResult<Changed<()>> {
        self.database.transact(move |unit, _| change(unit, subscription).boxed()).await.into_port("changing a subscription")
    }

    async fn remove(&self, store: StoreId, id: SubscriptionId) -> PortResult<bool> {
        let shell = ActiveModel {
            deleted: Set(true),
            active: Set(false),
            url: Set(String::new()),
            secret: Set(String::new()),
            previous_secret: Set(None),
            previous_until: Set(None),
            last_error: Set(None),
            lease: Set(String::new()),
            ..Default::default()
        };
        let removed = Entity::update_many()
            .set(shell)
            .col_expr(Column::Version, Expr::col(Column::Version).add(1))
            .filter(Column::Id.eq(id.0).and(Column::StoreId.eq(store.0)).and(Column::Deleted.eq(false)))
            .exec(&self.database)
            .await;
        removed.map(|removed| removed.rows_affected == 1).into_port("removing a subscription")
    }

    async fn active_of(&self, stores: &[StoreId]) -> PortResult<Vec<Subscription>> {
        let ids: Vec<i64> = stores.iter().map(|store| store.0).collect();
        let mut found = Vec::new();
        for ids in ids.chunks(MAX_ROWS) {
            let wanted = standing().filter(Column::Active.eq(true)).filter(Column::StoreId.is_in(padded(ids)));
            let rows = wanted.all(&self.database).await.into_port("reading subscriptions")?;
            // Whoever makes deliveries must not miss one for a row that cannot be read: the event waits for it.
            for row in rows {
                found.push(row::subscription(row).into_port("reading subscriptions")?);
            }
        }
        Ok(found)
    }
}
