//! What only an order of an activity has (spec.md S1).

use std::sync::Arc;

use rust_decimal::Decimal;
use sluice_kernel::{ActivityId, CampaignId, Money, Points, ProductId, Quantity, Timestamp};

/// What an order is paid with; the discount mode of its offer, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PayType {
    Cash,
    Points,
}

impl PayType {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cash => "cash",
            Self::Points => "points",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Cash, Self::Points].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// When an activity runs; both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActivityWindow {
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
}

impl ActivityWindow {
    pub fn holds(&self, at: Timestamp) -> bool {
        self.starts_at <= at && at <= self.ends_at
    }
}

/// What an activity order keeps beside what every order keeps (spec.md S1 rule 7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityPart {
    pub activity_id: ActivityId,
    pub product_id: ProductId,
    pub campaign_id: Option<CampaignId>,
    pub pay_type: PayType,
    pub discount: Decimal,
    /// Before the discount, a unit.
    pub price: Money,
    /// Before the discount, a unit.
    pub points_price: Points,
    pub quantity: Quantity,
    pub receiving_way: u8,
    pub own_form: Option<String>,
    /// Whom the sealed referrer named.
    pub promoter: Option<String>,
    pub customer_product_id: Option<Arc<str>>,
    /// The cash-equivalent unit price that partners are sent, in minor units (rule 6).
    pub partner_unit_price: i64,
    /// Rounded from unit × quantity by itself, in minor units (rule 6).
    pub partner_total: i64,
    /// Terms the gate checked; late money is held to the same limit.
    pub window: ActivityWindow,
    pub most_orders: Option<i64>,
    pub most_units: Option<i64>,
}
