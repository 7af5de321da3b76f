//! Reading the catalog.

use std::collections::HashMap;

use sea_orm::Value;
use sluice_catalog::{Product, Sku, SkuCard, Store};
use sluice_kernel::{PageRequest, ProductId, SkuId, StoreId};

use super::row::{self, PRODUCT_COLUMNS, SELECT_SKUS};
use crate::{
    database::Database,
    error::StoreResult,
    page::{read_page, readable},
    statement::{MOST_ROWS, padded, placeholders},
};

pub(super) async fn store(database: &Database, store: StoreId) -> StoreResult<Option<Store>> {
    let select = "SELECT id, name, currency, settings, version FROM stores WHERE id = ?";
    database.row(select, vec![store.0.into()]).await?.as_ref().map(row::store).transpose()
}

/// Newest first, one more than the page holds.
pub(super) async fn products(
    database: &Database,
    store: StoreId,
    listed_only: bool,
    page: PageRequest,
) -> StoreResult<Vec<Product>> {
    let visible = if listed_only { " AND listed = TRUE AND deleted = FALSE AND offer_only = FALSE" } else { "" };
    let statement = |after: i64, limit: i64| {
        let select =
            format!("SELECT {PRODUCT_COLUMNS} FROM products WHERE store_id = ? AND id < ?{visible} ORDER BY id DESC LIMIT ?");
        (select, vec![store.0.into(), after.into(), limit.into()])
    };
    let mut products: Vec<Product> = read_page(database, "products", "id", page, statement, row::product).await?;
    attach_skus(database, store, &mut products).await?;
    if listed_only {
        for product in &mut products {
            product.skus.retain(|sku| sku.listed);
        }
    }
    Ok(products)
}

pub(super) async fn product(database: &Database, store: StoreId, id: ProductId) -> StoreResult<Option<Product>> {
    let select = format!("SELECT {PRODUCT_COLUMNS} FROM products WHERE store_id = ? AND id = ?");
    let Some(found) = database.row(select, vec![store.0.into(), id.0.into()]).await? else {
        return Ok(None);
    };
    let mut products = [row::product(&found)?];
    attach_skus(database, store, &mut products).await?;
    Ok(products.into_iter().next())
}

async fn attach_skus(database: &Database, store: StoreId, products: &mut [Product]) -> StoreResult<()> {
    let ids: Vec<i64> = products.iter().map(|product| product.id.0).collect();
    let mut skus_of: HashMap<ProductId, Vec<Sku>> = HashMap::new();
    for chunk in ids.chunks(MOST_ROWS) {
        let list = placeholders(chunk.len());
        let select = format!("{SELECT_SKUS} WHERE s.store_id = ? AND s.product_id IN ({list}) AND s.deleted = FALSE ORDER BY s.id");
        let mut values: Vec<Value> = vec![store.0.into()];
        values.extend(padded(chunk).map(Value::from));
        for found in database.rows(select, values).await? {
            let Some(sku) = readable("skus", &found, row::sku) else { continue };
            skus_of.entry(sku.product_id).or_default().push(sku);
        }
    }
    for product in products {
        product.skus = skus_of.remove(&product.id).unwrap_or_default();
    }
    Ok(())
}

pub(super) async fn sku(database: &Database, store: StoreId, id: SkuId) -> StoreResult<Option<Sku>> {
    let select = format!("{SELECT_SKUS} WHERE s.store_id = ? AND s.id = ?");
    database.row(select, vec![store.0.into(), id.0.into()]).await?.as_ref().map(row::sku).transpose()
}

pub(super) async fn cards(database: &Database, store: StoreId, skus: &[SkuId]) -> StoreResult<Vec<SkuCard>> {
    let ids: Vec<i64> = skus.iter().map(|sku| sku.0).collect();
    let mut cards = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(MOST_ROWS) {
        let select = format!(
            "SELECT s.id, s.store_id, s.product_id, s.code, s.spec, s.price, s.points, s.allotable_profit, s.supplier_price, \
            s.listed, s.deleted, s.revision, p.title, p.pictures, p.delivery_place, p.receiving_way, p.customer_product_id, p.order_form_items, p.offer_only, \
            p.listed AS product_listed, p.deleted AS product_deleted, st.currency \
            FROM skus s JOIN products p ON p.id = s.product_id AND p.store_id = s.store_id JOIN stores st ON st.id = s.store_id \
            WHERE s.store_id = ? AND s.id IN ({})",
            placeholders(chunk.len())
        );
        let mut values: Vec<Value> = vec![store.0.into()];
        values.extend(padded(chunk).map(Value::from));
        for found in database.rows(select, values).await? {
            cards.push(row::card(&found)?);
        }
    }
    Ok(cards)
}
