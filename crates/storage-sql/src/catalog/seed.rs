//! Many products at once, with their stock: demo data and load tests.
//!
//! Contract: product N has one SKU with the same id. What stands already is left alone, so seeding may be repeated or
//! go on after it was cut off. The units stand as completed adjustments, so that every figure can be recomputed.

use futures_util::FutureExt as _;
use sea_orm::Value;
use sluice_catalog::FormField;
use sluice_kernel::{PortResult, StoreId, Timestamp};

use super::{SqlCatalogRepository, create::FIRST};
use crate::{
    error::{StoreError, StoreResult},
    statement::{MOST_ROWS, insert_into, padded, placeholders, power_chunks},
    unit_of_work::UnitOfWork,
};

/// A product with one SKU of the same id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedProduct {
    pub id: i64,
    pub title: String,
    pub price: i64,
    pub points: i64,
    pub allotable_profit: i64,
    pub delivery_place: String,
    pub order_form_items: Vec<FormField>,
    pub listed: bool,
    pub stock: i64,
}

impl SeedProduct {
    /// Listed, price 1990, points 5, allotable profit 150, delivery place 1, no required field.
    pub fn plain(id: i64, stock: i64) -> Self {
        Self {
            id,
            title: format!("Product {id}"),
            price: 1_990,
            points: 5,
            allotable_profit: 150,
            delivery_place: "1".to_owned(),
            order_form_items: Vec::new(),
            listed: true,
            stock,
        }
    }
}

/// Products that one transaction takes.
const IN_ONE_TRANSACTION: i64 = 1_024;

const PRODUCT: [&str; 12] = [
    "id",
    "store_id",
    "title",
    "pictures",
    "delivery_place",
    "receiving_way",
    "customer_product_id",
    "order_form_items",
    "listed",
    "deleted",
    "version",
    "created_at",
];
const SKU: [&str; 13] = [
    "id",
    "store_id",
    "product_id",
    "code",
    "spec",
    "price",
    "points",
    "allotable_profit",
    "supplier_price",
    "listed",
    "deleted",
    "version",
    "revision",
];
const STOCK: [&str; 8] = ["sku_id", "store_id", "usable", "locked", "sold", "received", "buyable", "revision"];
const ADJUSTMENT: [&str; 7] = ["id", "store_id", "sku_id", "delta", "reason", "status", "at"];
const LEDGER: [&str; 8] = ["store_id", "sku_id", "movement_id", "kind", "quantity", "reason", "at", "applied"];

const REASON: &str = "initial stock";
/// `stock_adjustments.status`: done.
const DONE: i64 = 1;
/// `stock_ledger.kind`: adjust.
const ADJUST: i64 = 5;

impl SqlCatalogRepository {
    /// Seeds `count` plain products with `stock` units each; `progress` is told how many stand after each step.
    pub async fn seed_plain(
        &self,
        store: StoreId,
        first_id: i64,
        count: i64,
        stock: i64,
        now: Timestamp,
        progress: &(dyn Fn(i64) + Send + Sync),
    ) -> PortResult<()> {
        let end = first_id.saturating_add(count.max(0));
        let mut next = first_id;
        while next < end {
            let upto = end.min(next.saturating_add(IN_ONE_TRANSACTION));
            let products: Vec<SeedProduct> = (next..upto).map(|id| SeedProduct::plain(id, stock)).collect();
            self.seed(store, &products, now).await?;
            progress(upto - first_id);
            next = upto;
        }
        Ok(())
    }

    /// Seeds these products in one transaction.
    pub async fn seed(&self, store: StoreId, products: &[SeedProduct], now: Timestamp) -> PortResult<()> {
        self.database.transact("seeding products", move |unit, _| seed(unit, store, products, now).boxed()).await
    }
}

