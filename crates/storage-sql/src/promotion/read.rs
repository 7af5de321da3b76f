//! Reading activities, offers and campaigns.

use std::collections::HashMap;

use sea_orm::Value;
use sluice_kernel::{ActivityId, CampaignId, PageRequest, ProductId, StoreId, Timestamp};
use sluice_promotion::{Activity, ActivityOffers, Campaign, Look, Offer};

use super::row::{self, ACTIVITY, CAMPAIGN, OFFER};
use crate::{
    database::Database,
    error::StoreResult,
    page::{read_page, readable},
    statement::{MOST_ROWS, padded, placeholders},
};

/// All of the store's, or those that end at `open_at` or later.
pub(super) async fn activities(
    database: &Database,
    store: StoreId,
    open_at: Option<Timestamp>,
    page: PageRequest,
) -> StoreResult<Vec<Activity>> {
    let statement = |after: i64, limit: i64| {
        let (mut values, select): (Vec<Value>, _) = match open_at {
            None => (
                vec![store.0.into()],
                format!("SELECT {ACTIVITY} FROM activities WHERE store_id = ? AND id < ? ORDER BY id DESC LIMIT ?"),
            ),
            // `id + 0` keeps the order of the ids out of the choice of an index: what is over is not looked at.
            Some(open_at) => (
                vec![store.0.into(), open_at.as_millis().into()],
                format!(
                    "SELECT {ACTIVITY} FROM activities WHERE store_id = ? AND ends_at >= ? AND id + 0 < ? ORDER BY id + 0 DESC LIMIT ?"
                ),
            ),
        };
        values.extend([after.into(), limit.into()]);
        (select, values)
    };
    read_page(database, "activities", "id", page, statement, row::activity).await
}

pub(super) async fn open_activities(
    database: &Database,
    store: StoreId,
    now: Timestamp,
    page: PageRequest,
    most_offers: u32,
) -> StoreResult<(Vec<ActivityOffers>, bool)> {
    let mut found = activities(database, store, Some(now), page).await?;
    let asked = found.len();
    found.truncate(usize::try_from(page.limit).unwrap_or(usize::MAX));
    let counts = offer_counts(database, &found).await?;
    let mut offers = 0;
    let fitting = found.iter().take_while(|activity| {
        offers += counts.get(&activity.id).copied().unwrap_or(0);
        offers <= i64::from(most_offers)
    });
    found.truncate(fitting.count().max(1));
    let more = found.len() < asked;

    let mut offers_of: HashMap<ActivityId, Vec<Offer>> = HashMap::new();
    for chunk in ids(&found).chunks(MOST_ROWS) {
        let list = placeholders(chunk.len());
        let select = format!(
            "SELECT {OFFER} FROM activity_products WHERE store_id = ? AND activity_id IN ({list}) AND deleted = FALSE ORDER BY product_id"
        );
        let mut values: Vec<Value> = vec![store.0.into()];
        values.extend(padded(chunk).map(Value::from));
        for found in database.rows(select, values).await? {
            let Some(offer) = readable("activity_products", &found, row::offer) else { continue };
            offers_of.entry(offer.activity_id).or_default().push(offer);
        }
    }
    let with_offers = |activity: Activity| {
        let offers = offers_of.remove(&activity.id).unwrap_or_default();
        ActivityOffers { activity, offers }
    };
    Ok((found.into_iter().map(with_offers).collect(), more))
}

fn ids(activities: &[Activity]) -> Vec<i64> {
    activities.iter().map(|activity| activity.id.0).collect()
}

/// How many offers each of them has, deleted ones included: counted in the index alone.
async fn offer_counts(database: &Database, activities: &[Activity]) -> StoreResult<HashMap<ActivityId, i64>> {
    let mut counts = HashMap::new();
    for chunk in ids(activities).chunks(MOST_ROWS) {
        let list = placeholders(chunk.len());
        let select = format!(
            "SELECT activity_id, COUNT(*) AS offers FROM activity_products WHERE activity_id IN ({list}) GROUP BY activity_id"
        );
        for found in database.rows(select, padded(chunk).map(Value::from).collect()).await? {
            counts.insert(ActivityId(found.try_get_by("activity_id")?), found.try_get_by("offers")?);
        }
    }
    Ok(counts)
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
    let statement = |after: i64, limit: i64| {
        let select = format!("SELECT {CAMPAIGN} FROM campaigns WHERE store_id = ? AND id < ? ORDER BY id DESC LIMIT ?");
        (select, vec![store.0.into(), after.into(), limit.into()])
    };
    read_page(database, "campaigns", "id", page, statement, row::campaign).await
}

pub(super) async fn campaign(database: &Database, store: StoreId, id: CampaignId) -> StoreResult<Option<Campaign>> {
    let select = format!("SELECT {CAMPAIGN} FROM campaigns WHERE store_id = ? AND id = ?");
    database.row(select, vec![store.0.into(), id.0.into()]).await?.as_ref().map(row::campaign).transpose()
}

pub(super) async fn campaigns_ahead(database: &Database, store: StoreId, now: Timestamp, most: u32) -> StoreResult<Vec<Campaign>> {
    let select = format!("SELECT {CAMPAIGN} FROM campaigns WHERE store_id = ? AND ends_at >= ? ORDER BY id + 0 LIMIT ?");
    let values: Vec<Value> = vec![store.0.into(), now.as_millis().into(), i64::from(most).into()];
    database.rows(select, values).await?.iter().map(row::campaign).collect()
}
