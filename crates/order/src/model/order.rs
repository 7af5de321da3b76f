//! Orders as kept, and a new order as it is written.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sluice_events::{ActivityOrder, PaymentSettled, SettledStatus};
use sluice_kernel::{
    Money, OrderNo, PageRequest, PaymentId, Points, ProductId, Quantity, RefundId, ReservationId, SkuId, StoreId, Timestamp, UserId,
};

use crate::{ActivityPart, CancelReason, IdempotencyKey, OrderState, OrderStatus, PayType, Prepared, ReserveTerms};

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
    /// "2" for cart orders; an activity order's comes from the store's settings.
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

    /// How the order was answered first.
    pub fn first_state(&self) -> OrderState {
        first_state(self.activity.as_ref())
    }

    pub fn is_paid_in_points(&self) -> bool {
        self.first_state() == OrderState::Confirming
    }

    /// What settles an order that costs neither money nor points; `None` for every other one.
    pub fn free_settlement(&self) -> Option<PaymentSettled> {
        free_settlement(self.order_no, self.store, self.total, &self.first_state(), self.created_at)
    }

    /// What events tell of it as an activity order.
    pub fn activity_told(&self) -> Option<ActivityOrder> {
        told(self.activity.as_ref(), self.items.first().map(|item| &item.line), self.profit_total)
    }

    /// The limit that late money must find room in: the one the order was placed under. The window does not count, the
    /// order was placed in time.
    pub fn late_terms(&self) -> Option<ReserveTerms> {
        let terms = terms(self.activity.as_ref(), self.items.first().map(|item| &item.line), &self.user)?;
        Some(ReserveTerms { window: None, ..terms })
    }
}

/// An order whose points are being deducted waits for the points account, any other one for money.
fn first_state(activity: Option<&ActivityPart>) -> OrderState {
    match activity.map(|part| part.pay_type) {
        Some(PayType::Points) => OrderState::Confirming,
        Some(PayType::Cash) | None => OrderState::Unpaid,
    }
}

/// The provider of payments that nobody has to make.
const NO_PROVIDER: &str = "none";

fn free_settlement(
    order_no: OrderNo,
    store_id: StoreId,
    total: Money,
    first: &OrderState,
    at: Timestamp,
) -> Option<PaymentSettled> {
    (total.amount == 0 && *first == OrderState::Unpaid).then(|| PaymentSettled {
        order_no,
        store_id,
        payment_id: PaymentId(format!("free-{order_no}")),
        provider: NO_PROVIDER.to_owned(),
        status: SettledStatus::Paid,
        amount: total,
        points: None,
        refund_id: None,
        restock: Vec::new(),
        at,
    })
}

fn told(activity: Option<&ActivityPart>, item: Option<&ItemLine>, total_profit: i64) -> Option<ActivityOrder> {
    let (part, item) = activity.zip(item)?;
    Some(ActivityOrder {
        activity_id: part.activity_id,
        product_id: part.product_id,
        campaign_id: part.campaign_id,
        pay_type: part.pay_type.as_str().to_owned(),
        discount: part.discount.normalize().to_string(),
        quantity: part.quantity.get(),
        promoter: part.promoter.clone(),
        unit_profit: item.allotable_profit,
        total_profit,
    })
}

fn terms(activity: Option<&ActivityPart>, item: Option<&ItemLine>, user: &UserId) -> Option<ReserveTerms> {
    let (part, item) = activity.zip(item)?;
    Some(ReserveTerms {
        window: Some(part.window),
        sku: item.sku_id,
        user: user.clone(),
        units: part.quantity.get(),
        most_orders: part.most_orders,
        most_units: part.most_units,
    })
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

impl NewOrder {
    /// How it begins.
    pub fn first_state(&self) -> OrderState {
        first_state(self.activity.as_ref())
    }

    /// What settles an order that costs neither money nor points, written with it; `None` for every other one.
    pub fn free_settlement(&self) -> Option<PaymentSettled> {
        free_settlement(self.order_no, self.store, self.total, &self.first_state(), self.created_at)
    }

    /// What events tell of it as an activity order.
    pub fn activity_told(&self) -> Option<ActivityOrder> {
        told(self.activity.as_ref(), self.items.first(), self.profit_total)
    }

    /// The terms its units are reserved under, where it belongs to an activity.
    pub fn terms(&self) -> Option<ReserveTerms> {
        terms(self.activity.as_ref(), self.items.first(), &self.user)
    }
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
