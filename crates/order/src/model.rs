//! Orders as kept, and a new order as it is written.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sluice_kernel::{
    Money, OrderNo, PageRequest, Points, ProductId, Quantity, RefundId, ReservationId, SkuId, StoreId, Timestamp, UserId,
};

use crate::{ActivityPart, IdempotencyKey, OrderState, OrderStatus, Prepared, state::CancelReason};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderKind {
    Cart,
    Activity,
}

impl OrderKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cart => "cart",
            Self::Activity => "activity",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Cart, Self::Activity].into_iter().find(|kind| kind.as_str() == text)
    }
}

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

/// Where the buyer came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attribution {
    pub rq: Option<String>,
    pub cookie_id: Option<String>,
}

/// Snapshot of one SKU line; texts are shared with the catalog's cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemLine {
    pub sku_id: SkuId,
    pub product_id: ProductId,
    pub title: Arc<str>,
    pub picture: Option<Arc<str>>,
    pub spec: Arc<str>,
    pub code: Arc<str>,
    pub quantity: Quantity,
    pub unit_price: Money,
    pub unit_points: Points,
    pub line_total: Money,
    pub supplier_price: i64,
    pub allotable_profit: i64,
    pub delivery_place: Arc<str>,
    /// Catalog revision the line was priced at.
    pub revision: i64,
}

/// A kept line: the snapshot, and how much of it was returned to stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderItem {
    pub line: ItemLine,
    pub restocked: i64,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundState {
    None,
    Partial,
    Full,
}

impl RefundState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Partial => "partial",
            Self::Full => "full",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::None, Self::Partial, Self::Full].into_iter().find(|state| state.as_str() == text)
    }
}

/// An order as kept. Children list their items by delivery place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub order_no: OrderNo,
    pub store: StoreId,
    pub user: UserId,
    pub kind: OrderKind,
    pub state: OrderState,
    /// The last reason it was cancelled, kept when late money reopened it.
    pub cancel_reason: Option<CancelReason>,
    /// The present attempt to hold its units.
    pub reservation: ReservationId,
    pub total: Money,
    pub points_total: Points,
    pub profit_total: i64,
    pub refunded: i64,
    pub refund_state: RefundState,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub paid_at: Option<Timestamp>,
    pub recipient: Recipient,
    pub store_code: Option<String>,
    pub attribution: Attribution,
    pub referrer: Option<String>,
    /// "2" for cart orders.
    pub redirect_type: String,
    /// What only an activity order keeps.
    pub activity: Option<ActivityPart>,
    pub items: Vec<OrderItem>,
    pub children: Vec<ChildOrder>,
    /// Counts changes; every transition compares it.
    pub version: i64,
}

impl Order {
    pub fn status(&self) -> OrderStatus {
        self.state.status()
    }
}

/// A new order as the group commit writes it: main order, children, items, address, idempotency record and outbox row
/// together (spec.md S2 rule 5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    pub order_no: OrderNo,
    pub store: StoreId,
    pub user: UserId,
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
    pub redirect_type: String,
    /// What only an activity order keeps. One that is paid in points begins `confirming`.
    pub activity: Option<ActivityPart>,
    /// In SKU order, each SKU once.
    pub items: Vec<ItemLine>,
    pub children: Vec<ChildOrder>,
    pub key: IdempotencyKey,
    /// The cart's version, where the order takes the cart: claimed like a key of its own.
    pub cart_version: Option<i64>,
    /// A verification code that this order uses up: the phone and the instant it was sent.
    pub uses_code: Option<(String, Timestamp)>,
    /// The order's first payment, where the provider needs no call to open it: its row is written with the order.
    pub first_payment: Option<Prepared>,
    /// The epoch the gate reserved in; `None` where the commit itself decides over the stock.
    pub reserved_in_epoch: Option<i64>,
    pub traceparent: Option<String>,
}

/// Which orders to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderQuery {
    pub store: StoreId,
    /// `None`: all users of the store (staff).
    pub user: Option<UserId>,
    pub status: Option<OrderStatus>,
    pub page: PageRequest,
}

/// A refund that took effect on an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundRecord {
    pub id: RefundId,
    pub amount: i64,
    pub restock: Vec<(SkuId, i64)>,
}
