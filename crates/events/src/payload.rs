//! Versioned payloads. Field names are public; `samples/` proves that every version still reads.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sluice_kernel::{
    ActivityId, CampaignId, Money, OrderKind, OrderNo, PayType, PaymentId, Points, ProductId, RefundId, RefundState, SkuId,
    StoreId, Timestamp, UserId,
};

use crate::Topic;

/// A payload, the topic it travels on, and the `ce_type` that names its version. A topic may carry several types, for
/// instance while a breaking change is published beside the old one; a consumer reads those it knows.
pub trait Payload: Serialize + DeserializeOwned {
    const TOPIC: Topic;
    const KIND: &'static str;
}

macro_rules! payloads {
    ($($name:ident = $topic:ident, $kind:literal;)+) => {$(
        impl Payload for $name {
            const TOPIC: Topic = Topic::$topic;
            const KIND: &'static str = $kind;
        }
    )+};
}

payloads! {
    OrderCreated = OrderCreated, "sluice.order.created.v1";
    StockMoved = StockSync, "sluice.stock.moved.v1";
    PaymentWindowClosed = AutoCancel, "sluice.order.payment-window-closed.v1";
    PaymentSettled = PaymentSettled, "sluice.payment.settled.v1";
    OrderPaid = OrderPaid, "sluice.order.paid.v1";
    OrderCancelled = OrderCancelled, "sluice.order.cancelled.v1";
    OrderRefunded = OrderRefunded, "sluice.order.refunded.v1";
}

/// One SKU line of an order as events tell it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    pub sku_id: SkuId,
    pub product_id: ProductId,
    pub quantity: i64,
    pub unit_price: Money,
    pub unit_points: Points,
}

/// What an activity order adds to the events of an order (docs/domain.md S1 rules 7 and 10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityOrder {
    pub activity_id: ActivityId,
    pub product_id: ProductId,
    /// The store's invitation campaign that ran when the order was placed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign_id: Option<CampaignId>,
    pub pay_type: PayType,
    /// Decimal text in (0, 1].
    pub discount: String,
    pub quantity: i64,
    /// Whom the sealed `referrer` named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promoter: Option<String>,
    /// Allotable profit of one unit, in minor units.
    pub unit_profit: i64,
    /// `unit_profit` × `quantity`.
    pub total_profit: i64,
}

/// `sluice.order.created.v1` on `order-created`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCreated {
    pub order_no: OrderNo,
    pub kind: OrderKind,
    pub store_id: StoreId,
    pub user_id: UserId,
    pub total: Money,
    pub points_total: Points,
    pub lines: Vec<OrderLine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<ActivityOrder>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// What a stock movement does to the figures (docs/domain.md, Words, *stock*).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MovementKind {
    /// usable → locked
    Reserve,
    /// locked → sold
    Sell,
    /// locked → usable
    Release,
    /// sold → usable
    Restock,
    /// received and usable change by a signed quantity
    Adjust,
}

impl MovementKind {
    pub const ALL: [Self; 5] = [Self::Reserve, Self::Sell, Self::Release, Self::Restock, Self::Adjust];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reserve => "reserve",
            Self::Sell => "sell",
            Self::Release => "release",
            Self::Restock => "restock",
            Self::Adjust => "adjust",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// `sluice.stock.moved.v1` on `stock-sync`: one movement of one SKU. `movement_id` with `sku_id` and `kind` is unique:
/// the reservation for reserve, sell and release, the refund for restock, the adjustment for adjust.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockMoved {
    pub movement_id: String,
    pub store_id: StoreId,
    pub sku_id: SkuId,
    pub kind: MovementKind,
    /// Units; negative only for an adjustment downwards.
    pub quantity: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_no: Option<OrderNo>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub at: Timestamp,
}

/// `sluice.order.payment-window-closed.v1` on `auto-cancel`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentWindowClosed {
    pub order_no: OrderNo,
    pub store_id: StoreId,
    pub expires_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SettledStatus {
    Paid,
    Failed,
    Refunded,
}

impl SettledStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::Failed => "failed",
            Self::Refunded => "refunded",
        }
    }
}

/// Units that a refund returns to stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestockLine {
    pub sku_id: SkuId,
    pub quantity: i64,
}

/// `sluice.payment.settled.v1` on `payment-settled`. `amount` is what was paid, or what this refund returned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentSettled {
    pub order_no: OrderNo,
    pub store_id: StoreId,
    pub payment_id: PaymentId,
    /// `sandbox`, …, or `points` for the points account.
    pub provider: String,
    pub status: SettledStatus,
    /// Zero where the provider is `points`.
    pub amount: Money,
    /// Points that were deducted or returned, where the provider is `points`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points: Option<Points>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_id: Option<RefundId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restock: Vec<RestockLine>,
    pub at: Timestamp,
}

impl PaymentSettled {
    /// Names this settlement: the event's id, and the row that stands until the order has taken it.
    pub fn id(&self) -> String {
        match &self.refund_id {
            // `REFUND/refunded` is what the order's own change says.
            Some(refund) => format!("{refund}/settled"),
            None => format!("{}/{}", self.payment_id, self.status.as_str()),
        }
    }
}

/// `sluice.order.paid.v1` on `order-paid`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderPaid {
    pub order_no: OrderNo,
    pub kind: OrderKind,
    pub store_id: StoreId,
    pub user_id: UserId,
    pub total: Money,
    pub points_total: Points,
    pub payment_id: PaymentId,
    pub lines: Vec<OrderLine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<ActivityOrder>,
    pub paid_at: Timestamp,
}

/// `sluice.order.cancelled.v1` on `order-cancelled`; `status` is `cancelled` or `failed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCancelled {
    pub order_no: OrderNo,
    pub kind: OrderKind,
    pub store_id: StoreId,
    pub user_id: UserId,
    pub status: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    pub lines: Vec<OrderLine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<ActivityOrder>,
    pub at: Timestamp,
}

/// `sluice.order.refunded.v1` on `order-refunded`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRefunded {
    pub order_no: OrderNo,
    pub kind: OrderKind,
    pub store_id: StoreId,
    pub user_id: UserId,
    /// Status after the refund: `refunded` once nothing paid is left, otherwise as before.
    pub status: String,
    /// `partial` or `full`.
    pub refund_status: RefundState,
    pub refund_id: RefundId,
    pub amount: Money,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restocked: Vec<RestockLine>,
    /// Points this refund returned, where the order was paid in points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points: Option<Points>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<ActivityOrder>,
    pub at: Timestamp,
}
