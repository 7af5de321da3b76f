//! Reading activities, offers and campaigns.

use std::collections::HashMap;

use sea_orm::{
    ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, Select, Value,
    sea_query::{Expr, ExprTrait as _},
};
use sluice_kernel::{ActivityId, CampaignId, PageRequest, ProductId, StoreId, Timestamp};
use sluice_promotion::{Activity, ActivityOffers, Campaign, Look, Offer};

use super::row;
use crate::{
    database::Database,
    error::StoreResult,
    page::{read_list, read_newest, read_page},
    statement::{MAX_ROWS, padded},
    stored::Stored,
    table::{Places, Row as _, activities, activity_products, campaigns},
};

/// All of the store's.
pub(super) async fn activities(database: &Database, store: StoreId, page: PageRequest) -> StoreResult<Vec<Activity>> {
    let wanted = activities::Entity::find().filter(activities::Column::StoreId.eq(store.0));
    read_page(database, wanted, activities::Column::Id, page, |row| Ok(row::activity(row))).await
}

pub(super) async fn open_activities(
    database: &Database,
    store: StoreId,
    now: Timestamp,
    page: PageRequest,
    most_offers: u32,
) -> StoreResult<(Vec<ActivityOffers>, bool)> {
    let wanted = activities::Entity::find().filter(activities::Column::StoreId.eq(store.0));
    let wanted = wanted.filter(activities::Column::EndsAt.gte(Stored(now)));
    // `id + 0` keeps the order of the ids out of the choice of an index: what is over is not looked at.
    let order = (activities::Column::Id, Expr::col(activities::Column::Id).add(0));
    let surplus = usize::try_from(page.limit).unwrap_or(usize::MAX).saturating_add(1);
    let mut found = read_newest(database, wanted, order, page.after, surplus, |row| Ok(row::activity(row))).await?;
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
    for chunk in ids(&found).chunks(MAX_ROWS) {
        let of_activities = activity_products::Column::ActivityId.is_in(padded(chunk));
        let wanted = of_store(store).filter(of_activities).filter(activity_products::Column::Deleted.eq(false));
        let wanted = wanted.order_by_asc(activity_products::Column::ProductId);
        for offer in read_list(database, wanted, |row| Ok(row::offer(&row))).await? {
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

fn of_store(store: StoreId) -> Select<activity_products::Entity> {
    activity_products::Entity::find().filter(activity_products::Column::StoreId.eq(store.0))
}

/// How many offers each of them has, deleted ones included: counted in the index alone.
async fn offer_counts(database: &Database, activities: &[Activity]) -> StoreResult<HashMap<ActivityId, i64>> {
    use activity_products::Column;
    let mut counts = HashMap::new();
    for chunk in ids(activities).chunks(MAX_ROWS) {
        let counted = activity_products::Entity::find().select_only().column(Column::ActivityId);
        let counted = counted.column_as(Expr::cust("COUNT(*)"), "offers").group_by(Column::ActivityId);
        let counted = counted.filter(Column::ActivityId.is_in(padded(chunk))).into_tuple::<(i64, i64)>();
        counts.extend(counted.all(database).await?.into_iter().map(|(activity, offers)| (ActivityId(activity), offers)));
    }
    Ok(counts)
}

pub(super) async fn activity(database: &Database, store: StoreId, id: ActivityId) -> StoreResult<Option<ActivityOffers>> {
    let wanted = activities::Entity::find_by_id(id.0).filter(activities::Column::StoreId.eq(store.0));
    let Some(found) = wanted.one(database).await? else { return Ok(None) };
    let offers = of_store(store).filter(activity_products::Column::ActivityId.eq(id.0));
    let offers = offers.order_by_asc(activity_products::Column::ProductId).all(database).await?;
    Ok(Some(ActivityOffers { activity: row::activity(found), offers: offers.iter().map(row::offer).collect() }))
}

pub(super) async fn offer(database: &Database, store: StoreId, product: ProductId) -> StoreResult<Option<Offer>> {
    let found = of_store(store).filter(activity_products::Column::ProductId.eq(product.0)).one(database).await?;
    Ok(found.as_ref().map(row::offer))
}

/// One statement: activity and offer are as old as the revision that guards them.
pub(super) async fn activity_and_offer(
    database: &Database,
    store: StoreId,
    activity: ActivityId,
    product: ProductId,
) -> StoreResult<Look> {
    let select = format!(
        "SELECT {}, s.revision, {} FROM activities a \
         LEFT JOIN activity_products o ON o.activity_id = a.id AND o.store_id = a.store_id AND o.product_id = ? AND o.deleted = FALSE \
         LEFT JOIN skus s ON s.id = o.sku_id AND s.store_id = o.store_id \
         WHERE a.store_id = ? AND a.id = ?",
        activities::Model::columns_of("a"),
        activity_products::Model::columns_of("o")
    );
    let values: Vec<Value> = vec![product.0.into(), store.0.into(), activity.0.into()];
    let Some(found) = database.row(select, values).await? else {
        return Ok(Look { activity: None, offer: None });
    };
    let places = &mut Places::of(&found);
    let (activity, revision) = (activities::Model::read_from(places)?, places.next::<Option<i64>>()?);
    let offer = match revision {
        Some(revision) => Some((row::offer(&activity_products::Model::read_from(places)?), revision)),
        None => None,
    };
    Ok(Look { activity: Some(row::activity(activity)), offer })
}

pub(super) async fn campaigns(database: &Database, store: StoreId, page: PageRequest) -> StoreResult<Vec<Campaign>> {
    let wanted = campaigns::Entity::find().filter(campaigns::Column::StoreId.eq(store.0));
    read_page(database, wanted, campaigns::Column::Id, page, |row| Ok(row::campaign(row))).await
}

pub(super) async fn campaign(database: &Database, store: StoreId, id: CampaignId) -> StoreResult<Option<Campaign>> {
    let wanted = campaigns::Entity::find_by_id(id.0).filter(campaigns::Column::StoreId.eq(store.0));
    Ok(wanted.one(database).await?.map(row::campaign))
}

pub(super) async fn campaigns_ahead(database: &Database, store: StoreId, now: Timestamp, most: u32) -> StoreResult<Vec<Campaign>> {
    let wanted = campaigns::Entity::find().filter(campaigns::Column::StoreId.eq(store.0));
    let wanted = wanted.filter(campaigns::Column::EndsAt.gte(Stored(now)));
    // In the order of the ids, whose index would lead past all that are over.
    let wanted = wanted.order_by_asc(Expr::col(campaigns::Column::Id).add(0)).limit(u64::from(most));
    Ok(wanted.all(database).await?.into_iter().map(row::campaign).collect())
}
