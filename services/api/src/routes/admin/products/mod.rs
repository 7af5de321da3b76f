//! `/admin/products`

pub mod get_one;
pub mod list;
pub mod patch;
pub mod post;
pub mod post_sku;

use serde::Deserialize;
use sluice_catalog::NewSku;
use sluice_kernel::Amount;
use utoipa::ToSchema;

/// A new SKU. Amounts are minor units of the store's currency, as numbers or as money.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SkuFields {
    #[schema(max_length = 64)]
    code: String,
    /// For instance "red / 64 GB".
    #[serde(default)]
    #[schema(max_length = 200)]
    spec: String,
    price: Amount,
    #[serde(default)]
    points: i64,
    /// What promoters may share, per unit, in minor units.
    #[serde(default)]
    allotable_profit: i64,
    /// Per unit, in minor units.
    #[serde(default)]
    supplier_price: i64,
    #[serde(default = "listed")]
    #[schema(default = true)]
    listed: bool,
}

pub fn listed() -> bool {
    true
}

impl From<SkuFields> for NewSku {
    fn from(given: SkuFields) -> Self {
        let SkuFields { code, spec, price, points, allotable_profit, supplier_price, listed } = given;
        Self { id: None, code, spec, price, points, allotable_profit, supplier_price, listed }
    }
}
