//! Deliveries: kept once by subscription and event, due in the order of their next try.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, IdenStatic as _, JoinType, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, QueryTrait as _, Select, Value,
    sea_query::{Expr, ExprTrait as _},
};
use sluice_kernel::{OrderNo, PortResult, StoreId, Timestamp};
use sluice_partner::{
    Attempt, Delivery, DeliveryId, DeliveryQuery, DeliveryQueue, DeliveryState, EventType, LeasedTarget, NewDelivery, PushStats,
    Recorded, SubscriptionId, TargetHealth,
};

use super::{lease, record, row};
use crate::{
    database::Database,
    error::{IntoPort as _, StoreResult},
    multi_row::{InList, MultiRow, tuple},
    page::{read_list, read_page, readable_of},
    statement::{MAX_COUNTED, MAX_ROWS, padded},
    stored::{At, Stored, code},
    table::{
        row, webhook_attempts,
        webhook_deliveries::{ActiveModel, Column, Entity},
        webhook_subscriptions,
    },
    unit_of_work::UnitOfWork,
};

row! {
    struct NewRow of webhook_deliveries {
        delivery_id: String,
        subscription_id: i64,
        store_id: i64,
        event_id: String,
        event_type: Stored<EventType>,
        order_no: Stored<OrderNo>,
        body: String,
        created_at: At,
        since_at: At,
        next_try_at: At,
        state: Stored<DeliveryState>,
        tries: Stored<u32>,
        blamed: Stored<u32>,
    }
}

/// Stands for none: no order has this number.
pub(super) const NO_ORDER: OrderNo = OrderNo::from_id(0);

fn new_row(new: &NewDelivery, now: Timestamp) -> NewRow {
    NewRow {
        delivery_id: new.id.0.clone(),
        subscription_id: new.subscription.0,
        store_id: new.store.0,
        event_id: new.event_id.clone(),
        event_type: Stored(new.event_type),
        order_no: Stored(new.order_no.unwrap_or(NO_ORDER)),
        body: new.body.clone(),
        created_at: Stored(now),
        since_at: Stored(now),
        next_try_at: Stored(now),
        state: Stored(DeliveryState::Pending),
        tries: Stored(0),
        blamed: Stored(0),
    }
}

static INSERT: MultiRow<NewRow> = MultiRow::with_tail(|dialect| dialect.keep_existing("subscription_id, event_id"));

/// After which a row that could not be read is looked at again.
const UNREADABLE_PAUSE: Duration = Duration::from_mins(5);

static INSERTED: InList = InList::new(|| "SELECT delivery_id FROM webhook_deliveries".to_owned(), "delivery_id");

/// Deliveries that are looked at for each that may be given up: some were never tried, and their target is well.
const LOOKED_AT_FOR_EACH: i64 = 4;

/// Deliveries of subscriptions that were not removed.
fn standing() -> Select<Entity> {
    let subscription = Entity::belongs_to(webhook_subscriptions::Entity);
    let subscription = subscription.from(Column::SubscriptionId).to(webhook_subscriptions::Column::Id);
    let found = Entity::find().join(JoinType::InnerJoin, subscription.into());
    found.filter(webhook_subscriptions::Column::Deleted.eq(false))
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
        let values: Vec<Value> =
            vec![code(DeliveryState::Pending).into(), before.as_millis().into(), looked_at.into(), limit.into()];
        let rows = self.database.rows(select, values).await?;
        rows.iter().map(tuple).collect()
    }

    async fn exhaust(&self, before: Timestamp, limit: u32) -> StoreResult<usize> {
        let mut given_up = 0;
        for seqs in self.too_old(before, limit).await?.chunks(MAX_ROWS) {
            let exhausted = Entity::update_many()
                .set(ActiveModel { state: Set(Stored(DeliveryState::Exhausted)), ..Default::default() })
                .filter(Column::State.eq(Stored(DeliveryState::Pending)).and(Column::SinceAt.lt(Stored(before))))
                .filter(Column::Seq.is_in(padded(seqs)));
            given_up += exhausted.exec(&self.database).await?.rows_affected;
        }
        Ok(usize::try_from(given_up).unwrap_or(usize::MAX))
    }

    /// Those that can be read. The others step aside for a while, and count as tried, so that they are given up in the end.
    async fn read_due(&self, wanted: Select<Entity>, now: Timestamp) -> StoreResult<Vec<Delivery>> {
        let rows = self.database.query_all_raw(wanted.build(self.database.get_database_backend())).await?;
        let (mut due, mut unreadable) = (Vec::with_capacity(rows.len()), Vec::new());
        for row in &rows {
            match readable_of::<Entity, Delivery>(row, row::delivery) {
                Some(delivery) => due.push(delivery),
                None => unreadable.push(row.try_get_by::<i64, _>(Column::Seq.as_str())?),
            }
        }
        for seqs in unreadable.chunks(MAX_ROWS) {
            let aside = ActiveModel { next_try_at: Set(Stored(now.plus(UNREADABLE_PAUSE))), ..Default::default() };
            let aside = Entity::update_many().set(aside).col_expr(Column::Tries, Expr::col(Column::Tries).add(1));
            aside.filter(Column::Seq.is_in(padded(seqs))).exec(&self.database).await?;
        }
        Ok(due)
    }

    async fn make_due(&self, store: StoreId, id: &DeliveryId, now: Timestamp) -> StoreResult<bool> {
        if self.find_one(store, id).await?.is_none() {
            return Ok(false);
        }
        // One that is being tried anyhow keeps its period.
        let is_tried = Column::State.eq(Stored(DeliveryState::Pending));
        let since = Expr::case(is_tried, Expr::col(Column::SinceAt)).finally(now.as_millis());
        let due = ActiveModel {
            state: Set(Stored(DeliveryState::Pending)),
            next_try_at: Set(Stored(now)),
            blamed: Set(Stored(0)),
            ..Default::default()
        };
        // MySQL assigns from left to right: the period looks at the old state.
        let made_due = Entity::update_many().col_expr(Column::SinceAt, since.into()).set(due);
        made_due.filter(Column::StoreId.eq(store.0).and(Column::DeliveryId.eq(id.as_str()))).exec(&self.database).await?;
        Ok(true)
    }

    async fn find_one(&self, store: StoreId, id: &DeliveryId) -> StoreResult<Option<Delivery>> {
        let wanted = standing().filter(Column::StoreId.eq(store.0).and(Column::DeliveryId.eq(id.as_str())));
        wanted.one(&self.database).await?.map(row::delivery).transpose()
    }

    async fn count(&self) -> StoreResult<PushStats> {
        let select = "SELECT COUNT(*), MIN(d.since_at) FROM \
                      (SELECT subscription_id, since_at FROM webhook_deliveries WHERE state = ? ORDER BY since_at LIMIT ?) d \
                      JOIN webhook_subscriptions s ON s.id = d.subscription_id WHERE s.active = TRUE";
        let Some(found) = self.database.row(select, vec![code(DeliveryState::Pending).into(), MAX_COUNTED.into()]).await? else {
            return Ok(PushStats::default());
        };
        let (pending, oldest): (i64, Option<At>) = tuple(&found)?;
        Ok(PushStats { pending: u64::try_from(pending).unwrap_or(0), oldest: oldest.map(|at| at.0) })
    }
}

