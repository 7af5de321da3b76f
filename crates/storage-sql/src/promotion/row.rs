//! Activities, offers and campaigns as they stand in their rows.

use sea_orm::{QueryResult, Value};
use sluice_kernel::{ActivityId, CampaignId, ProductId, SkuId, StoreId, Timestamp};
use sluice_promotion::{Activity, Campaign, Discount, Mode, Offer, OfferTerms, SalesStatus, Window};

use crate::error::{StoreError, StoreResult};

pub(super) const ACTIVITY: &str = "id, store_id, title, starts_at, ends_at, mode, version";
pub(super) const OFFER: &str = "product_id, activity_id, sku_id, mode, discount, sales_status, per_user_limit, deleted, version";
pub(super) const CAMPAIGN: &str = "id, store_id, name, starts_at, ends_at, version";

fn window(row: &QueryResult) -> StoreResult<Window> {
    Ok(Window {
        starts_at: Timestamp::from_millis(row.try_get_by("starts_at")?),
        ends_at: Timestamp::from_millis(row.try_get_by("ends_at")?),
    })
}

pub(super) fn activity(row: &QueryResult) -> StoreResult<Activity> {
    let mode: String = row.try_get_by("mode")?;
    Ok(Activity {
        id: ActivityId(row.try_get_by("id")?),
        store_id: StoreId(row.try_get_by("store_id")?),
        title: row.try_get_by("title")?,
        window: window(row)?,
        mode: Mode::parse(&mode).ok_or(StoreError::Corrupt("activities.mode"))?,
        version: row.try_get_by("version")?,
    })
}

pub(super) fn offer(row: &QueryResult) -> StoreResult<Offer> {
    offer_with(row, "mode", "version")
}

/// Where the row holds its activity as well.
pub(super) fn offer_beside_activity(row: &QueryResult) -> StoreResult<Offer> {
    offer_with(row, "offer_mode", "offer_version")
}

fn offer_with(row: &QueryResult, mode: &str, version: &str) -> StoreResult<Offer> {
    Ok(Offer {
        product_id: ProductId(row.try_get_by("product_id")?),
        activity_id: ActivityId(row.try_get_by("activity_id")?),
        sku_id: SkuId(row.try_get_by("sku_id")?),
        terms: terms(row, mode)?,
        version: row.try_get_by(version)?,
    })
}

fn terms(row: &QueryResult, mode: &str) -> StoreResult<OfferTerms> {
    let mode: Option<String> = row.try_get_by(mode)?;
    let mode = mode.map(|mode| Mode::parse(&mode).ok_or(StoreError::Corrupt("activity_products.mode"))).transpose()?;
    let discount = Discount::from_ten_thousandths(row.try_get_by("discount")?);
    let sales_status = SalesStatus::from_number(row.try_get_by("sales_status")?);
    Ok(OfferTerms {
        mode,
        discount: discount.ok_or(StoreError::Corrupt("activity_products.discount"))?,
        sales_status: sales_status.ok_or(StoreError::Corrupt("activity_products.sales_status"))?,
        per_user_limit: row.try_get_by("per_user_limit")?,
        deleted: row.try_get_by("deleted")?,
    })
}

/// What staff may change of an offer: mode, discount, sales status, per-user limit, deleted.
pub(super) fn terms_values(terms: &OfferTerms) -> [Value; 5] {
    [
        terms.mode.map(Mode::as_str).into(),
        terms.discount.ten_thousandths().into(),
        terms.sales_status.number().into(),
        terms.per_user_limit.into(),
        terms.deleted.into(),
    ]
}

pub(super) fn campaign(row: &QueryResult) -> StoreResult<Campaign> {
    Ok(Campaign {
        id: CampaignId(row.try_get_by("id")?),
        store_id: StoreId(row.try_get_by("store_id")?),
        name: row.try_get_by("name")?,
        window: window(row)?,
        version: row.try_get_by("version")?,
    })
}
