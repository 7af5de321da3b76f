//! The lines of an order.

use std::sync::Arc;

use sluice_kernel::{Money, Points, ProductId, Quantity, SkuId};

/// Snapshot of one SKU line; texts are shared with the catalog's cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemLine {
    pub sku_id: SkuId,
    pub product_id: ProductId,
    pub title: Arc<str>,
    pub picture: Option<Arc<str>>,
    pub spec: Arc<str>,
    pub code: Arc<str>,
    pub quantity: Quantity,
    pub unit_price: Money,
    pub unit_points: Points,
    pub line_total: Money,
    pub supplier_price: i64,
    pub allotable_profit: i64,
    pub delivery_place: Arc<str>,
    /// Catalog revision the line was priced at.
    pub revision: i64,
}

/// A kept line: the snapshot, and how much of it was returned to stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderItem {
    pub line: ItemLine,
    pub restocked: i64,
}
