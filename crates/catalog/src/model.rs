//! Stores, products, SKUs, and the card of a SKU that placing an order needs.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sluice_kernel::{Amount, Currency, FormField, Money, Points, ProductId, ReceivingWay, SkuId, StoreId, Timestamp};

/// A tenant and its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    pub id: StoreId,
    pub name: String,
    pub currency: Currency,
    pub settings: StoreSettings,
    /// Counts changes, for If-Match.
    pub version: i64,
}

/// Typed settings of a store; absent means the rule's default (docs/domain.md S1 rules 3, 6, 8).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreSettings {
    /// The special-store rules for receiving ways and redemption apply.
    #[serde(default)]
    pub special: bool,
    /// `redirect_type` of activity orders; default "1" (home page).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub h5_redirect_type: Option<String>,
    /// `[a, b]`: b points are worth a major units; both above zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points_to_cash_ratio: Option<[i64; 2]>,
    /// Products and activities may be read without a token. False is not written, so that an older process can read the settings.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub public_catalog: bool,
}

/// Replaces the settings as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSettingsChange {
    pub settings: StoreSettings,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    pub id: ProductId,
    pub store_id: StoreId,
    pub title: String,
    pub pictures: Vec<String>,
    /// Orders are split into one child order for each delivery place.
    pub delivery_place: String,
    pub receiving_way: ReceivingWay,
    /// The customer's own product identifier, told to partners.
    pub customer_product_id: Option<String>,
    pub order_form_items: Vec<FormField>,
    pub listed: bool,
    pub deleted: bool,
    /// Sold by an activity alone: the shelf, the cart and cart orders do not know it. It has exactly one SKU, and stays
    /// what it was made as.
    pub offer_only: bool,
    /// Counts changes, for If-Match.
    pub version: i64,
    pub created_at: Timestamp,
    /// Not deleted ones, in id order.
    pub skus: Vec<Sku>,
}

/// Which products a list shows; nothing set: all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProductSearch {
    /// Each of its words stands in the title, or in the code of a SKU that the list shows.
    pub text: Option<String>,
    /// Ids that name nothing in the store are left out.
    pub ids: Option<Vec<ProductId>>,
}

impl ProductSearch {
    /// The words of the text, at most as many as [`crate::CatalogService`] admits.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.text.as_deref().unwrap_or_default().split_whitespace()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sku {
    pub id: SkuId,
    pub product_id: ProductId,
    pub store_id: StoreId,
    pub code: String,
    /// For instance "red / 64 GB".
    pub spec: String,
    pub price: Money,
    pub points: Points,
    /// What promoters may share, per unit, in minor units.
    pub allotable_profit: i64,
    /// Per unit, in minor units.
    pub supplier_price: i64,
    pub listed: bool,
    pub deleted: bool,
    pub version: i64,
}

/// Everything about a SKU that placing an order needs, product included: one flat, cacheable value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkuCard {
    pub sku_id: SkuId,
    pub product_id: ProductId,
    pub store_id: StoreId,
    pub title: Arc<str>,
    /// The first of `pictures`.
    pub picture: Option<Arc<str>>,
    pub pictures: Arc<[String]>,
    pub spec: Arc<str>,
    pub code: Arc<str>,
    pub price: Money,
    pub points: Points,
    pub allotable_profit: i64,
    pub supplier_price: i64,
    pub delivery_place: Arc<str>,
    pub receiving_way: ReceivingWay,
    pub customer_product_id: Option<Arc<str>>,
    pub order_form_items: Arc<[FormField]>,
    /// SKU and product are listed and not deleted.
    pub buyable: bool,
    /// Sold by an activity alone: no cart takes it, however buyable it is.
    pub offer_only: bool,
    /// Grows with every change of the SKU or its product. The stock gate compares it, so an order is never taken at
    /// a price or under rules that have been changed (see docs/adr).
    pub revision: i64,
}

impl SkuCard {
    /// A cart order may name it.
    pub fn on_the_shelf(&self) -> bool {
        self.buyable && !self.offer_only
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewProduct {
    /// Chosen by demo data and imports; otherwise the database numbers it.
    pub id: Option<ProductId>,
    pub title: String,
    pub pictures: Vec<String>,
    pub delivery_place: String,
    pub receiving_way: ReceivingWay,
    pub customer_product_id: Option<String>,
    pub order_form_items: Vec<FormField>,
    pub listed: bool,
    /// See [`Product::offer_only`].
    pub offer_only: bool,
    pub skus: Vec<NewSku>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSku {
    pub id: Option<SkuId>,
    pub code: String,
    pub spec: String,
    /// In the store's currency, not negative.
    pub price: Amount,
    pub points: i64,
    pub allotable_profit: i64,
    pub supplier_price: i64,
    pub listed: bool,
}

/// Fields that are `Some` replace what is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProductChange {
    pub title: Option<String>,
    pub pictures: Option<Vec<String>>,
    pub delivery_place: Option<String>,
    pub receiving_way: Option<ReceivingWay>,
    pub customer_product_id: Option<Option<String>>,
    pub order_form_items: Option<Vec<FormField>>,
    pub listed: Option<bool>,
    pub deleted: Option<bool>,
}

/// Fields that are `Some` replace what is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SkuChange {
    pub code: Option<String>,
    pub spec: Option<String>,
    /// In the SKU's own currency.
    pub price: Option<Amount>,
    pub points: Option<i64>,
    pub allotable_profit: Option<i64>,
    pub supplier_price: Option<i64>,
    pub listed: Option<bool>,
    pub deleted: Option<bool>,
}
