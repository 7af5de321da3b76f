//! New stores, products and SKUs. A new SKU comes with a stock row of zero units.

use sea_orm::{
    ActiveValue::{self, NotSet, Set},
    ConnectionTrait, EntityTrait as _, IntoActiveModel as _,
};
use sluice_catalog::{NewProduct, NewSku, Product, Sku, Store};
use sluice_inventory::Listing;
use sluice_kernel::{Currency, Money, Points, ProductId, SkuId, StoreId, Timestamp};

use super::{change, row};
use crate::{
    database::Database,
    error::{StoreError, StoreResult},
    inventory::empty_stock,
    stored::Stored,
    table::{products, skus, stock, stores},
    unit_of_work::UnitOfWork,
};

/// The first revision of a SKU, and the first version of everything.
pub(super) const FIRST: i64 = 1;

/// `false` where the id is taken.
pub(super) async fn store(database: &Database, store: &Store) -> StoreResult<bool> {
    let row = stores::ActiveModel {
        id: Set(store.id.0),
        name: Set(store.name.clone()),
        currency: Set(Stored(store.currency)),
        settings: Set(serde_json::to_string(&store.settings)?),
        version: Set(store.version),
    };
    match stores::Entity::insert(row).exec(database).await.map_err(StoreError::from) {
        Ok(_) => Ok(true),
        Err(error) if error.is_unique_violation() => Ok(false),
        Err(error) => Err(error),
    }
}

/// `None` where the store is not set up.
pub(crate) async fn find_currency(connection: &impl ConnectionTrait, store: StoreId) -> StoreResult<Option<Currency>> {
    let found = stores::Entity::find_by_id(store.0).one(connection).await?;
    Ok(found.map(|store| store.currency.0))
}

async fn currency_of(unit: &UnitOfWork, store: StoreId) -> StoreResult<Currency> {
    find_currency(unit, store).await?.ok_or(StoreError::Corrupt("stores"))
}

/// The id that was chosen; without one the database gives it.
pub(crate) fn chosen(id: Option<i64>) -> ActiveValue<i64> {
    id.map_or(NotSet, Set)
}

pub(crate) async fn product(
    unit: &UnitOfWork,
    store: StoreId,
    product: &NewProduct,
    now: Timestamp,
    outside_gate: bool,
) -> StoreResult<Product> {
    let mut created = Product {
        id: ProductId(0),
        store_id: store,
        title: product.title.clone(),
        pictures: product.pictures.clone(),
        delivery_place: product.delivery_place.clone(),
        receiving_way: product.receiving_way,
        customer_product_id: product.customer_product_id.clone(),
        order_form_items: product.order_form_items.clone(),
        listed: product.listed,
        deleted: false,
        offer_only: product.offer_only,
        version: FIRST,
        created_at: now,
        skus: Vec::with_capacity(product.skus.len()),
    };
    let row = products::ActiveModel {
        id: chosen(product.id.map(|id| id.0)),
        store_id: Set(store.0),
        offer_only: Set(created.offer_only),
        version: Set(created.version),
        created_at: Set(Stored(now)),
        ..row::product_values(&created)?
    };
    created.id = ProductId(products::Entity::insert(row).exec(unit).await?.last_insert_id);

    let currency = currency_of(unit, store).await?;
    for sku in &product.skus {
        let sku = insert_sku(unit, &created, sku, currency, outside_gate).await?;
        created.skus.push(sku);
    }
    Ok(created)
}

pub(super) async fn sku_of(
    unit: &UnitOfWork,
    store: StoreId,
    product: ProductId,
    sku: &NewSku,
    outside_gate: bool,
) -> StoreResult<Option<Sku>> {
    let Some(product) = change::lock_product(unit, store, product).await? else {
        return Ok(None);
    };
    let currency = currency_of(unit, store).await?;
    insert_sku(unit, &product, sku, currency, outside_gate).await.map(Some)
}

async fn insert_sku(
    unit: &UnitOfWork,
    product: &Product,
    sku: &NewSku,
    currency: Currency,
    outside_gate: bool,
) -> StoreResult<Sku> {
    let mut created = Sku {
        id: SkuId(0),
        product_id: product.id,
        store_id: product.store_id,
        code: sku.code.clone(),
        spec: sku.spec.clone(),
        price: Money::new(sku.price.minor_units, currency),
        points: Points(sku.points),
        allotable_profit: sku.allotable_profit,
        supplier_price: sku.supplier_price,
        listed: sku.listed,
        deleted: false,
        version: FIRST,
    };
    let row = skus::ActiveModel {
        id: chosen(sku.id.map(|id| id.0)),
        store_id: Set(product.store_id.0),
        product_id: Set(product.id.0),
        version: Set(created.version),
        revision: Set(FIRST),
        ..row::sku_values(&created)
    };
    created.id = SkuId(skus::Entity::insert(row).exec(unit).await?.last_insert_id);

    let buyable = created.listed && product.listed && !product.deleted;
    let row = empty_stock(product.store_id, created.id, Listing { buyable, revision: FIRST });
    stock::Entity::insert(row.into_active_model()).exec(unit).await?;
    if outside_gate {
        change::queue_listing(unit, product.store_id, created.id, Listing { buyable, revision: FIRST }).await?;
    }
    Ok(created)
}
