//! Reading the catalog.

use std::collections::HashMap;

use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, Select, Value, sea_query::ExprTrait as _};
use sluice_catalog::{Product, Sku, SkuCard, Store};
use sluice_kernel::{PageRequest, ProductId, SkuId, StoreId};

use super::row::{self, select_cards, select_skus};
use crate::{
    database::Database,
    error::StoreResult,
    page::{read_page, readable},
    statement::{MAX_ROWS, padded, placeholders},
    table::{products, stores},
};

pub(super) async fn store(database: &Database, store: StoreId) -> StoreResult<Option<Store>> {
    stores::Entity::find_by_id(store.0).one(database).await?.map(row::store).transpose()
}

/// Newest first, one more than the page holds.
pub(super) async fn products(
    database: &Database,
    store: StoreId,
    listed_only: bool,
    page: PageRequest,
) -> StoreResult<Vec<Product>> {
    let wanted = shown(store, listed_only);
    let mut products = read_page(database, wanted, products::Column::Id, page, row::product).await?;
    attach_shown_skus(database, store, listed_only, &mut products).await?;
    Ok(products)
}

/// Those that a list of the store may show.
pub(super) fn shown(store: StoreId, listed_only: bool) -> Select<products::Entity> {
    let of_store = products::Entity::find().filter(products::Column::StoreId.eq(store.0));
    if !listed_only {
        return of_store;
    }
    let visible = products::Column::Listed.eq(true).and(products::Column::Deleted.eq(false));
    of_store.filter(visible.and(products::Column::OfferOnly.eq(false)))
}

/// The SKUs that a list shows with its products.
pub(super) async fn attach_shown_skus(
    database: &Database,
    store: StoreId,
    listed_only: bool,
    products: &mut [Product],
) -> StoreResult<()> {
    attach_skus(database, store, products).await?;
    if listed_only {
        for product in products {
            product.skus.retain(|sku| sku.listed);
        }
    }
    Ok(())
}

pub(super) async fn product(database: &Database, store: StoreId, id: ProductId) -> StoreResult<Option<Product>> {
    let wanted = products::Entity::find_by_id(id.0).filter(products::Column::StoreId.eq(store.0));
    let Some(found) = wanted.one(database).await? else { return Ok(None) };
    let mut products = [row::product(found)?];
    attach_skus(database, store, &mut products).await?;
    Ok(products.into_iter().next())
}

async fn attach_skus(database: &Database, store: StoreId, products: &mut [Product]) -> StoreResult<()> {
    let ids: Vec<i64> = products.iter().map(|product| product.id.0).collect();
    let mut skus_of: HashMap<ProductId, Vec<Sku>> = HashMap::new();
    for chunk in ids.chunks(MAX_ROWS) {
        let (select, list) = (select_skus(), placeholders(chunk.len()));
        let select = format!("{select} WHERE s.store_id = ? AND s.product_id IN ({list}) AND s.deleted = FALSE ORDER BY s.id");
        for found in database.rows(select, of_store(store, chunk)).await? {
            let Some(sku) = readable("skus", &found, row::sku) else { continue };
            skus_of.entry(sku.product_id).or_default().push(sku);
        }
    }
    for product in products {
        product.skus = skus_of.remove(&product.id).unwrap_or_default();
    }
    Ok(())
}

fn of_store(store: StoreId, ids: &[i64]) -> Vec<Value> {
    std::iter::once(store.0).chain(padded(ids)).map(Value::from).collect()
}

pub(super) async fn sku(database: &Database, store: StoreId, id: SkuId) -> StoreResult<Option<Sku>> {
    let select = format!("{} WHERE s.store_id = ? AND s.id = ?", select_skus());
    database.row(select, vec![store.0.into(), id.0.into()]).await?.as_ref().map(row::sku).transpose()
}

pub(super) async fn cards(database: &Database, store: StoreId, skus: &[SkuId]) -> StoreResult<Vec<SkuCard>> {
    let ids: Vec<i64> = skus.iter().map(|sku| sku.0).collect();
    let mut cards = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(MAX_ROWS) {
        let select = format!("{} WHERE s.store_id = ? AND s.id IN ({})", select_cards(), placeholders(chunk.len()));
        for found in database.rows(select, of_store(store, chunk)).await? {
            cards.push(row::card(&found)?);
        }
    }
    Ok(cards)
}
