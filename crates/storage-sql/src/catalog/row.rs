//! Stores, products and SKUs as they stand in their rows.

use sea_orm::{ActiveValue::Set, QueryResult};
use sluice_catalog::{FormField, Product, Sku, SkuCard, Store};
use sluice_kernel::{Currency, Money, Points, ProductId, SkuId, StoreId};

use crate::{
    error::StoreResult,
    stored::Stored,
    table::{Places, Row as _, products, skus, stores},
};

pub(super) fn store(row: stores::Model) -> StoreResult<Store> {
    Ok(Store {
        id: StoreId(row.id),
        name: row.name,
        currency: row.currency.0,
        settings: serde_json::from_str(&row.settings)?,
        version: row.version,
    })
}

/// Without its SKUs.
pub(super) fn product(row: products::Model) -> StoreResult<Product> {
    Ok(Product {
        id: ProductId(row.id),
        store_id: StoreId(row.store_id),
        title: row.title,
        pictures: serde_json::from_str(&row.pictures)?,
        delivery_place: row.delivery_place,
        receiving_way: row.receiving_way.0,
        customer_product_id: row.customer_product_id,
        order_form_items: serde_json::from_str(&row.order_form_items)?,
        listed: row.listed,
        deleted: row.deleted,
        offer_only: row.offer_only,
        version: row.version,
        created_at: row.created_at.0,
        skus: Vec::new(),
    })
}

/// SKUs with the currency of their store; the alias of `skus` is `s`.
pub(super) fn select_skus() -> String {
    format!("SELECT {}, st.currency FROM skus s JOIN stores st ON st.id = s.store_id", skus::Model::columns_of("s"))
}

/// A row of [`select_skus`].
pub(super) fn sku(row: &QueryResult) -> StoreResult<Sku> {
    let places = &mut Places::of(row);
    let (row, Stored(currency)): (_, Stored<Currency>) = (skus::Model::read_from(places)?, places.next()?);
    Ok(Sku {
        id: SkuId(row.id),
        product_id: ProductId(row.product_id),
        store_id: StoreId(row.store_id),
        code: row.code,
        spec: row.spec,
        price: Money::new(row.price, currency),
        points: Points(row.points),
        allotable_profit: row.allotable_profit,
        supplier_price: row.supplier_price,
        listed: row.listed,
        deleted: row.deleted,
        version: row.version,
    })
}

/// SKUs with their products and the currency of their store; the alias of `skus` is `s`.
pub(super) fn select_cards() -> String {
    format!(
        "SELECT {}, {}, st.currency FROM skus s JOIN products p ON p.id = s.product_id AND p.store_id = s.store_id \
         JOIN stores st ON st.id = s.store_id",
        skus::Model::columns_of("s"),
        products::Model::columns_of("p")
    )
}

/// A row of [`select_cards`].
pub(super) fn card(row: &QueryResult) -> StoreResult<SkuCard> {
    let places = &mut Places::of(row);
    let (sku, product) = (skus::Model::read_from(places)?, products::Model::read_from(places)?);
    let Stored(currency): Stored<Currency> = places.next()?;
    let pictures: Vec<String> = serde_json::from_str(&product.pictures)?;
    let form: Vec<FormField> = serde_json::from_str(&product.order_form_items)?;
    Ok(SkuCard {
        sku_id: SkuId(sku.id),
        product_id: ProductId(product.id),
        store_id: StoreId(sku.store_id),
        title: product.title.into(),
        picture: pictures.first().map(|first| first.as_str().into()),
        pictures: pictures.into(),
        spec: sku.spec.into(),
        code: sku.code.into(),
        price: Money::new(sku.price, currency),
        points: Points(sku.points),
        allotable_profit: sku.allotable_profit,
        supplier_price: sku.supplier_price,
        delivery_place: product.delivery_place.into(),
        receiving_way: product.receiving_way.0,
        customer_product_id: product.customer_product_id.map(Into::into),
        order_form_items: form.into(),
        buyable: sku.listed && !sku.deleted && product.listed && !product.deleted,
        offer_only: product.offer_only,
        revision: sku.revision,
    })
}

/// What staff may change of a product.
pub(super) fn product_values(product: &Product) -> StoreResult<products::ActiveModel> {
    Ok(products::ActiveModel {
        title: Set(product.title.clone()),
        pictures: Set(serde_json::to_string(&product.pictures)?),
        delivery_place: Set(product.delivery_place.clone()),
        receiving_way: Set(Stored(product.receiving_way)),
        customer_product_id: Set(product.customer_product_id.clone()),
        order_form_items: Set(serde_json::to_string(&product.order_form_items)?),
        listed: Set(product.listed),
        deleted: Set(product.deleted),
        ..Default::default()
    })
}

/// What staff may change of a SKU.
pub(super) fn sku_values(sku: &Sku) -> skus::ActiveModel {
    skus::ActiveModel {
        code: Set(sku.code.clone()),
        spec: Set(sku.spec.clone()),
        price: Set(sku.price.amount),
        points: Set(sku.points.0),
        allotable_profit: Set(sku.allotable_profit),
        supplier_price: Set(sku.supplier_price),
        listed: Set(sku.listed),
        deleted: Set(sku.deleted),
        ..Default::default()
    }
}
