//! What an activity order is placed with, what it keeps, and what it needs from others (spec.md S1).

use std::sync::Arc;

use async_trait::async_trait;
use rust_decimal::Decimal;
use sluice_events::{PaymentSettled, RestockLine};
use sluice_kernel::{
    ActivityId, CampaignId, Currency, Money, OrderNo, Points, PortResult, ProductId, Quantity, RefundId, StoreId, Timestamp, UserId,
};

use crate::{Attribution, IdempotencyKey, Order, Recipient, ShelfCard};

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

/// Everything an activity order is placed with (spec.md S1, Input).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceActivityOrder {
    pub store: StoreId,
    pub user: UserId,
    pub key: IdempotencyKey,
    /// As the client wrote it: an id that cannot be ours names nothing.
    pub activity: String,
    pub product: String,
    pub quantity: Quantity,
    pub pay_type: PayType,
    pub recipient: Recipient,
    pub own_form: Option<String>,
    pub attribution: Attribution,
    /// Sealed; names the promoter.
    pub referrer: Option<String>,
    pub traceparent: Option<String>,
}

/// Form fields a product may require of an activity order (spec.md S1 rule 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActivityField {
    Recipients,
    Tel,
    IdCard,
    /// Province, city and district.
    TotalAddress,
    /// The detailed address.
    Address,
    OwnForm,
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

/// An offer as placing needs it. Any change of the offer or its activity raises `shelf.revision`, which the gate compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferCard {
    pub shelf: ShelfCard,
    /// The mode that applies: the product's own, else the activity's.
    pub mode: PayType,
    /// The discount that applies, in (0, 1]; 1 in plain sale.
    pub discount: Decimal,
    /// 0 physical, 1–4 virtual.
    pub receiving_way: u8,
    pub form: Arc<[ActivityField]>,
    /// The customer's own product identifier, told to partners.
    pub customer_product_id: Option<Arc<str>>,
    /// Units a user may take of it, over all orders.
    pub most_units: Option<i64>,
}

/// What the store says about activity orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreRules {
    pub currency: Currency,
    pub special: bool,
    /// `[a, b]`: b points are worth a major units.
    pub points_to_cash_ratio: Option<[i64; 2]>,
    pub h5_redirect_type: Option<String>,
    /// Invitation campaigns that run or will run, oldest first.
    pub campaigns: Vec<(CampaignId, ActivityWindow)>,
}

/// What a look at an activity and one of its products found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityLook {
    /// `None`: the store has no such activity.
    pub window: Option<ActivityWindow>,
    /// `None`: unknown, deleted, unlisted, or of another activity.
    pub offer: Option<Arc<OfferCard>>,
    pub store: Arc<StoreRules>,
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

/// Activities, offers, the store's rules and sealed referrers, as placing sees them.
#[async_trait]
pub trait ActivityDesk: Send + Sync {
    /// May answer from a cache: the gate compares revisions.
    async fn look(&self, store: StoreId, activity: ActivityId, product: ProductId) -> PortResult<ActivityLook>;
    /// Forgets what is cached of these, after a refusal.
    async fn forget(&self, store: StoreId, activity: ActivityId, product: ProductId);
    /// The promoter a sealed referrer names; `None` where it is forged, foreign, or sealed under a key that is gone.
    fn open_referrer(&self, store: StoreId, sealed: &str) -> Option<String>;
}

/// Points go back for a refund of an order that was paid in points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointsRefund {
    pub id: RefundId,
    pub store: StoreId,
    pub user: UserId,
    pub order_no: OrderNo,
    pub points: Points,
    pub reason: String,
    pub restock: Vec<RestockLine>,
}

/// The points account as the order context sees it. Deductions begin with `order-created` and end with `payment-settled`.
#[async_trait]
pub trait PointsDesk: Send + Sync {
    /// Begins the deduction of an order whose `order-created` may be lost, once for each order. Answers its end, where it has
    /// ended already.
    async fn deduct(&self, order: &Order) -> PortResult<Option<PaymentSettled>>;
    /// Begins a refund, idempotent by its id; its end is told as `payment-settled`. Answers whether it is done already;
    /// `None` where the points went back by another request.
    async fn refund(&self, refund: PointsRefund, traceparent: Option<&str>) -> PortResult<Option<bool>>;
}
