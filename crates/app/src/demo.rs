//! Demo data (docs/demo.md): loaded into an empty database by `serve`, or by `seed`.

mod activities;
mod points;

use sluice_catalog::{FormField, NewProduct, NewSku, ReceivingWay, Store, StoreSettings};
use sluice_inventory::AdjustmentId;
use sluice_kernel::{Classified, Currency, ErrorKind, PortError, PortResult, ProductId, SkuId, StoreId};
use sluice_storage_sql::SqlCatalogRepository;

use crate::{Shop, bridges::port_error};

/// Differences from the plain product N.
fn form_fields(n: i64) -> Vec<FormField> {
    match n {
        11 => vec![FormField::Recipients, FormField::Tel],
        12 => vec![FormField::ReceivingInfo],
        13 => vec![FormField::IdCard],
        14 => vec![FormField::VerifyCode],
        _ => Vec::new(),
    }
}

fn stock(n: i64) -> i64 {
    match n {
        16 => 10,
        18 => 0,
        _ => 100_000,
    }
}

/// Demo product N with its one SKU N: price 1990, points 5, allotable profit 150.
pub fn demo_product(n: i64) -> NewProduct {
    NewProduct {
        id: Some(ProductId(n)),
        title: format!("Product {n}"),
        pictures: vec![format!("/pictures/{n}.png")],
        delivery_place: if n == 17 { "2" } else { "1" }.to_owned(),
        receiving_way: ReceivingWay::default(),
        customer_product_id: Some(format!("CP-{n}")),
        order_form_items: form_fields(n),
        listed: n != 15,
        offer_only: false,
        skus: vec![NewSku {
            id: Some(SkuId(n)),
            code: format!("SKU-{n}"),
            spec: "standard".to_owned(),
            price: 1_990.into(),
            points: 5,
            allotable_profit: 150,
            supplier_price: 990,
            listed: true,
        }],
    }
}

/// The stores of the demo; those that stand already are left alone.
pub async fn load_stores(catalog: &SqlCatalogRepository) -> PortResult<()> {
    let shown = StoreSettings { public_catalog: true, ..StoreSettings::default() };
    let with_ratio = StoreSettings { points_to_cash_ratio: Some([1, 100]), ..shown.clone() };
    let stores = [
        (1, "Plain store", with_ratio.clone()),
        (2, "Special store", StoreSettings { special: true, ..with_ratio }),
        (3, "Store without a ratio", shown),
    ];
    for (id, name, settings) in stores {
        let store = Store { id: StoreId(id), name: name.to_owned(), currency: Currency::CNY, settings, version: 1 };
        catalog.create_store(&store).await?;
    }
    Ok(())
}

/// Products 1 to 20 of store 1. Loading twice changes nothing. `tell` hears of each product that is done.
pub async fn load_products(shop: &Shop, tell: &(dyn Fn() + Sync)) -> PortResult<()> {
    let store = StoreId(1);
    for n in 1..=PRODUCTS {
        match shop.catalog.product(store, ProductId(n)).await {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {
                shop.catalog.create_product(store, demo_product(n)).await.map_err(|error| port_error("the catalog", error))?;
            }
            Err(error) => return Err(port_error("the catalog", error)),
        }
        receive_stock(shop, store, n, stock(n)).await?;
        tell();
    }
    Ok(())
}

/// Units of SKU N, once, under a name of their own.
async fn receive_stock(shop: &Shop, store: StoreId, n: i64, units: i64) -> PortResult<()> {
    // A gate outside the database hears of the new SKUs before their first units arrive.
    while shop.inventory.apply_effects(500).await.map_err(|error| port_error("the gate", error))? > 0 {}
    if units > 0 {
        let adjustment = AdjustmentId(format!("demo-{store}-{n}"));
        let received = shop.inventory.adjust(store, SkuId(n), adjustment, units, "demo data".to_owned()).await;
        received.map_err(|error| PortError::internal("receiving demo stock", error))?;
    }
    Ok(())
}

/// The activities 1 to 4 and their offers. Loading twice changes nothing.
pub async fn load_activities(shop: &Shop) -> PortResult<()> {
    activities::load(shop).await
}

/// The points of user 42. Loading twice changes nothing.
pub async fn load_points(shop: &Shop) -> PortResult<()> {
    points::load(shop).await
}

/// A demo that an earlier version loaded, or that was cut off half way: product 1 is the demo's, and the last offer is
/// not there. A shop of somebody's own, or one with plain products, is no demo.
pub async fn lacks_activities(shop: &Shop) -> PortResult<bool> {
    let demo = match shop.catalog.product(StoreId(1), ProductId(1)).await {
        Ok(product) => product.customer_product_id == demo_product(1).customer_product_id,
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(error) => return Err(port_error("the catalog", error)),
    };
    Ok(demo && !activities::are_loaded(shop).await?)
}

pub const PRODUCTS: i64 = 20;
