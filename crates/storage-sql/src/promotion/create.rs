//! New activities, offers and campaigns.

use sea_orm::Value;
use sluice_catalog::{FormField, NewProduct, NewSku, ReceivingWay};
use sluice_kernel::{ActivityId, CampaignId, ProductId, SkuId, StoreId, Timestamp};
use sluice_promotion::{Activity, AddedOffer, Campaign, NewActivity, NewCampaign, NewOffer, Offer, OfferField};

use super::row;
use crate::{
    catalog::create_product,
    database::Database,
    error::{StoreError, StoreResult},
    unit_of_work::UnitOfWork,
};

const FIRST: i64 = 1;

fn generated(id: u64) -> StoreResult<i64> {
    i64::try_from(id).map_err(|_| StoreError::Corrupt("a generated id"))
}

pub(super) async fn activity(database: &Database, store: StoreId, new: &NewActivity) -> StoreResult<Activity> {
    let insert = "INSERT INTO activities (id, store_id, title, starts_at, ends_at, mode, version) VALUES (?, ?, ?, ?, ?, ?, ?)";
    let fields = &new.fields;
    let chosen = new.id.map(|id| id.0);
    let values: Vec<Value> = vec![
        chosen.into(),
        store.0.into(),
        fields.title.as_str().into(),
        fields.window.starts_at.as_millis().into(),
        fields.window.ends_at.as_millis().into(),
        fields.mode.as_str().into(),
        FIRST.into(),
    ];
    let inserted = database.execute(insert, values).await?;
    let id = chosen.map_or_else(|| generated(inserted.last_insert_id()), Ok)?;
    Ok(Activity {
        id: ActivityId(id),
        store_id: store,
        title: fields.title.clone(),
        window: fields.window,
        mode: fields.mode,
        version: FIRST,
    })
}

pub(super) async fn campaign(database: &Database, store: StoreId, new: &NewCampaign) -> StoreResult<Campaign> {
    let insert = "INSERT INTO campaigns (store_id, name, starts_at, ends_at, version) VALUES (?, ?, ?, ?, ?)";
    let fields = &new.fields;
    let values: Vec<Value> = vec![
        store.0.into(),
        fields.name.as_str().into(),
        fields.window.starts_at.as_millis().into(),
        fields.window.ends_at.as_millis().into(),
        FIRST.into(),
    ];
    let id = generated(database.execute(insert, values).await?.last_insert_id())?;
    Ok(Campaign { id: CampaignId(id), store_id: store, name: fields.name.clone(), window: fields.window, version: FIRST })
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
    let select = format!("SELECT id FROM activities WHERE store_id = ? AND id = ?{}", unit.dialect().for_update());
    if unit.row(select, vec![store.0.into(), activity.0.into()]).await?.is_none() {
        return Ok(AddedOffer::Absent);
    }
    let count = "SELECT COUNT(*) AS offers FROM activity_products WHERE activity_id = ?";
    let found = unit.row(count, vec![activity.0.into()]).await?;
    let offers: i64 = found.ok_or(StoreError::Corrupt("activity_products"))?.try_get_by("offers")?;
    if offers >= i64::from(most) {
        return Ok(AddedOffer::Full);
    }

    let product = create_product(unit, store, &product_of(new)?, now, outside_gate).await?;
    let sku = product.skus.first().ok_or(StoreError::Corrupt("a new product without its SKU"))?;
    let insert = "INSERT INTO activity_products (product_id, store_id, activity_id, sku_id, mode, discount, sales_status, \
        per_user_limit, deleted, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let mut values: Vec<Value> = vec![product.id.0.into(), store.0.into(), activity.0.into(), sku.id.0.into()];
    values.extend(row::terms_values(&new.terms));
    values.push(FIRST.into());
    unit.execute(insert, values).await?;
    let offer = Offer { product_id: product.id, activity_id: activity, sku_id: sku.id, terms: new.terms, version: FIRST };
    Ok(AddedOffer::Done(offer))
}

fn product_of(offer: &NewOffer) -> StoreResult<NewProduct> {
    let goods = &offer.goods;
    let receiving_way = ReceivingWay::new(goods.receiving_way.into());
    Ok(NewProduct {
        id: offer.id.map(ProductId),
        title: goods.title.clone(),
        pictures: goods.pictures.clone(),
        delivery_place: goods.delivery_place.clone(),
        receiving_way: receiving_way.ok_or(StoreError::Contradiction("a receiving way is from 0 to 4"))?,
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
    })
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
