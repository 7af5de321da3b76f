//! Changes by staff: compare-and-set on the version, and the revisions of what they touch.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, Value,
    sea_query::{Expr, ExprTrait as _},
};
use sluice_catalog::{Product, ProductChange, Sku, SkuChange, Store, StoreSettings};
use sluice_inventory::{GateEffect, Listing};
use sluice_kernel::{Changed, Money, Points, ProductId, SkuId, StoreId};

use super::row::{self, select_skus};
use crate::{
    error::{StoreError, StoreResult},
    inventory::queue_effect,
    statement::{MAX_ROWS, padded, placeholders},
    table::{products, skus, stock, stores},
    unit_of_work::UnitOfWork,
};

pub(super) async fn settings(
    unit: &UnitOfWork,
    store: StoreId,
    version: i64,
    settings: &StoreSettings,
) -> StoreResult<Changed<Store>> {
    let changed = stores::Entity::update_many()
        .col_expr(stores::Column::Settings, serde_json::to_string(settings)?.into())
        .col_expr(stores::Column::Version, Expr::col(stores::Column::Version).add(1))
        .filter(stores::Column::Id.eq(store.0).and(stores::Column::Version.eq(version)))
        .exec(unit)
        .await?;
    let Some(found) = stores::Entity::find_by_id(store.0).one(unit).await? else { return Ok(Changed::Absent) };
    if changed.rows_affected == 0 { Ok(Changed::Stale) } else { Ok(Changed::Done(row::store(found)?)) }
}

/// The product without its SKUs, held until the commit.
pub(super) async fn lock_product(unit: &UnitOfWork, store: StoreId, id: ProductId) -> StoreResult<Option<Product>> {
    let wanted = products::Entity::find_by_id(id.0).filter(products::Column::StoreId.eq(store.0));
    wanted.lock_exclusive().one(unit).await?.map(row::product).transpose()
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
    let written = products::Entity::update_many()
        .set(row::product_values(&product)?)
        .col_expr(products::Column::Version, Expr::col(products::Column::Version).add(1))
        .filter(products::Column::StoreId.eq(store.0).and(products::Column::Id.eq(id.0)))
        .filter(products::Column::Version.eq(version))
        .exec(unit)
        .await?;
    if written.rows_affected == 0 {
        return Ok(Changed::Stale);
    }
    product.version = version + 1;

    let select = format!("{} WHERE s.store_id = ? AND s.product_id = ? ORDER BY s.id", select_skus());
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
    let select = format!("{} WHERE s.store_id = ? AND s.id = ?", select_skus());
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
    let written = skus::Entity::update_many()
        .set(row::sku_values(&sku))
        .col_expr(skus::Column::Version, Expr::col(skus::Column::Version).add(1))
        .filter(skus::Column::StoreId.eq(store.0).and(skus::Column::Id.eq(id.0)))
        .filter(skus::Column::Version.eq(version))
        .exec(unit)
        .await?;
    if written.rows_affected == 0 {
        return Ok(Changed::Stale);
    }
    sku.version = version + 1;
    touch(unit, &product, &sku, outside_gate).await?;
    Ok(Changed::Done(sku))
}

/// Raises the SKU's revision, tells its stock row, and queues the change for a gate outside the database.
async fn touch(unit: &UnitOfWork, product: &Product, sku: &Sku, outside_gate: bool) -> StoreResult<()> {
    raise(unit, sku.store_id, &[sku.id.0]).await?;
    let found = skus::Entity::find_by_id(sku.id.0).filter(skus::Column::StoreId.eq(sku.store_id.0)).one(unit).await?;
    let revision = found.ok_or(StoreError::Corrupt("skus"))?.revision;

    let buyable = sku.listed && !sku.deleted && product.listed && !product.deleted;
    let followed = stock::Entity::update_many()
        .set(stock::ActiveModel { buyable: Set(buyable), revision: Set(revision), ..Default::default() })
        .filter(stock::Column::SkuId.eq(sku.id.0).and(stock::Column::StoreId.eq(sku.store_id.0)))
        .exec(unit)
        .await?;
    if followed.rows_affected == 0 {
        return Err(StoreError::Corrupt("a SKU without a stock row"));
    }
    if outside_gate {
        queue_listing(unit, sku.store_id, sku.id, Listing { buyable, revision }).await?;
    }
    Ok(())
}

async fn raise(unit: &UnitOfWork, store: StoreId, skus: &[i64]) -> StoreResult<()> {
    skus::Entity::update_many()
        .col_expr(skus::Column::Revision, Expr::col(skus::Column::Revision).add(1))
        .filter(skus::Column::StoreId.eq(store.0).and(skus::Column::Id.is_in(padded(skus))))
        .exec(unit)
        .await?;
    Ok(())
}

/// Raises the revisions of these SKUs without any change of their listing: something else they are sold under has
/// changed. The caller holds the row that did.
pub(crate) async fn raise_revisions(unit: &UnitOfWork, store: StoreId, skus: &[i64], outside_gate: bool) -> StoreResult<()> {
    for chunk in skus.chunks(MAX_ROWS) {
        raise(unit, store, chunk).await?;
        let mut keys: Vec<Value> = vec![store.0.into()];
        keys.extend(padded(chunk).map(Value::from));
        let follow = format!(
            "UPDATE stock SET revision = (SELECT s.revision FROM skus s WHERE s.id = stock.sku_id) WHERE store_id = ? AND sku_id IN ({})",
            placeholders(chunk.len())
        );
        unit.execute(follow, keys).await?;
        if outside_gate {
            let of_store = stock::Column::StoreId.eq(store.0).and(stock::Column::SkuId.is_in(padded(chunk)));
            for row in stock::Entity::find().filter(of_store).order_by_asc(stock::Column::SkuId).all(unit).await? {
                let listing = Listing { buyable: row.buyable, revision: row.revision };
                queue_listing(unit, store, SkuId(row.sku_id), listing).await?;
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
        sku.price = Money::new(price.minor_units, sku.price.currency);
    }
    if let Some(points) = change.points {
        sku.points = Points(points);
    }
    replace(&mut sku.allotable_profit, change.allotable_profit.as_ref());
    replace(&mut sku.supplier_price, change.supplier_price.as_ref());
    replace(&mut sku.listed, change.listed.as_ref());
    replace(&mut sku.deleted, change.deleted.as_ref());
}
