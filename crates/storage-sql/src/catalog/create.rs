//! New stores, products and SKUs. A new SKU comes with a stock row of zero units.

use sluice_catalog::{NewProduct, NewSku, Product, Sku, Store};
use sluice_inventory::Listing;
use sluice_kernel::{Currency, Money, Points, ProductId, SkuId, StoreId, Timestamp};

use super::{change, row};
use crate::{
    database::Database,
    error::{StoreError, StoreResult},
    statement::insert_into,
    unit_of_work::UnitOfWork,
};

/// The first revision of a SKU, and the first version of everything.
pub(super) const FIRST: i64 = 1;

/// `false` where the id is taken.
pub(super) async fn store(database: &Database, store: &Store) -> StoreResult<bool> {
    let insert = insert_into("stores", &["id", "name", "currency", "settings", "version"], 1);
    let values = vec![
        store.id.0.into(),
        store.name.as_str().into(),
        store.currency.as_str().into(),
        serde_json::to_string(&store.settings)?.into(),
        store.version.into(),
    ];
    match database.execute(insert, values).await {
        Ok(_) => Ok(true),
        Err(error) if error.is_unique_violation() => Ok(false),
        Err(error) => Err(error),
    }
}

async fn currency_of(unit: &UnitOfWork, store: StoreId) -> StoreResult<Currency> {
    let found = unit.row("SELECT currency FROM stores WHERE id = ?", vec![store.0.into()]).await?;
    let text: String = found.ok_or(StoreError::Corrupt("stores"))?.try_get_by("currency")?;
    text.parse().map_err(|_| StoreError::Corrupt("stores.currency"))
}

/// The id that was chosen, or the one the database gave.
fn id_of(chosen: Option<i64>, inserted: u64) -> StoreResult<i64> {
    chosen.map_or_else(|| i64::try_from(inserted).map_err(|_| StoreError::Corrupt("a generated id")), Ok)
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
    let insert = "INSERT INTO products (id, store_id, title, pictures, delivery_place, receiving_way, customer_product_id, \
        order_form_items, listed, deleted, offer_only, version, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let chosen = product.id.map(|id| id.0);
    let mut values = vec![chosen.into(), store.0.into()];
    values.extend(row::product_values(&created)?);
    values.extend([created.offer_only.into(), created.version.into(), now.as_millis().into()]);
    created.id = ProductId(id_of(chosen, unit.execute_raw(insert, values).await?.last_insert_id())?);

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
        price: Money::new(sku.price, currency),
        points: Points(sku.points),
        allotable_profit: sku.allotable_profit,
        supplier_price: sku.supplier_price,
        listed: sku.listed,
        deleted: false,
        version: FIRST,
    };
    let insert = "INSERT INTO skus (id, store_id, product_id, code, spec, price, points, allotable_profit, supplier_price, listed, \
        deleted, version, revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let chosen = sku.id.map(|id| id.0);
    let mut values = vec![chosen.into(), product.store_id.0.into(), product.id.0.into()];
    values.extend(row::sku_values(&created));
    values.extend([created.version.into(), FIRST.into()]);
    created.id = SkuId(id_of(chosen, unit.execute_raw(insert, values).await?.last_insert_id())?);

    let buyable = created.listed && product.listed && !product.deleted;
    let stock =
        "INSERT INTO stock (sku_id, store_id, usable, locked, sold, received, buyable, revision) VALUES (?, ?, 0, 0, 0, 0, ?, ?)";
    unit.execute(stock, vec![created.id.0.into(), product.store_id.0.into(), buyable.into(), FIRST.into()]).await?;
    if outside_gate {
        change::queue_listing(unit, product.store_id, created.id, Listing { buyable, revision: FIRST }).await?;
    }
    Ok(created)
}
