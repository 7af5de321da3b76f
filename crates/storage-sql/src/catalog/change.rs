//! Changes by staff: compare-and-set on the version, and the revisions of what they touch.

use sea_orm::Value;
use sluice_catalog::{Changed, Product, ProductChange, Sku, SkuChange, Store, StoreSettings};
use sluice_inventory::{GateEffect, Listing};
use sluice_kernel::{Money, Points, ProductId, SkuId, StoreId};

use super::row::{self, PRODUCT_COLUMNS, SELECT_SKUS};
use crate::{
    error::{StoreError, StoreResult},
    inventory::queue_effect,
    statement::{MOST_ROWS, padded, placeholders},
    unit_of_work::UnitOfWork,
};

pub(super) async fn settings(
    unit: &UnitOfWork,
    store: StoreId,
    version: i64,
    settings: &StoreSettings,
) -> StoreResult<Changed<Store>> {
    let update = "UPDATE stores SET settings = ?, version = version + 1 WHERE id = ? AND version = ?";
    let changed = unit.execute(update, vec![serde_json::to_string(settings)?.into(), store.0.into(), version.into()]).await?;
    let select = "SELECT id, name, currency, settings, version FROM stores WHERE id = ?";
    let Some(found) = unit.row(select, vec![store.0.into()]).await? else {
        return Ok(Changed::Absent);
    };
    if changed == 0 { Ok(Changed::Stale) } else { Ok(Changed::Done(row::store(&found)?)) }
}

/// The product without its SKUs, held until the commit.
pub(super) async fn lock_product(unit: &UnitOfWork, store: StoreId, id: ProductId) -> StoreResult<Option<Product>> {
    let lock = unit.dialect().for_update();
    let select = format!("SELECT {PRODUCT_COLUMNS} FROM products WHERE store_id = ? AND id = ?{lock}");
    unit.row(select, vec![store.0.into(), id.0.into()]).await?.as_ref().map(row::product).transpose()
}

pub(super) async fn product(
    unit: &UnitOfWork,
    store: StoreId,
    id: ProductId,
    version: i64,
    change: &ProductChange,
    outside_gate: bool,
) -> StoreResult<Changed<Product>> {
    let Some(mut product) = lock_product(unit, store, id).await? else {
        return Ok(Changed::Absent);
    };
    apply_to_product(&mut product, change);
    let update = "UPDATE products SET title = ?, pictures = ?, delivery_place = ?, receiving_way = ?, customer_product_id = ?, \
        order_form_items = ?, listed = ?, deleted = ?, version = version + 1 WHERE store_id = ? AND id = ? AND version = ?";
    let mut values: Vec<_> = row::product_values(&product)?.into();
    values.extend([store.0.into(), id.0.into(), version.into()]);
    if unit.execute(update, values).await? == 0 {
        return Ok(Changed::Stale);
    }
    product.version = version + 1;

    let select = format!("{SELECT_SKUS} WHERE s.store_id = ? AND s.product_id = ? ORDER BY s.id");
    for found in unit.rows(select, vec![store.0.into(), id.0.into()]).await? {
        let sku = row::sku(&found)?;
        touch(unit, &product, &sku, outside_gate).await?;
        if !sku.deleted {
            product.skus.push(sku);
        }
    }
    Ok(Changed::Done(product))
}

pub(super) async fn sku(
    unit: &UnitOfWork,
    store: StoreId,
    id: SkuId,
    version: i64,
    change: &SkuChange,
    outside_gate: bool,
) -> StoreResult<Changed<Sku>> {
    let select = format!("{SELECT_SKUS} WHERE s.store_id = ? AND s.id = ?");
    let Some(found) = unit.row(select.clone(), vec![store.0.into(), id.0.into()]).await? else {
        return Ok(Changed::Absent);
    };
    // Which product a SKU belongs to never changes; whether it is listed may, so the product is held first and the SKU
    // is read again behind its lock.
    let Some(product) = lock_product(unit, store, row::sku(&found)?.product_id).await? else {
        return Ok(Changed::Absent);
    };
    let again = unit.row(select, vec![store.0.into(), id.0.into()]).await?;
    let mut sku = row::sku(&again.ok_or(StoreError::Corrupt("skus"))?)?;
    apply_to_sku(&mut sku, change);
    let update = "UPDATE skus SET code = ?, spec = ?, price = ?, points = ?, allotable_profit = ?, supplier_price = ?, listed = ?, \
        deleted = ?, version = version + 1 WHERE store_id = ? AND id = ? AND version = ?";
    let mut values: Vec<_> = row::sku_values(&sku).into();
    values.extend([store.0.into(), id.0.into(), version.into()]);
    if unit.execute(update, values).await? == 0 {
        return Ok(Changed::Stale);
    }
    sku.version = version + 1;
    touch(unit, &product, &sku, outside_gate).await?;
    Ok(Changed::Done(sku))
}

