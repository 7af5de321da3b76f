//! Redemptions: what is kept of a paid activity order.

use sluice_events::{ActivityOrder, OrderPaid};
use sluice_kernel::{ActivityId, CampaignId, Money, OrderNo, Points, ProductId, StoreId, Timestamp, UserId};

/// A paid activity order (docs/domain.md S1 rules 9 and 10); once an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redemption {
    pub order_no: OrderNo,
    pub store_id: StoreId,
    pub user_id: UserId,
    pub activity_id: ActivityId,
    pub product_id: ProductId,
    pub quantity: i64,
    /// Zero where points were paid.
    pub cash: Money,
    /// Zero where cash was paid.
    pub points: Points,
    pub promoter: Option<String>,
    /// Allotable profit of one unit, in minor units.
    pub unit_profit: i64,
    pub total_profit: i64,
    pub campaign_id: Option<CampaignId>,
    pub at: Timestamp,
    /// Set once nothing paid is left.
    pub refunded_at: Option<Timestamp>,
}

pub(crate) fn redemption(order: &OrderPaid, part: &ActivityOrder) -> Redemption {
    Redemption {
        order_no: order.order_no,
        store_id: order.store_id,
        user_id: order.user_id.clone(),
        activity_id: part.activity_id,
        product_id: part.product_id,
        quantity: part.quantity,
        cash: order.total,
        points: order.points_total,
        promoter: part.promoter.clone(),
        unit_profit: part.unit_profit,
        total_profit: part.total_profit,
        campaign_id: part.campaign_id,
        at: order.paid_at,
        refunded_at: None,
    }
}
