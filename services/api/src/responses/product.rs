//! Products as customers and as staff see them, and the cart.

use std::collections::HashMap;

use serde::Serialize;
use sluice_cart::{Cart, CartItem};
use sluice_catalog::{FormField, Product, Sku};
use sluice_inventory::Figures;
use sluice_kernel::{Money, Points, ProductId, Quantity, SkuId, Timestamp};
use utoipa::ToSchema;

use crate::responses::shape;

/// A listed product.
#[derive(Serialize, ToSchema)]
pub struct ProductAnswer {
    pub id: ProductId,
    pub title: String,
    pub pictures: Vec<String>,
    pub delivery_place: String,
    /// 0 physical, 1 to 4 virtual.
    pub receiving_way: u8,
    /// What an order of it must carry.
    #[schema(value_type = Vec<shape::FormField>)]
    pub order_form_items: Vec<FormField>,
    pub skus: Vec<SkuAnswer>,
}

#[derive(Serialize, ToSchema)]
pub struct SkuAnswer {
    pub sku_id: SkuId,
    pub code: String,
    pub spec: String,
    pub price: Money,
    pub points: Points,
    /// Units that could be ordered now.
    pub usable: i64,
    pub in_stock: bool,
}

impl ProductAnswer {
    pub fn new(product: Product, figures: &HashMap<SkuId, Figures>) -> Self {
        let sku = |sku: Sku| {
            let usable = figures.get(&sku.id).map_or(0, |figures| figures.usable);
            SkuAnswer {
                sku_id: sku.id,
                code: sku.code,
                spec: sku.spec,
                price: sku.price,
                points: sku.points,
                usable,
                in_stock: usable > 0,
            }
        };
        Self {
            id: product.id,
            title: product.title,
            pictures: product.pictures,
            delivery_place: product.delivery_place,
            receiving_way: product.receiving_way.get(),
            order_form_items: product.order_form_items,
            skus: product.skus.into_iter().map(sku).collect(),
        }
    }
}

/// A product as staff see it.
#[derive(Serialize, ToSchema)]
pub struct StaffProductAnswer {
    pub id: ProductId,
    pub title: String,
    pub pictures: Vec<String>,
    pub delivery_place: String,
    /// 0 physical, 1 to 4 virtual.
    pub receiving_way: u8,
    /// The customer's own product identifier, sent to partners.
    #[schema(required)]
    pub customer_product_id: Option<String>,
    #[schema(value_type = Vec<shape::FormField>)]
    pub order_form_items: Vec<FormField>,
    pub listed: bool,
    pub deleted: bool,
    /// Sold by an activity alone: not on the shelf, in no cart.
    pub offer_only: bool,
    /// The ETag's number.
    pub version: i64,
    pub created_at: Timestamp,
    pub skus: Vec<StaffSkuAnswer>,
}

#[derive(Serialize, ToSchema)]
pub struct StaffSkuAnswer {
    pub sku_id: SkuId,
    pub product_id: ProductId,
    pub code: String,
    pub spec: String,
    pub price: Money,
    pub points: Points,
    /// What promoters may share, per unit, in minor units.
    pub allotable_profit: i64,
    /// Per unit, in minor units.
    pub supplier_price: i64,
    pub listed: bool,
    pub deleted: bool,
    /// The ETag's number.
    pub version: i64,
}

impl From<Sku> for StaffSkuAnswer {
    fn from(sku: Sku) -> Self {
        Self {
            sku_id: sku.id,
            product_id: sku.product_id,
            code: sku.code,
            spec: sku.spec,
            price: sku.price,
            points: sku.points,
            allotable_profit: sku.allotable_profit,
            supplier_price: sku.supplier_price,
            listed: sku.listed,
            deleted: sku.deleted,
            version: sku.version,
        }
    }
}

impl From<Product> for StaffProductAnswer {
    fn from(product: Product) -> Self {
        Self {
            id: product.id,
            title: product.title,
            pictures: product.pictures,
            delivery_place: product.delivery_place,
            receiving_way: product.receiving_way.get(),
            customer_product_id: product.customer_product_id,
            order_form_items: product.order_form_items,
            listed: product.listed,
            deleted: product.deleted,
            offer_only: product.offer_only,
            version: product.version,
            created_at: product.created_at,
            skus: product.skus.into_iter().map(StaffSkuAnswer::from).collect(),
        }
    }
}

/// The cart at current prices.
#[derive(Serialize, ToSchema)]
pub struct CartAnswer {
    pub items: Vec<CartItemAnswer>,
    pub selected_total: Money,
    pub selected_points: Points,
}

#[derive(Serialize, ToSchema)]
pub struct CartItemAnswer {
    pub sku_id: SkuId,
    pub product_id: ProductId,
    pub title: String,
    pub spec: String,
    pub quantity: Quantity,
    pub selected: bool,
    pub unit_price: Money,
    pub unit_points: Points,
    pub line_total: Money,
    pub buyable: bool,
    /// Why it is not buyable, else null.
    #[schema(value_type = Option<shape::NotBuyable>, required)]
    pub reason: Option<&'static str>,
}

impl From<Cart> for CartAnswer {
    fn from(cart: Cart) -> Self {
        let item = |item: CartItem| CartItemAnswer {
            sku_id: item.sku_id,
            product_id: item.product_id,
            title: item.title,
            spec: item.spec,
            quantity: item.quantity,
            selected: item.selected,
            unit_price: item.unit_price,
            unit_points: item.unit_points,
            line_total: item.line_total,
            buyable: item.buyable,
            reason: item.reason,
        };
        Self {
            items: cart.items.into_iter().map(item).collect(),
            selected_total: cart.selected_total,
            selected_points: cart.selected_points,
        }
    }
}
