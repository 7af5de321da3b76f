//! New activities, offers and campaigns.

use sea_orm::{ActiveValue::Set, ColumnTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _, QuerySelect as _};
use sluice_catalog::{FormField, NewProduct, NewSku};
use sluice_kernel::{ActivityId, CampaignId, ProductId, SkuId, StoreId, Timestamp};
use sluice_promotion::{Activity, AddedOffer, Campaign, NewActivity, NewCampaign, NewOffer, Offer, OfferField};

use super::row;
use crate::{
    catalog::{chosen, create_product, find_currency},
    database::Database,
    error::{StoreError, StoreResult},
    table::{activities, activity_products, campaigns},
    unit_of_work::UnitOfWork,
};

const FIRST: i64 = 1;

/// `None` where the store is not set up.
pub(super) async fn activity(database: &Database, store: StoreId, new: &NewActivity) -> StoreResult<Option<Activity>> {
    if find_currency(database, store).await?.is_none() {
        return Ok(None);
    }
    let fields = &new.fields;
    let row = activities::ActiveModel {
        id: chosen(new.id.map(|id| id.0)),
        store_id: Set(store.0),
        version: Set(FIRST),
        ..row::activity_values(fields)
    };
    let inserted = activities::Entity::insert(row).exec(database).await?;
    Ok(Some(Activity {
        id: ActivityId(inserted.last_insert_id),
        store_id: store,
        title: fields.title.clone(),
        window: fields.window,
        mode: fields.mode,
        version: FIRST,
    }))
}

pub(super) async fn campaign(database: &Database, store: StoreId, new: &NewCampaign) -> StoreResult<Campaign> {
    let fields = &new.fields;
    let row = campaigns::ActiveModel { store_id: Set(store.0), version: Set(FIRST), ..row::campaign_values(fields) };
    let id = CampaignId(campaigns::Entity::insert(row).exec(database).await?.last_insert_id);
    Ok(Campaign { id, store_id: store, name: fields.name.clone(), window: fields.window, version: FIRST })
}

pub(super) async fn offer(
    unit: &UnitOfWork,
    store: StoreId,
    activity: ActivityId,
    new: &NewOffer,
    most: u32,
    now: Timestamp,
    outside_gate: bool,
) -> StoreResult<AddedOffer> {
    // Held, so that a change of the activity raises this SKU's revision too, and so that the count holds.
    let held = activities::Entity::find_by_id(activity.0).filter(activities::Column::StoreId.eq(store.0)).lock_exclusive();
    if held.one(unit).await?.is_none() {
        return Ok(AddedOffer::Absent);
    }
    let of_activity = activity_products::Column::ActivityId.eq(activity.0);
    let offers = activity_products::Entity::find().filter(of_activity).count(unit).await?;
    if offers >= u64::from(most) {
        return Ok(AddedOffer::Full);
    }

    if let (Some(given), Some(currency)) = (new.goods.price.currency, find_currency(unit, store).await?)
        && given != currency
    {
        return Ok(AddedOffer::ForeignPrice(currency));
    }

    let product = create_product(unit, store, &product_of(new), now, outside_gate).await?;
    let sku = product.skus.first().ok_or(StoreError::Corrupt("a new product without its SKU"))?;
    let row = activity_products::ActiveModel {
        product_id: Set(product.id.0),
        store_id: Set(store.0),
        activity_id: Set(activity.0),
        sku_id: Set(sku.id.0),
        version: Set(FIRST),
        ..row::terms_values(&new.terms)
    };
    activity_products::Entity::insert(row).exec(unit).await?;
    let offer = Offer { product_id: product.id, activity_id: activity, sku_id: sku.id, terms: new.terms, version: FIRST };
    Ok(AddedOffer::Done(offer))
}

fn product_of(offer: &NewOffer) -> NewProduct {
    let goods = &offer.goods;
    NewProduct {
        id: offer.id.map(ProductId),
        title: goods.title.clone(),
        pictures: goods.pictures.clone(),
        delivery_place: goods.delivery_place.clone(),
        receiving_way: goods.receiving_way,
        customer_product_id: goods.customer_product_id.clone(),
        order_form_items: goods.form.iter().map(|field| form_field(*field)).collect(),
        listed: true,
        offer_only: true,
        skus: vec![NewSku {
            id: offer.id.map(SkuId),
            code: goods.code.clone(),
            spec: goods.spec.clone(),
            price: goods.price,
            points: goods.points,
            allotable_profit: goods.allotable_profit,
            supplier_price: goods.supplier_price,
            listed: true,
        }],
    }
}

fn form_field(field: OfferField) -> FormField {
    match field {
        OfferField::Recipients => FormField::Recipients,
        OfferField::Tel => FormField::Tel,
        OfferField::IdCard => FormField::IdCard,
        OfferField::TotalAddress => FormField::TotalAddress,
        OfferField::Address => FormField::Address,
        OfferField::OwnForm => FormField::OwnForm,
    }
}
