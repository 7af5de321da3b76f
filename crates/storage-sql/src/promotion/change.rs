//! Changes by staff: compare-and-set on the version, and the revisions of the SKUs they touch.

use sea_orm::{
    ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, ExprTrait as _},
};
use sluice_kernel::{ActivityId, CampaignId, Changed, ProductId, StoreId};
use sluice_promotion::{Activity, ActivityFields, Campaign, CampaignFields, Offer, OfferTerms};

use super::row;
use crate::{
    catalog::raise_revisions,
    error::StoreResult,
    table::{activities, activity_products, campaigns},
    unit_of_work::UnitOfWork,
};

pub(super) async fn activity(
    unit: &UnitOfWork,
    store: StoreId,
    id: ActivityId,
    version: i64,
    fields: &ActivityFields,
    outside_gate: bool,
) -> StoreResult<Changed<Activity>> {
    use activities::Column;
    let written = activities::Entity::update_many()
        .set(row::activity_values(fields))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::StoreId.eq(store.0).and(Column::Id.eq(id.0)).and(Column::Version.eq(version)))
        .exec(unit)
        .await?;
    let wanted = activities::Entity::find_by_id(id.0).filter(Column::StoreId.eq(store.0));
    let Some(found) = wanted.one(unit).await? else { return Ok(Changed::Absent) };
    if written.rows_affected == 0 {
        return Ok(Changed::Stale);
    }
    let offers = activity_products::Entity::find().select_only().column(activity_products::Column::SkuId);
    let of_activity = activity_products::Column::StoreId.eq(store.0).and(activity_products::Column::ActivityId.eq(id.0));
    let offers = offers.filter(of_activity).order_by_asc(activity_products::Column::SkuId);
    let skus: Vec<i64> = offers.into_tuple().all(unit).await?;
    raise_revisions(unit, store, &skus, outside_gate).await?;
    Ok(Changed::Done(row::activity(found)))
}

pub(super) async fn offer(
    unit: &UnitOfWork,
    store: StoreId,
    product: ProductId,
    version: i64,
    terms: &OfferTerms,
    outside_gate: bool,
) -> StoreResult<Changed<Offer>> {
    use activity_products::Column;
    let written = activity_products::Entity::update_many()
        .set(row::terms_values(terms))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::StoreId.eq(store.0).and(Column::ProductId.eq(product.0)).and(Column::Version.eq(version)))
        .exec(unit)
        .await?;
    let wanted = activity_products::Entity::find_by_id(product.0).filter(Column::StoreId.eq(store.0));
    let Some(found) = wanted.one(unit).await? else { return Ok(Changed::Absent) };
    if written.rows_affected == 0 {
        return Ok(Changed::Stale);
    }
    let offer = row::offer(&found);
    raise_revisions(unit, store, &[offer.sku_id.0], outside_gate).await?;
    Ok(Changed::Done(offer))
}

pub(super) async fn campaign(
    unit: &UnitOfWork,
    store: StoreId,
    id: CampaignId,
    version: i64,
    fields: &CampaignFields,
) -> StoreResult<Changed<Campaign>> {
    use campaigns::Column;
    let written = campaigns::Entity::update_many()
        .set(row::campaign_values(fields))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::StoreId.eq(store.0).and(Column::Id.eq(id.0)).and(Column::Version.eq(version)))
        .exec(unit)
        .await?;
    match campaigns::Entity::find_by_id(id.0).filter(Column::StoreId.eq(store.0)).one(unit).await? {
        None => Ok(Changed::Absent),
        Some(_) if written.rows_affected == 0 => Ok(Changed::Stale),
        Some(found) => Ok(Changed::Done(row::campaign(found))),
    }
}
