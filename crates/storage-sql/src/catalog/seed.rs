//! Many products at once, with their stock: demo data and load tests.
//!
//! Contract: product N has one SKU with the same id. What stands already is left alone, so seeding may be repeated or
//! go on after it was cut off. The units stand as completed adjustments, so that every figure can be recomputed.

use futures_util::FutureExt as _;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _};
use sluice_catalog::{FormField, ReceivingWay};
use sluice_events::MovementKind;
use sluice_inventory::{AdjustmentState, Listing};
use sluice_kernel::{PortResult, SkuId, StoreId, Timestamp};

use super::{SqlCatalogRepository, create::FIRST};
use crate::{
    error::{IntoPort as _, StoreResult},
    inventory::empty_stock,
    multi_row::MultiRow,
    statement::{MAX_ROWS, padded},
    stored::{At, Stored},
    table::{products, row, skus, stock, stock_adjustments},
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

row! {
    struct Receipt of stock_ledger {
        store_id: i64,
        sku_id: i64,
        movement_id: String,
        kind: Stored<MovementKind>,
        quantity: i64,
        reason: Option<String>,
        at: At,
        applied: bool,
    }
}

static PRODUCTS: MultiRow<products::Model> = MultiRow::insert();
static SKUS: MultiRow<skus::Model> = MultiRow::insert();
static STOCK: MultiRow<stock::Model> = MultiRow::insert();
static ADJUSTMENTS: MultiRow<stock_adjustments::Model> = MultiRow::insert();
static RECEIPTS: MultiRow<Receipt> = MultiRow::insert();

const REASON: &str = "initial stock";

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
        self.database.transact(move |unit, _| seed(unit, store, products, now).boxed()).await.into_port("seeding products")
    }
}

async fn seed(unit: &UnitOfWork, store: StoreId, products: &[SeedProduct], now: Timestamp) -> StoreResult<()> {
    let missing = missing(unit, products).await?;
    let rows = missing.iter().map(|product| product_row(store, product, now)).collect::<StoreResult<Vec<_>>>()?;
    PRODUCTS.run(unit, rows).await?;
    SKUS.run(unit, missing.iter().map(|product| sku_row(store, product))).await?;
    STOCK.run(unit, missing.iter().map(|product| stock_row(store, product))).await?;
    let stocked = || missing.iter().filter(|product| product.stock != 0);
    ADJUSTMENTS.run(unit, stocked().map(|product| adjustment(store, product, now))).await?;
    RECEIPTS.run(unit, stocked().map(|product| receipt(store, product, now))).await?;
    Ok(())
}

async fn missing<'p>(unit: &UnitOfWork, products: &'p [SeedProduct]) -> StoreResult<Vec<&'p SeedProduct>> {
    let mut missing = Vec::with_capacity(products.len());
    for chunk in products.chunks(MAX_ROWS) {
        let ids: Vec<i64> = chunk.iter().map(|product| product.id).collect();
        let wanted = products::Entity::find().select_only().column(products::Column::Id);
        let standing: Vec<i64> = wanted.filter(products::Column::Id.is_in(padded(&ids))).into_tuple().all(unit).await?;
        missing.extend(chunk.iter().filter(|product| !standing.contains(&product.id)));
    }
    Ok(missing)
}

fn product_row(store: StoreId, product: &SeedProduct, now: Timestamp) -> StoreResult<products::Model> {
    Ok(products::Model {
        id: product.id,
        store_id: store.0,
        title: product.title.clone(),
        pictures: "[]".to_owned(),
        delivery_place: product.delivery_place.clone(),
        receiving_way: Stored(ReceivingWay::default()),
        customer_product_id: None,
        order_form_items: serde_json::to_string(&product.order_form_items)?,
        listed: product.listed,
        deleted: false,
        version: FIRST,
        created_at: Stored(now),
        offer_only: false,
    })
}

fn sku_row(store: StoreId, product: &SeedProduct) -> skus::Model {
    skus::Model {
        id: product.id,
        store_id: store.0,
        product_id: product.id,
        code: format!("SKU-{}", product.id),
        spec: "standard".to_owned(),
        price: product.price,
        points: product.points,
        allotable_profit: product.allotable_profit,
        supplier_price: 0,
        listed: true,
        deleted: false,
        version: FIRST,
        revision: FIRST,
    }
}

fn stock_row(store: StoreId, product: &SeedProduct) -> stock::Model {
    let listing = Listing { buyable: product.listed, revision: FIRST };
    stock::Model { usable: product.stock, received: product.stock, ..empty_stock(store, SkuId(product.id), listing) }
}

/// Names the one adjustment that brought a SKU's first units.
fn movement_of(product: &SeedProduct) -> String {
    format!("seed-{}", product.id)
}

fn adjustment(store: StoreId, product: &SeedProduct, now: Timestamp) -> stock_adjustments::Model {
    stock_adjustments::Model {
        id: movement_of(product),
        store_id: store.0,
        sku_id: product.id,
        delta: product.stock,
        reason: REASON.to_owned(),
        status: Stored(AdjustmentState::Done),
        at: Stored(now),
        due_at: Stored(Timestamp::from_millis(0)),
    }
}

fn receipt(store: StoreId, product: &SeedProduct, now: Timestamp) -> Receipt {
    Receipt {
        store_id: store.0,
        sku_id: product.id,
        movement_id: movement_of(product),
        kind: Stored(MovementKind::Adjust),
        quantity: product.stock,
        reason: Some(REASON.to_owned()),
        at: Stored(now),
        applied: true,
    }
}
