//! Stores, products and SKUs as they stand in their rows.

use std::sync::Arc;

use sea_orm::{QueryResult, Value};
use serde::de::DeserializeOwned;
use sluice_catalog::{FormField, Product, ReceivingWay, Sku, SkuCard, Store};
use sluice_kernel::{Currency, Money, Points, ProductId, SkuId, StoreId, Timestamp};

use crate::error::{StoreError, StoreResult};

pub(super) const PRODUCT_COLUMNS: &str = "id, store_id, title, pictures, delivery_place, receiving_way, customer_product_id, \
    order_form_items, listed, deleted, offer_only, version, created_at";

/// SKUs with the currency of their store; the alias of `skus` is `s`.
pub(super) const SELECT_SKUS: &str = "SELECT s.id, s.store_id, s.product_id, s.code, s.spec, s.price, s.points, \
    s.allotable_profit, s.supplier_price, s.listed, s.deleted, s.version, st.currency \
    FROM skus s JOIN stores st ON st.id = s.store_id";

fn json<T: DeserializeOwned>(row: &QueryResult, column: &str) -> StoreResult<T> {
    Ok(serde_json::from_str(&row.try_get_by::<String, _>(column)?)?)
}

fn currency(row: &QueryResult) -> StoreResult<Currency> {
    row.try_get_by::<String, _>("currency")?.parse().map_err(|_| StoreError::Corrupt("stores.currency"))
}

fn receiving_way(row: &QueryResult) -> StoreResult<ReceivingWay> {
    ReceivingWay::new(row.try_get_by("receiving_way")?).ok_or(StoreError::Corrupt("products.receiving_way"))
}

pub(super) fn store(row: &QueryResult) -> StoreResult<Store> {
    Ok(Store {
        id: StoreId(row.try_get_by("id")?),
        name: row.try_get_by("name")?,
        currency: currency(row)?,
        settings: json(row, "settings")?,
        version: row.try_get_by("version")?,
    })
}

/// Without its SKUs.
pub(super) fn product(row: &QueryResult) -> StoreResult<Product> {
    Ok(Product {
        id: ProductId(row.try_get_by("id")?),
        store_id: StoreId(row.try_get_by("store_id")?),
        title: row.try_get_by("title")?,
        pictures: json(row, "pictures")?,
        delivery_place: row.try_get_by("delivery_place")?,
        receiving_way: receiving_way(row)?,
        customer_product_id: row.try_get_by("customer_product_id")?,
        order_form_items: json(row, "order_form_items")?,
        listed: row.try_get_by("listed")?,
        deleted: row.try_get_by("deleted")?,
        offer_only: row.try_get_by("offer_only")?,
        version: row.try_get_by("version")?,
        created_at: Timestamp::from_millis(row.try_get_by("created_at")?),
        skus: Vec::new(),
    })
}

pub(super) fn sku(row: &QueryResult) -> StoreResult<Sku> {
    Ok(Sku {
        id: SkuId(row.try_get_by("id")?),
        product_id: ProductId(row.try_get_by("product_id")?),
        store_id: StoreId(row.try_get_by("store_id")?),
        code: row.try_get_by("code")?,
        spec: row.try_get_by("spec")?,
        price: Money::new(row.try_get_by("price")?, currency(row)?),
        points: Points(row.try_get_by("points")?),
        allotable_profit: row.try_get_by("allotable_profit")?,
        supplier_price: row.try_get_by("supplier_price")?,
        listed: row.try_get_by("listed")?,
        deleted: row.try_get_by("deleted")?,
        version: row.try_get_by("version")?,
    })
}

pub(super) fn card(row: &QueryResult) -> StoreResult<SkuCard> {
    let text = |column: &str| -> StoreResult<Arc<str>> { Ok(row.try_get_by::<String, _>(column)?.into()) };
    let pictures: Vec<String> = json(row, "pictures")?;
    let form: Vec<FormField> = json(row, "order_form_items")?;
    let flag = |column: &str| row.try_get_by::<bool, _>(column);
    Ok(SkuCard {
        sku_id: SkuId(row.try_get_by("id")?),
        product_id: ProductId(row.try_get_by("product_id")?),
        store_id: StoreId(row.try_get_by("store_id")?),
        title: text("title")?,
        picture: pictures.first().map(|first| Arc::from(first.as_str())),
        pictures: pictures.into(),
        spec: text("spec")?,
        code: text("code")?,
        price: Money::new(row.try_get_by("price")?, currency(row)?),
        points: Points(row.try_get_by("points")?),
        allotable_profit: row.try_get_by("allotable_profit")?,
        supplier_price: row.try_get_by("supplier_price")?,
        delivery_place: text("delivery_place")?,
        receiving_way: receiving_way(row)?,
        customer_product_id: row.try_get_by::<Option<String>, _>("customer_product_id")?.map(Arc::from),
        order_form_items: form.into(),
        buyable: flag("listed")? && !flag("deleted")? && flag("product_listed")? && !flag("product_deleted")?,
        offer_only: flag("offer_only")?,
        revision: row.try_get_by("revision")?,
    })
}

/// What staff may change of a product, in the order of the UPDATE in `change`.
pub(super) fn product_values(product: &Product) -> StoreResult<[Value; 8]> {
    Ok([
        product.title.as_str().into(),
        serde_json::to_string(&product.pictures)?.into(),
        product.delivery_place.as_str().into(),
        i64::from(product.receiving_way.get()).into(),
        product.customer_product_id.clone().into(),
        serde_json::to_string(&product.order_form_items)?.into(),
        product.listed.into(),
        product.deleted.into(),
    ])
}

/// What staff may change of a SKU, in the order of the UPDATE in `change`.
pub(super) fn sku_values(sku: &Sku) -> [Value; 8] {
    [
        sku.code.as_str().into(),
        sku.spec.as_str().into(),
        sku.price.amount.into(),
        sku.points.0.into(),
        sku.allotable_profit.into(),
        sku.supplier_price.into(),
        sku.listed.into(),
        sku.deleted.into(),
    ]
}
