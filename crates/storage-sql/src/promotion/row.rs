//! Activities, offers and campaigns as they stand in their rows.

use sea_orm::ActiveValue::Set;
use sluice_kernel::{ActivityId, CampaignId, ProductId, SkuId, StoreId};
use sluice_promotion::{Activity, ActivityFields, Campaign, CampaignFields, Offer, OfferTerms, Window};

use crate::{
    stored::Stored,
    table::{ModeWord, activities, activity_products, campaigns},
};

pub(super) fn activity(row: activities::Model) -> Activity {
    Activity {
        id: ActivityId(row.id),
        store_id: StoreId(row.store_id),
        title: row.title,
        window: Window { starts_at: row.starts_at.0, ends_at: row.ends_at.0 },
        mode: row.mode.0.0,
        version: row.version,
    }
}

/// What staff may change of an activity.
pub(super) fn activity_values(fields: &ActivityFields) -> activities::ActiveModel {
    activities::ActiveModel {
        title: Set(fields.title.clone()),
        starts_at: Set(Stored(fields.window.starts_at)),
        ends_at: Set(Stored(fields.window.ends_at)),
        mode: Set(Stored(ModeWord(fields.mode))),
        ..Default::default()
    }
}

pub(super) fn offer(row: &activity_products::Model) -> Offer {
    Offer {
        product_id: ProductId(row.product_id),
        activity_id: ActivityId(row.activity_id),
        sku_id: SkuId(row.sku_id),
        terms: OfferTerms {
            mode: row.mode.map(|mode| mode.0.0),
            discount: row.discount.0,
            sales_status: row.sales_status.0,
            per_user_limit: row.per_user_limit,
            deleted: row.deleted,
        },
        version: row.version,
    }
}

/// What staff may change of an offer.
pub(super) fn terms_values(terms: &OfferTerms) -> activity_products::ActiveModel {
    activity_products::ActiveModel {
        mode: Set(terms.mode.map(|mode| Stored(ModeWord(mode)))),
        discount: Set(Stored(terms.discount)),
        sales_status: Set(Stored(terms.sales_status)),
        per_user_limit: Set(terms.per_user_limit),
        deleted: Set(terms.deleted),
        ..Default::default()
    }
}

pub(super) fn campaign(row: campaigns::Model) -> Campaign {
    Campaign {
        id: CampaignId(row.id),
        store_id: StoreId(row.store_id),
        name: row.name,
        window: Window { starts_at: row.starts_at.0, ends_at: row.ends_at.0 },
        version: row.version,
    }
}

/// What staff may change of a campaign.
pub(super) fn campaign_values(fields: &CampaignFields) -> campaigns::ActiveModel {
    campaigns::ActiveModel {
        name: Set(fields.name.clone()),
        starts_at: Set(Stored(fields.window.starts_at)),
        ends_at: Set(Stored(fields.window.ends_at)),
        ..Default::default()
    }
}