/// Raises the SKU's revision, tells its stock row, and queues the news for a gate outside the database.
async fn touch(unit: &UnitOfWork, product: &Product, sku: &Sku, outside_gate: bool) -> StoreResult<()> {
    let raise = "UPDATE skus SET revision = revision + 1 WHERE store_id = ? AND id = ?";
    unit.execute(raise, vec![sku.store_id.0.into(), sku.id.0.into()]).await?;
    let select = "SELECT revision FROM skus WHERE store_id = ? AND id = ?";
    let found = unit.row(select, vec![sku.store_id.0.into(), sku.id.0.into()]).await?;
    let revision: i64 = found.ok_or(StoreError::Corrupt("skus"))?.try_get_by("revision")?;

    let buyable = sku.listed && !sku.deleted && product.listed && !product.deleted;
    let stock = "UPDATE stock SET buyable = ?, revision = ? WHERE sku_id = ? AND store_id = ?";
    let told = unit.execute(stock, vec![buyable.into(), revision.into(), sku.id.0.into(), sku.store_id.0.into()]).await?;
    if told == 0 {
        return Err(StoreError::Corrupt("a SKU without a stock row"));
    }
    if outside_gate {
        queue_listing(unit, sku.store_id, sku.id, Listing { buyable, revision }).await?;
    }
    Ok(())
}

/// Raises the revisions of these SKUs without any change of their listing: something else they are sold under has
/// changed. The caller holds the row that did.
pub(crate) async fn raise_revisions(unit: &UnitOfWork, store: StoreId, skus: &[i64], outside_gate: bool) -> StoreResult<()> {
    for chunk in skus.chunks(MOST_ROWS) {
        let list = placeholders(chunk.len());
        let mut keys: Vec<Value> = vec![store.0.into()];
        keys.extend(padded(chunk).map(Value::from));
        let raise = format!("UPDATE skus SET revision = revision + 1 WHERE store_id = ? AND id IN ({list})");
        unit.execute(raise, keys.clone()).await?;
        let follow = format!(
            "UPDATE stock SET revision = (SELECT s.revision FROM skus s WHERE s.id = stock.sku_id) WHERE store_id = ? AND sku_id IN ({list})"
        );
        unit.execute(follow, keys.clone()).await?;
        if outside_gate {
            let select =
                format!("SELECT sku_id, buyable, revision FROM stock WHERE store_id = ? AND sku_id IN ({list}) ORDER BY sku_id");
            for row in unit.rows(select, keys).await? {
                let listing = Listing { buyable: row.try_get_by("buyable")?, revision: row.try_get_by("revision")? };
                queue_listing(unit, store, SkuId(row.try_get_by("sku_id")?), listing).await?;
            }
        }
    }
    Ok(())
}

pub(super) async fn queue_listing(unit: &UnitOfWork, store: StoreId, sku: SkuId, listing: Listing) -> StoreResult<()> {
    let effect = GateEffect::Listing { store, sku, listing };
    queue_effect(unit, &effect, None).await
}

fn replace<T: Clone>(present: &mut T, change: Option<&T>) {
    if let Some(changed) = change {
        present.clone_from(changed);
    }
}

fn apply_to_product(product: &mut Product, change: &ProductChange) {
    replace(&mut product.title, change.title.as_ref());
    replace(&mut product.pictures, change.pictures.as_ref());
    replace(&mut product.delivery_place, change.delivery_place.as_ref());
    replace(&mut product.receiving_way, change.receiving_way.as_ref());
    replace(&mut product.customer_product_id, change.customer_product_id.as_ref());
    replace(&mut product.order_form_items, change.order_form_items.as_ref());
    replace(&mut product.listed, change.listed.as_ref());
    replace(&mut product.deleted, change.deleted.as_ref());
}

fn apply_to_sku(sku: &mut Sku, change: &SkuChange) {
    replace(&mut sku.code, change.code.as_ref());
    replace(&mut sku.spec, change.spec.as_ref());
    if let Some(price) = change.price {
        sku.price = Money::new(price, sku.price.currency);
    }
    if let Some(points) = change.points {
        sku.points = Points(points);
    }
    replace(&mut sku.allotable_profit, change.allotable_profit.as_ref());
    replace(&mut sku.supplier_price, change.supplier_price.as_ref());
    replace(&mut sku.listed, change.listed.as_ref());
    replace(&mut sku.deleted, change.deleted.as_ref());
}
