//! Redemptions, one row an order. Payment and refund are told on different topics and may arrive in any order, so each
//! writes its own columns of the row: a refund that comes first leaves a row that is not shown until the payment comes.

use sea_orm::{QueryResult, Value};
use sluice_kernel::{ActivityId, CampaignId, Currency, Money, OrderNo, PageRequest, Points, ProductId, StoreId, Timestamp, UserId};
use sluice_promotion::Redemption;

use crate::{
    database::Database,
    error::{StoreError, StoreResult},
    page::read_page,
    statement::{insert_into, power_chunks},
    unit_of_work::UnitOfWork,
};

const COLUMNS: [&str; 14] = [
    "order_no",
    "store_id",
    "user_id",
    "activity_id",
    "product_id",
    "quantity",
    "cash",
    "currency",
    "points",
    "promoter",
    "unit_profit",
    "total_profit",
    "campaign_id",
    "paid_at",
];
/// What the payment brings to a row whose refund came first.
const OF_PAYMENT: [&str; 12] = [
    "user_id",
    "activity_id",
    "product_id",
    "quantity",
    "cash",
    "currency",
    "points",
    "promoter",
    "unit_profit",
    "total_profit",
    "campaign_id",
    "paid_at",
];

pub(super) async fn record(unit: &UnitOfWork, redemptions: &[Redemption]) -> StoreResult<()> {
    // One order of locks, whatever the order of arrival.
    let mut sorted: Vec<&Redemption> = redemptions.iter().collect();
    sorted.sort_by_key(|redemption| redemption.order_no);
    sorted.dedup_by_key(|redemption| redemption.order_no);
    let keep = unit.dialect().overwrite_existing("order_no", &OF_PAYMENT);
    for chunk in power_chunks(&sorted) {
        let values = chunk.iter().flat_map(|redemption| values(redemption)).collect();
        unit.execute(insert_into("redemptions", &COLUMNS, chunk.len()) + &keep, values).await?;
    }
    Ok(())
}

fn values(redemption: &Redemption) -> [Value; 14] {
    [
        redemption.order_no.id().into(),
        redemption.store_id.0.into(),
        redemption.user_id.as_str().into(),
        redemption.activity_id.0.into(),
        redemption.product_id.0.into(),
        redemption.quantity.into(),
        redemption.cash.amount.into(),
        redemption.cash.currency.as_str().into(),
        redemption.points.0.into(),
        redemption.promoter.clone().into(),
        redemption.unit_profit.into(),
        redemption.total_profit.into(),
        redemption.campaign_id.map(|id| id.0).into(),
        redemption.at.as_millis().into(),
    ]
}

pub(super) async fn mark_refunded(unit: &UnitOfWork, refunds: &[(StoreId, OrderNo, Timestamp)]) -> StoreResult<()> {
    let mut sorted: Vec<&(StoreId, OrderNo, Timestamp)> = refunds.iter().collect();
    sorted.sort_by_key(|(_, order, _)| *order);
    let overwrite = unit.dialect().overwrite_existing("order_no", &["refunded_at"]);
    let insert = format!(
        "INSERT INTO redemptions (order_no, store_id, user_id, activity_id, product_id, quantity, cash, currency, points, \
         unit_profit, total_profit, refunded_at) VALUES (?, ?, '', 0, 0, 0, 0, '', 0, 0, 0, ?){overwrite}"
    );
    for (store, order, at) in sorted {
        unit.execute(insert.clone(), vec![order.id().into(), store.0.into(), at.as_millis().into()]).await?;
    }
    Ok(())
}

/// By order, newest first, one more than the page holds.
pub(super) async fn list(database: &Database, store: StoreId, page: PageRequest) -> StoreResult<Vec<Redemption>> {
    let statement = |after: i64, limit: i64| {
        let select = format!(
            "SELECT {}, refunded_at FROM redemptions WHERE store_id = ? AND order_no < ? AND paid_at IS NOT NULL \
             ORDER BY order_no DESC LIMIT ?",
            COLUMNS.join(", ")
        );
        (select, vec![store.0.into(), after.into(), limit.into()])
    };
    read_page(database, "redemptions", "order_no", page, statement, redemption).await
}

fn redemption(row: &QueryResult) -> StoreResult<Redemption> {
    let currency: String = row.try_get_by("currency")?;
    let currency: Currency = currency.parse().map_err(|_| StoreError::Corrupt("redemptions.currency"))?;
    Ok(Redemption {
        order_no: OrderNo::from_id(row.try_get_by("order_no")?),
        store_id: StoreId(row.try_get_by("store_id")?),
        user_id: UserId(row.try_get_by("user_id")?),
        activity_id: ActivityId(row.try_get_by("activity_id")?),
        product_id: ProductId(row.try_get_by("product_id")?),
        quantity: row.try_get_by("quantity")?,
        cash: Money::new(row.try_get_by("cash")?, currency),
        points: Points(row.try_get_by("points")?),
        promoter: row.try_get_by("promoter")?,
        unit_profit: row.try_get_by("unit_profit")?,
        total_profit: row.try_get_by("total_profit")?,
        campaign_id: row.try_get_by::<Option<i64>, _>("campaign_id")?.map(CampaignId),
        at: Timestamp::from_millis(row.try_get_by("paid_at")?),
        refunded_at: row.try_get_by::<Option<i64>, _>("refunded_at")?.map(Timestamp::from_millis),
    })
}
