//! `/admin/activities`

pub mod get_one;
pub mod list;
pub mod patch;
pub mod post;
pub mod post_product;

use serde::Deserialize;
use sluice_promotion::{Discount, Mode, SalesStatus};
use utoipa::ToSchema;

use crate::{
    endpoint::{Answer, Problem},
    fields::DecimalText,
};

/// What orders are paid with.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PayMode {
    Cash,
    Points,
}

impl From<PayMode> for Mode {
    fn from(mode: PayMode) -> Self {
        match mode {
            PayMode::Cash => Self::Cash,
            PayMode::Points => Self::Points,
        }
    }
}

pub fn discount(given: &DecimalText) -> Answer<Discount> {
    given.0.parse().map_err(|error: sluice_promotion::NotADiscount| Problem::invalid("/discount", error.to_string()))
}

pub fn sales_status(number: i64) -> Answer<SalesStatus> {
    SalesStatus::from_number(number).ok_or_else(|| Problem::invalid("/sales_status", "1 promotion or 2 plain sale"))
}