async fn insert(unit: &UnitOfWork, deliveries: &[&NewDelivery], now: Timestamp) -> StoreResult<usize> {
    INSERT.run(unit, deliveries.iter().map(|new| new_row(new, now))).await?;
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
        self.database.transact(move |unit, _| insert(unit, sorted, now).boxed()).await.into_port("keeping deliveries")
    }

    async fn lease(&self, lease: &str, now: Timestamp, until: Timestamp, limit: u32) -> PortResult<Vec<LeasedTarget>> {
        lease::lease(&self.database, lease, now, until, limit).await.into_port("leasing targets")
    }

    async fn due(&self, target: SubscriptionId, now: Timestamp, limit: u32) -> PortResult<Vec<Delivery>> {
        let wanted = standing().filter(Column::SubscriptionId.eq(target.0).and(Column::NextTryAt.lte(Stored(now))));
        let wanted = wanted.filter(Column::State.eq(Stored(DeliveryState::Pending)));
        let wanted = wanted.order_by_asc(Column::NextTryAt).order_by_asc(Column::Seq).limit(u64::from(limit));
        self.read_due(wanted, now).await.into_port("reading due deliveries")
    }

    async fn record(&self, target: &LeasedTarget, tries: &[Recorded], health: &TargetHealth, until: Timestamp) -> PortResult<bool> {
        self.database
            .transact(move |unit, _| record::record(unit, target, tries, health, until).boxed())
            .await
            .into_port("noting tries")
    }

    async fn release(&self, target: &LeasedTarget) -> PortResult<()> {
        lease::release(&self.database, target).await.into_port("giving a lease back")
    }

    async fn give_up(&self, before: Timestamp, limit: u32) -> PortResult<usize> {
        self.exhaust(before, limit).await.into_port("giving deliveries up")
    }

    async fn list(&self, query: DeliveryQuery) -> PortResult<Vec<Delivery>> {
        let of_target = Column::StoreId.eq(query.store.0).and(Column::SubscriptionId.eq(query.subscription.0));
        let mut wanted = standing().filter(of_target);
        if let Some(state) = query.state {
            wanted = wanted.filter(Column::State.eq(Stored(state)));
        }
        read_page(&self.database, wanted, Column::Seq, query.page, row::delivery).await.into_port("listing deliveries")
    }

    async fn find(&self, store: StoreId, id: &DeliveryId) -> PortResult<Option<Delivery>> {
        self.find_one(store, id).await.into_port("reading a delivery")
    }

    async fn attempts(&self, delivery: &Delivery) -> PortResult<Vec<Attempt>> {
        let wanted = webhook_attempts::Entity::find().filter(webhook_attempts::Column::DeliverySeq.eq(delivery.seq));
        let wanted = wanted.order_by_desc(webhook_attempts::Column::Number);
        read_list(&self.database, wanted, row::attempt).await.into_port("reading tries")
    }

    async fn replay(&self, store: StoreId, id: &DeliveryId, now: Timestamp) -> PortResult<bool> {
        self.make_due(store, id, now).await.into_port("replaying a delivery")
    }

    async fn stats(&self) -> PortResult<PushStats> {
        self.count().await.into_port("counting deliveries")
    }
}
