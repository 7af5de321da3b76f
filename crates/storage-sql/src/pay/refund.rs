//! Refunds. The payment's row is held while an amount, and units of its order, are taken from what is left of them.

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, FromQueryResult as _, IdenStatic as _, QueryFilter as _,
    QueryOrder as _, QueryResult, QuerySelect as _, QueryTrait as _, Select,
    sea_query::{Expr, ExprTrait as _},
};
use sluice_events::{PaymentSettled, RestockLine, SettledStatus};
use sluice_kernel::{Money, OrderNo, Page, PageRequest, PortResult, RefundId, SkuId, StoreId, Timestamp};
use sluice_pay::{PayRefund, PaymentStatus, RefundBegin, RefundRepository, RefundRequest, RefundStatus};

use super::row::{self, BegunRefund};
use crate::{
    database::Database,
    error::{IntoPort as _, StoreError, StoreResult},
    multi_row::MultiRow,
    page::{read_list, read_some},
    settlements,
    stored::Stored,
    table::{
        payments,
        refunds::{ActiveModel, Column, Entity, Model},
    },
    unit_of_work::UnitOfWork,
};

#[derive(Clone)]
pub struct SqlRefundRepository {
    database: Database,
}

impl SqlRefundRepository {
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

/// When the sweeper asks for a refund that was begun here: whoever began it asks at once.
const FIRST_LOOK: Duration = Duration::from_secs(10);

/// The row of a refund that was refused before is taken over.
static WRITE: MultiRow<BegunRefund> = MultiRow::with_tail(|dialect| {
    let anew = ["amount", "status", "reason", "restock", "created_at", "next_try_at", "fingerprint"];
    dialect.overwrite_existing("refund_id", &anew)
});

async fn begin(unit: &UnitOfWork, request: &RefundRequest, now: Timestamp) -> StoreResult<RefundBegin> {
    // The payment's row is held: refunds of one order follow each other.
    let wanted = payments::Entity::find_by_id(request.payment_id.as_str()).filter(payments::Column::StoreId.eq(request.store.0));
    let wanted = wanted.filter(payments::Column::OrderNo.eq(Stored(request.order_no))).lock_exclusive();
    let Some(found) = wanted.one(unit).await? else { return Ok(RefundBegin::NotPaid) };
    let payment = row::payment(found);
    if let Some((begun, fingerprint)) = find_with_fingerprint(unit, &request.id).await?
        && begun.status != RefundStatus::Refused
    {
        let other = fingerprint.zip(request.fingerprint).is_some_and(|(begun, asked)| begun != asked);
        return Ok(if other { RefundBegin::KeyReused } else { RefundBegin::Begun(begun) });
    }
    if payment.status != PaymentStatus::Paid {
        return Ok(RefundBegin::NotPaid);
    }

    let left = payment.amount.amount - payment.refunded;
    let amount = request.amount.unwrap_or(left);
    // Nothing can be given back of a payment that has nothing left; only an order that cost nothing is refunded by 0.
    let sound = (1..=left).contains(&amount) || (amount == 0 && payment.amount.amount == 0);
    if !sound {
        return Ok(RefundBegin::TooLarge { left });
    }
    let restock = match restockable(unit, request).await? {
        Ok(restock) => restock,
        Err(refused) => return Ok(refused),
    };
    let take = payments::Entity::update_many()
        .col_expr(payments::Column::Refunded, Expr::col(payments::Column::Refunded).add(amount))
        .filter(payments::Column::PaymentId.eq(payment.id.as_str()).and(payments::Column::StoreId.eq(payment.store.0)))
        .filter(payments::Column::Status.eq(Stored(PaymentStatus::Paid)))
        .filter(Expr::col(payments::Column::Amount).sub(Expr::col(payments::Column::Refunded)).gte(amount));
    if amount > 0 && take.exec(unit).await?.rows_affected == 0 {
        return Ok(RefundBegin::TooLarge { left });
    }
    let refund = PayRefund {
        id: request.id.clone(),
        store: request.store,
        order_no: request.order_no,
        payment_id: payment.id,
        amount: Money::new(amount, payment.amount.currency),
        status: RefundStatus::Pending,
        reason: request.reason.clone(),
        restock,
        created_at: now,
        attempts: 0,
    };
    WRITE.run(unit, [row::begun_refund(&refund, request.fingerprint.as_ref(), now.plus(FIRST_LOOK))?]).await?;
    // What became of the one that was refused says nothing of this one.
    Entity::update_many()
        .set(ActiveModel { attempts: Set(Stored(0)), refusal: Set(None), ..Default::default() })
        .filter(Column::RefundId.eq(refund.id.as_str()).and(Column::Attempts.gt(0)))
        .exec(unit)
        .await?;
    Ok(RefundBegin::Begun(refund))
}

/// What is asked for of each SKU, within what the order's other refunds have left of it.
async fn restockable(unit: &UnitOfWork, request: &RefundRequest) -> StoreResult<Result<Vec<RestockLine>, RefundBegin>> {
    if request.restock.is_empty() {
        return Ok(Ok(Vec::new()));
    }
    let others = Column::OrderNo.eq(Stored(request.order_no)).and(Column::StoreId.eq(request.store.0));
    let others = others.and(Column::RefundId.ne(request.id.as_str())).and(Column::Status.ne(Stored(RefundStatus::Refused)));
    let mut begun: HashMap<SkuId, i64> = HashMap::new();
    for refund in Entity::find().filter(others).all(unit).await? {
        for line in serde_json::from_str::<Vec<RestockLine>>(&refund.restock)? {
            *begun.entry(line.sku_id).or_default() += line.quantity;
        }
    }
    let mut lines = Vec::with_capacity(request.restock.len());
    for ask in &request.restock {
        let left = Ord::max(ask.ordered.saturating_sub(begun.get(&ask.sku_id).copied().unwrap_or(0)), 0);
        let quantity = ask.wanted.unwrap_or(left);
        if quantity > left {
            return Ok(Err(RefundBegin::RestockTooLarge { sku: ask.sku_id, left }));
        }
        if quantity > 0 {
            lines.push(RestockLine { sku_id: ask.sku_id, quantity });
        }
    }
    Ok(Ok(lines))
}

async fn find_with_fingerprint(unit: &UnitOfWork, id: &RefundId) -> StoreResult<Option<(PayRefund, Option<[u8; 32]>)>> {
    let Some(found) = Entity::find_by_id(id.as_str()).one(unit).await? else { return Ok(None) };
    let fingerprint = found.fingerprint.clone().and_then(|bytes| bytes.try_into().ok());
    Ok(Some((row::refund(found)?, fingerprint)))
}

async fn find(unit: &UnitOfWork, id: &RefundId) -> StoreResult<Option<PayRefund>> {
    Ok(find_with_fingerprint(unit, id).await?.map(|(refund, _)| refund))
}

async fn finish(unit: &UnitOfWork, id: &RefundId, now: Timestamp) -> StoreResult<()> {
    let done = ActiveModel { status: Set(Stored(RefundStatus::Done)), finished_at: Set(Some(Stored(now))), ..Default::default() };
    if Entity::update_many().set(done).filter(is_pending(id)).exec(unit).await?.rows_affected == 0 {
        return Ok(());
    }
    let refund = find(unit, id).await?.ok_or(StoreError::Corrupt("refunds"))?;
    let of_store = payments::Column::StoreId.eq(refund.store.0);
    let payment = payments::Entity::find_by_id(refund.payment_id.as_str()).filter(of_store).one(unit).await?;
    let provider = payment.ok_or(StoreError::Corrupt("refunds.payment_id"))?.provider;
    let settled = PaymentSettled {
        order_no: refund.order_no,
        store_id: refund.store,
        payment_id: refund.payment_id,
        provider,
        status: SettledStatus::Refunded,
        amount: refund.amount,
        points: None,
        refund_id: Some(refund.id),
        restock: refund.restock,
        at: now,
    };
    settlements::announce_one(unit, settled, now).await
}

async fn refuse(unit: &UnitOfWork, id: &RefundId, reason: &str, now: Timestamp) -> StoreResult<()> {
    // Payment before refund, as whoever begins one takes them.
    let Some(refund) = find(unit, id).await? else { return Ok(()) };
    payments::Entity::find_by_id(refund.payment_id.as_str()).lock_exclusive().one(unit).await?;
    let refused = ActiveModel {
        status: Set(Stored(RefundStatus::Refused)),
        refusal: Set(Some(reason.chars().take(500).collect())),
        finished_at: Set(Some(Stored(now))),
        ..Default::default()
    };
    if Entity::update_many().set(refused).filter(is_pending(id)).exec(unit).await?.rows_affected == 0 {
        return Ok(());
    }
    let amount = refund.amount.amount;
    let give_back = payments::Entity::update_many()
        .col_expr(payments::Column::Refunded, Expr::col(payments::Column::Refunded).sub(amount))
        .filter(payments::Column::PaymentId.eq(refund.payment_id.as_str()).and(payments::Column::Refunded.gte(amount)));
    if amount > 0 && give_back.exec(unit).await?.rows_affected != 1 {
        return Err(StoreError::Contradiction("a refused refund of more than was taken for refunds"));
    }
    Ok(())
}

fn is_pending(id: &RefundId) -> Expr {
    Column::RefundId.eq(id.as_str()).and(Column::Status.eq(Stored(RefundStatus::Pending)))
}

/// Refunds that were asked for in one millisecond and stand on one page.
const MAX_AT_ONCE: u64 = 1_000;

/// The newest of each status that is asked for, since the index goes by status. Times are the cursor, so those of the last one's
/// instant stand on its page. One that changes its status between two of these reads is found twice, and shown once.
async fn listed(
    database: &Database,
    store: StoreId,
    status: Option<RefundStatus>,
    page: PageRequest,
) -> StoreResult<Page<PayRefund>> {
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let statuses: &[RefundStatus] = status.as_ref().map_or(&STATUSES, std::slice::from_ref);
    let after = Timestamp::from_millis(page.after.unwrap_or(i64::MAX));
    let (mut newest, mut ends) = (Vec::new(), Vec::new());
    for status in statuses {
        let of_status = of_store(store, *status).filter(Column::CreatedAt.lt(Stored(after))).order_by_desc(Column::CreatedAt);
        let most = u64::from(page.limit).saturating_add(1);
        let (found, end) = read_some(database, of_status, Column::CreatedAt, most, row::refund).await?;
        newest.extend(found);
        ends.extend(end);
    }
    newest_first(&mut newest);
    // What is older than the end of one of these reads may be missing there.
    let overfull = newest.get(limit).and_then(|_| newest.get(limit.saturating_sub(1)));
    ends.extend(overfull.map(|refund| refund.created_at.as_millis()));
    let Some(last) = ends.into_iter().max().map(Timestamp::from_millis) else {
        return Ok(Page::going_on_after(newest, None));
    };
    newest.retain(|refund| refund.created_at > last);
    for status in statuses {
        let at_once = of_store(store, *status).filter(Column::CreatedAt.eq(Stored(last))).limit(MAX_AT_ONCE);
        newest.extend(read_list(database, at_once, row::refund).await?);
    }
    newest_first(&mut newest);
    Ok(Page::going_on_after(newest, Some(last.as_millis())))
}

fn newest_first(refunds: &mut Vec<PayRefund>) {
    refunds.sort_unstable_by(|one, other| (other.created_at, other.id.as_str()).cmp(&(one.created_at, one.id.as_str())));
    refunds.dedup_by(|one, other| one.id == other.id);
}

const STATUSES: [RefundStatus; 3] = [RefundStatus::Pending, RefundStatus::Done, RefundStatus::Refused];

fn of_store(store: StoreId, status: RefundStatus) -> Select<Entity> {
    Entity::find().filter(Column::StoreId.eq(store.0).and(Column::Status.eq(Stored(status))))
}

/// A row that cannot be read holds up no other one.
async fn step_aside(unit: &UnitOfWork, row: &QueryResult, until: Timestamp, error: &StoreError) -> StoreResult<()> {
    let id: String = row.try_get_by(Column::RefundId.as_str())?;
    tracing::error!(refund.id = %id, error = %error, "A refund cannot be read.");
    let later = ActiveModel { next_try_at: Set(Stored(until)), ..Default::default() };
    Entity::update_many().set(later).filter(Column::RefundId.eq(id)).exec(unit).await?;
    Ok(())
}

async fn claim(unit: &UnitOfWork, limit: u32, now: Timestamp, until: Timestamp) -> StoreResult<Vec<PayRefund>> {
    let wanted = Column::Status.eq(Stored(RefundStatus::Pending)).and(Column::NextTryAt.lte(Stored(now)));
    let wanted = Entity::find().filter(wanted).order_by_asc(Column::NextTryAt).limit(u64::from(limit));
    let mut due = Vec::new();
    for found in unit.query_all_raw(wanted.build(unit.get_database_backend())).await? {
        let read = || -> StoreResult<_> {
            let row = Model::from_query_result(&found, "")?;
            Ok((row.next_try_at, row::refund(row)?))
        };
        match read() {
            Ok(read) => due.push(read),
            Err(error) => step_aside(unit, &found, until, &error).await?,
        }
    }
    due.sort_by(|(_, one), (_, other)| one.id.as_str().cmp(other.id.as_str()));
    let mut claimed = Vec::with_capacity(due.len());
    for (next_try_at, mut refund) in due {
        let take = Entity::update_many()
            .set(ActiveModel { next_try_at: Set(Stored(until)), ..Default::default() })
            .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
            .filter(is_pending(&refund.id).and(Column::NextTryAt.eq(next_try_at)));
        if take.exec(unit).await?.rows_affected == 1 {
            refund.attempts = refund.attempts.saturating_add(1);
            claimed.push(refund);
        }
    }
    Ok(claimed)
}

#[async_trait]
impl RefundRepository for SqlRefundRepository {
    async fn begin(&self, request: &RefundRequest, now: Timestamp) -> PortResult<RefundBegin> {
        self.database.transact(move |unit, _| begin(unit, request, now).boxed()).await.into_port("beginning a refund")
    }

