//! Reading activities, offers and campaigns.

use std::collections::HashMap;

use sea_orm::Value;
use sluice_kernel::{ActivityId, CampaignId, PageRequest, ProductId, StoreId, Timestamp};
use sluice_promotion::{Activity, ActivityOffers, Campaign, Look, Offer};

use super::row::{self, ACTIVITY, CAMPAIGN, OFFER};
use crate::{
    database::Database,
    error::StoreResult,
    statement::{MOST_ROWS, padded, placeholders},
};

/// `id < ?` and `LIMIT ?` of a page that is read newest first, one more than it holds.
fn page_values(page: PageRequest) -> [Value; 2] {
    [page.after.unwrap_or(i64::MAX).into(), (i64::from(page.limit) + 1).into()]
}

/// All of the store's, or those that end at `open_at` or later.
pub(super) async fn activities(
    database: &Database,
    store: StoreId,
    open_at: Option<Timestamp>,
    page: PageRequest,
) -> StoreResult<Vec<Activity>> {
    let select =
        format!("SELECT {ACTIVITY} FROM activities WHERE store_id = ? AND ends_at >= ? AND id < ? ORDER BY id DESC LIMIT ?");
    let mut values: Vec<Value> = vec![store.0.into(), open_at.map_or(i64::MIN, Timestamp::as_millis).into()];
    values.extend(page_values(page));
    database.rows(select, values).await?.iter().map(row::activity).collect()
}

pub(super) async fn open_activities(
    database: &Database,
    store: StoreId,
    now: Timestamp,
    page: PageRequest,
) -> StoreResult<Vec<ActivityOffers>> {
    let found = activities(database, store, Some(now), page).await?;
    let ids: Vec<i64> = found.iter().map(|activity| activity.id.0).collect();
    let mut offers_of: HashMap<ActivityId, Vec<Offer>> = HashMap::new();
    for chunk in ids.chunks(MOST_ROWS) {
        let list = placeholders(chunk.len());
        let select = format!(
            "SELECT {OFFER} FROM activity_products WHERE store_id = ? AND activity_id IN ({list}) AND deleted = FALSE ORDER BY product_id"
        );
        let mut values: Vec<Value> = vec![store.0.into()];
        values.extend(padded(chunk).map(Value::from));
        for found in database.rows(select, values).await? {
            let offer = row::offer(&found)?;
            offers_of.entry(offer.activity_id).or_default().push(offer);
        }
    }
    let with_offers = |activity: Activity| {
        let offers = offers_of.remove(&activity.id).unwrap_or_default();
        ActivityOffers { activity, offers }
    };
    Ok(found.into_iter().map(with_offers).collect())
}

pub(super) async fn activity(database: &Database, store: StoreId, id: ActivityId) -> StoreResult<Option<ActivityOffers>> {
    let select = format!("SELECT {ACTIVITY} FROM activities WHERE store_id = ? AND id = ?");
    let Some(found) = database.row(select, vec![store.0.into(), id.0.into()]).await? else {
        return Ok(None);
    };
    let activity = row::activity(&found)?;
    let select = format!("SELECT {OFFER} FROM activity_products WHERE store_id = ? AND activity_id = ? ORDER BY product_id");
    let rows = database.rows(select, vec![store.0.into(), id.0.into()]).await?;
    let offers = rows.iter().map(row::offer).collect::<StoreResult<_>>()?;
    Ok(Some(ActivityOffers { activity, offers }))
}

pub(super) async fn offer(database: &Database, store: StoreId, product: ProductId) -> StoreResult<Option<Offer>> {
    let select = format!("SELECT {OFFER} FROM activity_products WHERE store_id = ? AND product_id = ?");
    database.row(select, vec![store.0.into(), product.0.into()]).await?.as_ref().map(row::offer).transpose()
}

/// One statement: activity and offer are as old as the revision that guards them.
pub(super) async fn look(database: &Database, store: StoreId, activity: ActivityId, product: ProductId) -> StoreResult<Look> {
    let select = "SELECT a.id, a.store_id, a.title, a.starts_at, a.ends_at, a.mode, a.version, o.product_id, o.activity_id, o.sku_id, \
        o.mode AS offer_mode, o.discount, o.sales_status, o.per_user_limit, o.deleted, o.version AS offer_version, s.revision \
        FROM activities a \
        LEFT JOIN activity_products o ON o.activity_id = a.id AND o.store_id = a.store_id AND o.product_id = ? AND o.deleted = FALSE \
        LEFT JOIN skus s ON s.id = o.sku_id AND s.store_id = o.store_id \
        WHERE a.store_id = ? AND a.id = ?";
    let values: Vec<Value> = vec![product.0.into(), store.0.into(), activity.0.into()];
    let Some(found) = database.row(select, values).await? else {
        return Ok(Look { activity: None, offer: None });
    };
    let revision: Option<i64> = found.try_get_by("revision")?;
    let offer = match revision {
        Some(revision) => Some((row::offer_beside_activity(&found)?, revision)),
        None => None,
    };
    Ok(Look { activity: Some(row::activity(&found)?), offer })
}

pub(super) async fn campaigns(database: &Database, store: StoreId, page: PageRequest) -> StoreResult<Vec<Campaign>> {
    let select = format!("SELECT {CAMPAIGN} FROM campaigns WHERE store_id = ? AND id < ? ORDER BY id DESC LIMIT ?");
    let mut values: Vec<Value> = vec![store.0.into()];
    values.extend(page_values(page));
    database.rows(select, values).await?.iter().map(row::campaign).collect()
}

pub(super) async fn campaign(database: &Database, store: StoreId, id: CampaignId) -> StoreResult<Option<Campaign>> {
    let select = format!("SELECT {CAMPAIGN} FROM campaigns WHERE store_id = ? AND id = ?");
    database.row(select, vec![store.0.into(), id.0.into()]).await?.as_ref().map(row::campaign).transpose()
}

pub(super) async fn campaigns_ahead(database: &Database, store: StoreId, now: Timestamp, most: u32) -> StoreResult<Vec<Campaign>> {
    let select = format!("SELECT {CAMPAIGN} FROM campaigns WHERE store_id = ? AND ends_at >= ? ORDER BY id LIMIT ?");
    let values: Vec<Value> = vec![store.0.into(), now.as_millis().into(), i64::from(most).into()];
    database.rows(select, values).await?.iter().map(row::campaign).collect()
}
