//! `/admin/products`

pub mod get_one;
pub mod list;
pub mod patch;
pub mod post;
pub mod post_sku;

use serde::Deserialize;
use sluice_catalog::{FormField, NewSku, ReceivingWay};
use sluice_kernel::Currency;
use utoipa::ToSchema;

use crate::{
    endpoint::{Answer, Problem},
    fields::{self, Amount},
};

/// More minor units than any price; far from the end of the range (sluice-catalog keeps the same bound).
const MAX_AMOUNT: i64 = 1_000_000_000_000;
const MAX_PICTURES: usize = 20;

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

impl SkuFields {
    /// `at` is the pointer of the object.
    pub fn checked(self, at: &str, currency: Currency) -> Answer<NewSku> {
        fields::text(&format!("{at}/code"), &self.code, 64)?;
        fields::short(&format!("{at}/spec"), &self.spec, 200)?;
        let price = self.price.within(&format!("{at}/price"), currency)?;
        for (name, amount) in [
            ("price", price),
            ("points", self.points),
            ("allotable_profit", self.allotable_profit),
            ("supplier_price", self.supplier_price),
        ] {
            amount_in_range(&format!("{at}/{name}"), amount)?;
        }
        Ok(NewSku {
            id: None,
            code: self.code,
            spec: self.spec,
            price,
            points: self.points,
            allotable_profit: self.allotable_profit,
            supplier_price: self.supplier_price,
            listed: self.listed,
        })
    }
}

pub fn amount_in_range(pointer: &str, amount: i64) -> Answer<()> {
    if (0..=MAX_AMOUNT).contains(&amount) { Ok(()) } else { Err(Problem::invalid(pointer, format!("from 0 to {MAX_AMOUNT}"))) }
}

pub fn receiving_way(way: i64) -> Answer<ReceivingWay> {
    ReceivingWay::new(way).ok_or_else(|| Problem::invalid("/receiving_way", "from 0 to 4"))
}

pub fn check_pictures(pictures: &[String]) -> Answer<()> {
    if pictures.len() > MAX_PICTURES {
        return Err(Problem::invalid("/pictures", format!("at most {MAX_PICTURES} pictures")));
    }
    pictures.iter().enumerate().try_for_each(|(index, picture)| fields::text(&format!("/pictures/{index}"), picture, 500))
}

pub fn check_form(items: &[FormField]) -> Answer<()> {
    let repeated = items.iter().enumerate().find(|(index, item)| items.iter().take(*index).any(|other| other == *item));
    repeated.map_or(Ok(()), |(index, _)| Err(Problem::invalid(format!("/order_form_items/{index}"), "named twice")))
}