    async fn finish(&self, id: &RefundId, now: Timestamp) -> PortResult<()> {
        self.database.transact(move |unit, _| finish(unit, id, now).boxed()).await.into_port("finishing a refund")
    }

    async fn find(&self, id: &RefundId) -> PortResult<Option<PayRefund>> {
        let found = Entity::find_by_id(id.as_str()).one(&self.database).await.into_port("reading a refund")?;
        found.map(row::refund).transpose().into_port("reading a refund")
    }

    async fn of_order(&self, store: StoreId, order: OrderNo) -> PortResult<Vec<PayRefund>> {
        let wanted = Entity::find().filter(Column::StoreId.eq(store.0).and(Column::OrderNo.eq(Stored(order))));
        let wanted = wanted.order_by_asc(Column::CreatedAt).order_by_asc(Column::RefundId);
        let found = wanted.all(&self.database).await.into_port("reading an order's refunds")?;
        found.into_iter().map(row::refund).collect::<StoreResult<_>>().into_port("reading an order's refunds")
    }

    async fn list(&self, store: StoreId, status: Option<RefundStatus>, page: PageRequest) -> PortResult<Page<PayRefund>> {
        listed(&self.database, store, status, page).await.into_port("listing refunds")
    }

    async fn refuse(&self, id: &RefundId, reason: &str, now: Timestamp) -> PortResult<()> {
        self.database.transact(move |unit, _| refuse(unit, id, reason, now).boxed()).await.into_port("noting a refused refund")
    }

    async fn claim(&self, limit: u32, now: Timestamp, until: Timestamp) -> PortResult<Vec<PayRefund>> {
        self.database.transact(move |unit, _| claim(unit, limit, now, until).boxed()).await.into_port("claiming refunds")
    }

    async fn put_off(&self, id: &RefundId, until: Timestamp) -> PortResult<()> {
        let later = ActiveModel { next_try_at: Set(Stored(until)), ..Default::default() };
        let written = Entity::update_many().set(later).filter(is_pending(id)).exec(&self.database).await;
        written.map(|_| ()).into_port("putting a refund off")
    }
}