async fn seed(unit: &UnitOfWork, store: StoreId, products: &[SeedProduct], now: Timestamp) -> StoreResult<()> {
    let missing = missing(unit, products).await?;
    for chunk in power_chunks(&missing) {
        insert(unit, "products", &PRODUCT, chunk, |product| product_values(store, product, now)).await?;
        insert(unit, "skus", &SKU, chunk, |product| Ok(sku_values(store, product))).await?;
        insert(unit, "stock", &STOCK, chunk, |product| Ok(stock_values(store, product))).await?;
    }
    let stocked: Vec<&SeedProduct> = missing.into_iter().filter(|product| product.stock != 0).collect();
    for chunk in power_chunks(&stocked) {
        insert(unit, "stock_adjustments", &ADJUSTMENT, chunk, |product| Ok(adjustment_values(store, product, now))).await?;
        insert(unit, "stock_ledger", &LEDGER, chunk, |product| Ok(ledger_values(store, product, now))).await?;
    }
    Ok(())
}

async fn insert(
    unit: &UnitOfWork,
    table: &str,
    columns: &[&str],
    products: &[&SeedProduct],
    values_of: impl Fn(&SeedProduct) -> StoreResult<Vec<Value>>,
) -> StoreResult<()> {
    let mut values = Vec::with_capacity(products.len() * columns.len());
    for product in products {
        values.extend(values_of(product)?);
    }
    unit.execute(insert_into(table, columns, products.len()), values).await?;
    Ok(())
}

async fn missing<'p>(unit: &UnitOfWork, products: &'p [SeedProduct]) -> StoreResult<Vec<&'p SeedProduct>> {
    let mut missing = Vec::with_capacity(products.len());
    for chunk in products.chunks(MOST_ROWS) {
        let ids: Vec<i64> = chunk.iter().map(|product| product.id).collect();
        let select = format!("SELECT id FROM products WHERE id IN ({})", placeholders(ids.len()));
        let rows = unit.rows(select, padded(&ids).map(Value::from).collect()).await?;
        let standing: Vec<i64> = rows.iter().map(|row| row.try_get_by("id")).collect::<Result<_, _>>().map_err(StoreError::Db)?;
        missing.extend(chunk.iter().filter(|product| !standing.contains(&product.id)));
    }
    Ok(missing)
}

fn product_values(store: StoreId, product: &SeedProduct, now: Timestamp) -> StoreResult<Vec<Value>> {
    Ok(vec![
        product.id.into(),
        store.0.into(),
        product.title.as_str().into(),
        "[]".into(),
        product.delivery_place.as_str().into(),
        0_i64.into(),
        None::<String>.into(),
        serde_json::to_string(&product.order_form_items)?.into(),
        product.listed.into(),
        false.into(),
        FIRST.into(),
        now.as_millis().into(),
    ])
}

fn sku_values(store: StoreId, product: &SeedProduct) -> Vec<Value> {
    vec![
        product.id.into(),
        store.0.into(),
        product.id.into(),
        format!("SKU-{}", product.id).into(),
        "standard".into(),
        product.price.into(),
        product.points.into(),
        product.allotable_profit.into(),
        0_i64.into(),
        true.into(),
        false.into(),
        FIRST.into(),
        FIRST.into(),
    ]
}

fn stock_values(store: StoreId, product: &SeedProduct) -> Vec<Value> {
    vec![
        product.id.into(),
        store.0.into(),
        product.stock.into(),
        0_i64.into(),
        0_i64.into(),
        product.stock.into(),
        product.listed.into(),
        FIRST.into(),
    ]
}

/// Names the one adjustment that brought a SKU's first units.
fn movement_of(product: &SeedProduct) -> String {
    format!("seed-{}", product.id)
}

fn adjustment_values(store: StoreId, product: &SeedProduct, now: Timestamp) -> Vec<Value> {
    vec![
        movement_of(product).into(),
        store.0.into(),
        product.id.into(),
        product.stock.into(),
        REASON.into(),
        DONE.into(),
        now.as_millis().into(),
    ]
}

fn ledger_values(store: StoreId, product: &SeedProduct, now: Timestamp) -> Vec<Value> {
    vec![
        store.0.into(),
        product.id.into(),
        movement_of(product).into(),
        ADJUST.into(),
        product.stock.into(),
        REASON.into(),
        now.as_millis().into(),
        true.into(),
    ]
}
