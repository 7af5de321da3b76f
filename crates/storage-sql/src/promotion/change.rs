//! Changes by staff: compare-and-set on the version, and the revisions of the SKUs they touch.

use sea_orm::Value;
use sluice_kernel::{ActivityId, CampaignId, ProductId, StoreId};
use sluice_promotion::{Activity, ActivityFields, Campaign, CampaignFields, Changed, Offer, OfferTerms};

use super::row::{self, ACTIVITY, CAMPAIGN, OFFER};
use crate::{catalog::raise_revisions, error::StoreResult, unit_of_work::UnitOfWork};

pub(super) async fn activity(
    unit: &UnitOfWork,
    store: StoreId,
    id: ActivityId,
    version: i64,
    fields: &ActivityFields,
    outside_gate: bool,
) -> StoreResult<Changed<Activity>> {
    let update = "UPDATE activities SET title = ?, starts_at = ?, ends_at = ?, mode = ?, version = version + 1 \
        WHERE store_id = ? AND id = ? AND version = ?";
    let values: Vec<Value> = vec![
        fields.title.as_str().into(),
        fields.window.starts_at.as_millis().into(),
        fields.window.ends_at.as_millis().into(),
        fields.mode.as_str().into(),
        store.0.into(),
        id.0.into(),
        version.into(),
    ];
    let changed = unit.execute(update, values).await?;
    let select = format!("SELECT {ACTIVITY} FROM activities WHERE store_id = ? AND id = ?");
    let Some(found) = unit.row(select, vec![store.0.into(), id.0.into()]).await? else {
        return Ok(Changed::Absent);
    };
    if changed == 0 {
        return Ok(Changed::Stale);
    }
    let offers = "SELECT sku_id FROM activity_products WHERE store_id = ? AND activity_id = ? ORDER BY sku_id";
    let rows = unit.rows(offers, vec![store.0.into(), id.0.into()]).await?;
    let skus: Vec<i64> = rows.iter().map(|found| Ok(found.try_get_by("sku_id")?)).collect::<StoreResult<_>>()?;
    raise_revisions(unit, store, &skus, outside_gate).await?;
    Ok(Changed::Done(row::activity(&found)?))
}

pub(super) async fn offer(
    unit: &UnitOfWork,
    store: StoreId,
    product: ProductId,
    version: i64,
    terms: &OfferTerms,
    outside_gate: bool,
) -> StoreResult<Changed<Offer>> {
    let update = "UPDATE activity_products SET mode = ?, discount = ?, sales_status = ?, per_user_limit = ?, deleted = ?, \
        version = version + 1 WHERE store_id = ? AND product_id = ? AND version = ?";
    let mut values: Vec<Value> = row::terms_values(terms).into();
    values.extend([store.0.into(), product.0.into(), version.into()]);
    let changed = unit.execute(update, values).await?;
    let select = format!("SELECT {OFFER} FROM activity_products WHERE store_id = ? AND product_id = ?");
    let Some(found) = unit.row(select, vec![store.0.into(), product.0.into()]).await? else {
        return Ok(Changed::Absent);
    };
    if changed == 0 {
        return Ok(Changed::Stale);
    }
    let offer = row::offer(&found)?;
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
    let update = "UPDATE campaigns SET name = ?, starts_at = ?, ends_at = ?, version = version + 1 \
        WHERE store_id = ? AND id = ? AND version = ?";
    let values: Vec<Value> = vec![
        fields.name.as_str().into(),
        fields.window.starts_at.as_millis().into(),
        fields.window.ends_at.as_millis().into(),
        store.0.into(),
        id.0.into(),
        version.into(),
    ];
    let changed = unit.execute(update, values).await?;
    let select = format!("SELECT {CAMPAIGN} FROM campaigns WHERE store_id = ? AND id = ?");
    match unit.row(select, vec![store.0.into(), id.0.into()]).await? {
        None => Ok(Changed::Absent),
        Some(_) if changed == 0 => Ok(Changed::Stale),
        Some(found) => Ok(Changed::Done(row::campaign(&found)?)),
    }
}
