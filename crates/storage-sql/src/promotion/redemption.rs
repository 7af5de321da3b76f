//! Redemptions, one row an order. Payment and refund are told on different topics and may arrive in any order, so each
//! writes its own columns of the row: a refund that comes first leaves a row that is not shown until the payment comes.

use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use sluice_kernel::{ActivityId, CampaignId, Currency, Money, OrderNo, PageRequest, Points, ProductId, StoreId, Timestamp, UserId};
use sluice_promotion::Redemption;

use crate::{
    database::Database,
    error::{StoreError, StoreResult},
    multi_row::MultiRow,
    page::read_page,
    stored::Stored,
    table::{Row as _, redemptions},
    unit_of_work::UnitOfWork,
};

/// What the payment brings to a row whose refund came first.
static OF_PAYMENT: MultiRow<redemptions::Model> = MultiRow::with_tail(|dialect| {
    let key_and_refund = ["order_no", "store_id", "refunded_at"];
    let brought: Vec<&str> =
        redemptions::Model::COLUMNS.iter().copied().filter(|column| !key_and_refund.contains(column)).collect();
    dialect.overwrite_existing("order_no", &brought)
});
static OF_REFUND: MultiRow<redemptions::Model> =
    MultiRow::with_tail(|dialect| dialect.overwrite_existing("order_no", &["refunded_at"]));

pub(super) async fn record(unit: &UnitOfWork, redemptions: &[Redemption]) -> StoreResult<()> {
    // One order of locks, whatever the order of arrival.
    let mut sorted: Vec<&Redemption> = redemptions.iter().collect();
    sorted.sort_by_key(|redemption| redemption.order_no);
    sorted.dedup_by_key(|redemption| redemption.order_no);
    OF_PAYMENT.run(unit, sorted.into_iter().map(paid)).await?;
    Ok(())
}

fn paid(redemption: &Redemption) -> redemptions::Model {
    redemptions::Model {
        order_no: Stored(redemption.order_no),
        store_id: redemption.store_id.0,
        user_id: redemption.user_id.0.clone(),
        activity_id: redemption.activity_id.0,
        product_id: redemption.product_id.0,
        quantity: redemption.quantity,
        cash: redemption.cash.amount,
        currency: redemption.cash.currency.as_str().to_owned(),
        points: redemption.points.0,
        promoter: redemption.promoter.clone(),
        unit_profit: redemption.unit_profit,
        total_profit: redemption.total_profit,
        campaign_id: redemption.campaign_id.map(|id| id.0),
        paid_at: Some(Stored(redemption.at)),
        refunded_at: None,
    }
}

pub(super) async fn mark_refunded(unit: &UnitOfWork, refunds: &[(StoreId, OrderNo, Timestamp)]) -> StoreResult<()> {
    let mut sorted: Vec<&(StoreId, OrderNo, Timestamp)> = refunds.iter().collect();
    sorted.sort_by_key(|(_, order, _)| *order);
    for (store, order, at) in sorted {
        OF_REFUND.run(unit, [refunded(*store, *order, *at)]).await?;
    }
    Ok(())
}

/// Everything but the refund is empty until the payment comes.
fn refunded(store: StoreId, order_no: OrderNo, at: Timestamp) -> redemptions::Model {
    redemptions::Model {
        order_no: Stored(order_no),
        store_id: store.0,
        user_id: String::new(),
        activity_id: 0,
        product_id: 0,
        quantity: 0,
        cash: 0,
        currency: String::new(),
        points: 0,
        promoter: None,
        unit_profit: 0,
        total_profit: 0,
        campaign_id: None,
        paid_at: None,
        refunded_at: Some(Stored(at)),
    }
}

/// By order, newest first, one more than the page holds.
pub(super) async fn list(database: &Database, store: StoreId, page: PageRequest) -> StoreResult<Vec<Redemption>> {
    let wanted = redemptions::Entity::find().filter(redemptions::Column::StoreId.eq(store.0));
    let wanted = wanted.filter(redemptions::Column::PaidAt.is_not_null());
    read_page(database, wanted, redemptions::Column::OrderNo, page, redemption).await
}

fn redemption(row: redemptions::Model) -> StoreResult<Redemption> {
    let currency: Currency = row.currency.parse().map_err(|_| StoreError::Corrupt("redemptions.currency"))?;
    Ok(Redemption {
        order_no: row.order_no.0,
        store_id: StoreId(row.store_id),
        user_id: UserId(row.user_id),
        activity_id: ActivityId(row.activity_id),
        product_id: ProductId(row.product_id),
        quantity: row.quantity,
        cash: Money::new(row.cash, currency),
        points: Points(row.points),
        promoter: row.promoter,
        unit_profit: row.unit_profit,
        total_profit: row.total_profit,
        campaign_id: row.campaign_id.map(CampaignId),
        at: row.paid_at.ok_or(StoreError::Corrupt("redemptions.paid_at"))?.0,
        refunded_at: row.refunded_at.map(|at| at.0),
    })
}
