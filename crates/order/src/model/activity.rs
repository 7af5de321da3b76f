//! What only an order of an activity has (docs/domain.md S1).

use std::sync::Arc;

use rust_decimal::Decimal;
use sluice_kernel::{ActivityId, CampaignId, Money, PayType, Points, ProductId, Quantity, Window};

/// What an activity order keeps beside what every order keeps (docs/domain.md S1 rule 7).
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
    pub window: Window,
    pub most_orders: Option<i64>,
    pub most_units: Option<i64>,
}
