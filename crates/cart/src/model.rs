//! Cart lines as stored, and the cart as shown.

use sluice_kernel::{Money, Points, ProductId, Quantity, SkuId, StoreId, UserId};

/// A stored line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CartLine {
    pub sku_id: SkuId,
    pub quantity: Quantity,
    pub selected: bool,
}

/// What the shelf says about a SKU now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShelfEntry {
    pub sku_id: SkuId,
    pub product_id: ProductId,
    pub title: String,
    pub spec: String,
    pub price: Money,
    pub points: Points,
    pub buyable: bool,
    pub usable: i64,
}

/// A line as shown, at the current price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CartItem {
    pub sku_id: SkuId,
    pub product_id: ProductId,
    pub title: String,
    pub spec: String,
    pub quantity: Quantity,
    pub selected: bool,
    pub unit_price: Money,
    pub unit_points: Points,
    pub line_total: Money,
    /// On the shelf and enough of it.
    pub buyable: bool,
    /// `off_shelf` or `insufficient_stock` where it is not buyable.
    pub reason: Option<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cart {
    pub items: Vec<CartItem>,
    pub selected_total: Money,
    pub selected_points: Points,
}

/// The lines an order from the cart takes, and the version of the cart they were read from: an order claims the
/// version, so two tabs cannot order one cart twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectedLines {
    pub version: i64,
    pub lines: Vec<(SkuId, Quantity)>,
}

/// The quantities an order took, told by the event `event_id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderedLines {
    pub event_id: String,
    pub store: StoreId,
    pub user: UserId,
    pub lines: Vec<(SkuId, i64)>,
}
