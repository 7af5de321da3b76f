//! What was agreed when an order was placed. It never changes afterwards.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sluice_events::{ActivityOrder, PaymentSettled, SettledStatus};
use sluice_kernel::{Attribution, Money, OrderKind, OrderNo, PayType, PaymentId, Points, StoreId, Timestamp, UserId};

use crate::{ActivityPart, ItemLine, OrderState, ReserveTerms};

/// Snapshot of who receives the goods. All fields optional: the products decide what an order needs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipient {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_card: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub province: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub district: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// The part one delivery place fulfils, with totals of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildOrder {
    pub order_no: OrderNo,
    pub delivery_place: Arc<str>,
    pub total: Money,
    pub points_total: Points,
    pub profit_total: i64,
}

/// What a new order and a kept one have in common, beside their number and owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderTerms {
    pub kind: OrderKind,
    pub total: Money,
    pub points_total: Points,
    pub profit_total: i64,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub recipient: Recipient,
    pub store_code: Option<String>,
    pub attribution: Attribution,
    pub referrer: Option<String>,
    /// "2" for cart orders; an activity order's comes from the store's settings.
    pub redirect_type: String,
    /// What only an activity order keeps. One that is paid in points begins `confirming`.
    pub activity: Option<ActivityPart>,
    /// They list their items by delivery place.
    pub children: Vec<ChildOrder>,
}

/// The provider of payments that nobody has to make.
const NO_PROVIDER: &str = "none";

impl OrderTerms {
    /// How the order begins: one whose points are being deducted waits for the points account, any other one for money.
    pub fn first_state(&self) -> OrderState {
        match self.activity.as_ref().map(|part| part.pay_type) {
            Some(PayType::Points) => OrderState::Confirming,
            Some(PayType::Cash) | None => OrderState::Unpaid,
        }
    }

    pub fn is_paid_in_points(&self) -> bool {
        self.first_state() == OrderState::Confirming
    }

    pub(super) fn free_settlement(&self, order_no: OrderNo, store_id: StoreId) -> Option<PaymentSettled> {
        (self.total.amount == 0 && !self.is_paid_in_points()).then(|| PaymentSettled {
            order_no,
            store_id,
            payment_id: PaymentId(format!("free-{order_no}")),
            provider: NO_PROVIDER.to_owned(),
            status: SettledStatus::Paid,
            amount: self.total,
            points: None,
            refund_id: None,
            restock: Vec::new(),
            at: self.created_at,
        })
    }

    /// `item`: the one line of an activity order.
    pub(super) fn activity_fact(&self, item: Option<&ItemLine>) -> Option<ActivityOrder> {
        let (part, item) = self.activity.as_ref().zip(item)?;
        Some(ActivityOrder {
            activity_id: part.activity_id,
            product_id: part.product_id,
            campaign_id: part.campaign_id,
            pay_type: part.pay_type,
            discount: part.discount.normalize().to_string(),
            quantity: part.quantity.get(),
            promoter: part.promoter.clone(),
            unit_profit: item.allotable_profit,
            total_profit: self.profit_total,
        })
    }

    /// `item`: the one line of an activity order.
    pub(super) fn reserve_terms(&self, user: &UserId, item: Option<&ItemLine>) -> Option<ReserveTerms> {
        let (part, item) = self.activity.as_ref().zip(item)?;
        Some(ReserveTerms {
            window: Some(part.window),
            sku: item.sku_id,
            user: user.clone(),
            units: part.quantity.get(),
            most_orders: part.most_orders,
            most_units: part.most_units,
        })
    }
}
