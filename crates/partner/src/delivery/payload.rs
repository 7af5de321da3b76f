//! What partners are sent, as JSON: `{type, timestamp, data}` (docs/partners.md, `samples/`).
//!
//! Money is `{amount, currency}` in minor units, as everywhere; `freight` is the text "0.00", as docs/domain.md S1 rule 6
//! writes it. A field without a value is null, so that every message of a type has the same fields.

use serde::Serialize;
use sluice_events::{ActivityOrder, OrderCancelled, OrderPaid, OrderRefunded, RestockLine};
use sluice_kernel::{
    ActivityId, CampaignId, Currency, Money, OrderKind, OrderNo, PayType, Points, ProductId, RefundId, RefundState, SkuId, StoreId,
    Timestamp, UserId,
};

use crate::{EventType, SubscriptionId};

/// An order changed; `event_id` is the event's own (`ce_id`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderChange {
    Paid { event_id: String, order: OrderPaid },
    Cancelled { event_id: String, order: OrderCancelled },
    Refunded { event_id: String, order: OrderRefunded },
}

/// What an order keeps and its events do not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderFacts {
    pub total: Money,
    pub points_total: Points,
    pub recipient: Recipient,
    /// Receiving way 0 of every product; anything else is virtual.
    pub physical: bool,
    /// Cash-equivalent unit price and total of an activity order in minor units (docs/domain.md S1 rule 6).
    pub partner_price: Option<(i64, i64)>,
    pub lines: Vec<FactLine>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Recipient {
    pub name: Option<String>,
    pub phone: Option<String>,
    pub id_card: Option<String>,
    pub province: Option<String>,
    pub city: Option<String>,
    pub district: Option<String>,
    pub address: Option<String>,
}

/// One item of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FactLine {
    pub sku_id: SkuId,
    pub product_id: ProductId,
    pub title: String,
    pub spec: String,
    /// The customer's own product identifier.
    pub customer_product_id: Option<String>,
    pub count: i64,
    pub unit_price: Money,
    pub total: Money,
}

#[derive(Serialize)]
struct Body<T> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: Timestamp,
    data: T,
}

const FREIGHT: &str = "0.00";

/// `order.paid` of an activity order (rule 6).
#[derive(Serialize)]
struct ActivityPaid<'a> {
    store_id: StoreId,
    order_no: OrderNo,
    kind: OrderKind,
    user_id: &'a UserId,
    activity_id: ActivityId,
    pay_type: PayType,
    unit_price: Money,
    total: Money,
    pay_money: Money,
    points: Points,
    freight: &'static str,
    receiver_type: &'static str,
    recipient: &'a Recipient,
    product_id: ProductId,
    title: &'a str,
    customer_product_id: Option<&'a str>,
    count: i64,
    paid_at: Timestamp,
}

/// `order.paid` of a cart order: the same, with its items.
#[derive(Serialize)]
struct CartPaid<'a> {
    store_id: StoreId,
    order_no: OrderNo,
    kind: OrderKind,
    user_id: &'a UserId,
    total: Money,
    pay_money: Money,
    points: Points,
    freight: &'static str,
    receiver_type: &'static str,
    recipient: &'a Recipient,
    items: &'a [FactLine],
    paid_at: Timestamp,
}

#[derive(Serialize)]
struct Cancelled<'a> {
    store_id: StoreId,
    order_no: OrderNo,
    kind: OrderKind,
    user_id: &'a UserId,
    activity_id: Option<ActivityId>,
    /// `cancelled`, or `failed` where the points were refused.
    status: &'a str,
    reason: Option<&'a str>,
    items: Vec<Count>,
    at: Timestamp,
}

#[derive(Serialize)]
struct Refunded<'a> {
    store_id: StoreId,
    order_no: OrderNo,
    kind: OrderKind,
    user_id: &'a UserId,
    activity_id: Option<ActivityId>,
    status: &'a str,
    refund_status: RefundState,
    refund_id: &'a RefundId,
    amount: Money,
    points: Points,
    restocked: Vec<Count>,
    at: Timestamp,
}

#[derive(Serialize)]
struct Count {
    sku_id: SkuId,
    count: i64,
}

/// `referral` (rule 10): once when an activity order is paid, once when all of it was refunded.
#[derive(Serialize)]
struct Referral<'a> {
    store_id: StoreId,
    user_id: &'a UserId,
    order_no: OrderNo,
    activity_id: ActivityId,
    campaign_id: Option<CampaignId>,
    product_id: ProductId,
    count: i64,
    cash: Money,
    points: Points,
    unit_profit: Money,
    total_profit: Money,
    promoter: Option<&'a str>,
    /// `paid` or `refunded`.
    state: &'static str,
    time: Timestamp,
}

impl OrderChange {
    pub fn store(&self) -> StoreId {
        match self {
            Self::Paid { order, .. } => order.store_id,
            Self::Cancelled { order, .. } => order.store_id,
            Self::Refunded { order, .. } => order.store_id,
        }
    }

    pub fn order_no(&self) -> OrderNo {
        match self {
            Self::Paid { order, .. } => order.order_no,
            Self::Cancelled { order, .. } => order.order_no,
            Self::Refunded { order, .. } => order.order_no,
        }
    }

    /// What this change is told as, each with the event's id.
    pub fn events(&self) -> Vec<(EventType, String)> {
        let (kind, event_id, referral) = match self {
            Self::Paid { event_id, order } => (EventType::OrderPaid, event_id, order.activity.is_some()),
            Self::Cancelled { event_id, .. } => (EventType::OrderCancelled, event_id, false),
            Self::Refunded { event_id, order } => {
                (EventType::OrderRefunded, event_id, order.activity.is_some() && order.refund_status == RefundState::Full)
            }
        };
        let mut events = vec![(kind, event_id.clone())];
        if referral {
            events.push((EventType::Referral, format!("{event_id}/referral")));
        }
        events
    }
}

fn receiver_type(facts: &OrderFacts) -> &'static str {
    if facts.physical { "physical" } else { "virtual" }
}

fn written<T: Serialize>(kind: EventType, timestamp: Timestamp, data: T) -> Result<String, serde_json::Error> {
    serde_json::to_string(&Body { kind: kind.as_str(), timestamp, data })
}

/// The body of `change` told as `kind`.
pub fn body_of(change: &OrderChange, kind: EventType, facts: &OrderFacts) -> Result<String, serde_json::Error> {
    match (change, kind) {
        (OrderChange::Paid { order, .. }, EventType::Referral) => {
            referral(&order.user_id, change, order.activity.as_ref(), facts, "paid", order.paid_at)
        }
        (OrderChange::Refunded { order, .. }, EventType::Referral) => {
            referral(&order.user_id, change, order.activity.as_ref(), facts, "refunded", order.at)
        }
        (OrderChange::Paid { order, .. }, _) => paid(order, facts),
        (OrderChange::Cancelled { order, .. }, _) => cancelled(order),
        (OrderChange::Refunded { order, .. }, _) => refunded(order),
    }
}

/// A test message: its body says which subscription it was sent to, and by which store.
#[derive(Serialize)]
struct Ping {
    store_id: StoreId,
    subscription_id: String,
}

pub fn ping_body(store_id: StoreId, subscription: SubscriptionId, at: Timestamp) -> Result<String, serde_json::Error> {
    written(EventType::Ping, at, Ping { store_id, subscription_id: subscription.0.to_string() })
}

fn paid(order: &OrderPaid, facts: &OrderFacts) -> Result<String, serde_json::Error> {
    let (Some(activity), Some(line)) = (&order.activity, facts.lines.first()) else {
        let data = CartPaid {
            store_id: order.store_id,
            order_no: order.order_no,
            kind: order.kind,
            user_id: &order.user_id,
            total: order.total,
            pay_money: order.total,
            points: order.points_total,
            freight: FREIGHT,
            receiver_type: receiver_type(facts),
            recipient: &facts.recipient,
            items: &facts.lines,
            paid_at: order.paid_at,
        };
        return written(EventType::OrderPaid, order.paid_at, data);
    };
    let currency = order.total.currency;
    let (unit, total) = facts.partner_price.unwrap_or((line.unit_price.amount, order.total.amount));
    let data = ActivityPaid {
        store_id: order.store_id,
        order_no: order.order_no,
        kind: order.kind,
        user_id: &order.user_id,
        activity_id: activity.activity_id,
        pay_type: activity.pay_type,
        unit_price: Money::new(unit, currency),
        total: Money::new(total, currency),
        pay_money: order.total,
        points: order.points_total,
        freight: FREIGHT,
        receiver_type: receiver_type(facts),
        recipient: &facts.recipient,
        product_id: activity.product_id,
        title: &line.title,
        customer_product_id: line.customer_product_id.as_deref(),
        count: activity.quantity,
        paid_at: order.paid_at,
    };
    written(EventType::OrderPaid, order.paid_at, data)
}

fn cancelled(order: &OrderCancelled) -> Result<String, serde_json::Error> {
    let data = Cancelled {
        store_id: order.store_id,
        order_no: order.order_no,
        kind: order.kind,
        user_id: &order.user_id,
        activity_id: order.activity.as_ref().map(|activity| activity.activity_id),
        status: &order.status,
        reason: order.reason.as_deref(),
        items: order.lines.iter().map(|line| Count { sku_id: line.sku_id, count: line.quantity }).collect(),
        at: order.at,
    };
    written(EventType::OrderCancelled, order.at, data)
}

fn refunded(order: &OrderRefunded) -> Result<String, serde_json::Error> {
    let count = |line: &RestockLine| Count { sku_id: line.sku_id, count: line.quantity };
    let data = Refunded {
        store_id: order.store_id,
        order_no: order.order_no,
        kind: order.kind,
        user_id: &order.user_id,
        activity_id: order.activity.as_ref().map(|activity| activity.activity_id),
        status: &order.status,
        refund_status: order.refund_status,
        refund_id: &order.refund_id,
        amount: order.amount,
        points: order.points.unwrap_or_default(),
        restocked: order.restocked.iter().map(count).collect(),
        at: order.at,
    };
    written(EventType::OrderRefunded, order.at, data)
}

fn referral(
    user: &UserId,
    change: &OrderChange,
    activity: Option<&ActivityOrder>,
    facts: &OrderFacts,
    state: &'static str,
    time: Timestamp,
) -> Result<String, serde_json::Error> {
    let Some(activity) = activity else {
        return Err(serde::ser::Error::custom("only an activity order is told to the promotion system"));
    };
    let currency: Currency = facts.total.currency;
    let data = Referral {
        store_id: change.store(),
        user_id: user,
        order_no: change.order_no(),
        activity_id: activity.activity_id,
        campaign_id: activity.campaign_id,
        product_id: activity.product_id,
        count: activity.quantity,
        cash: facts.total,
        points: facts.points_total,
        unit_profit: Money::new(activity.unit_profit, currency),
        total_profit: Money::new(activity.total_profit, currency),
        promoter: activity.promoter.as_deref(),
        state,
        time,
    };
    written(EventType::Referral, time, data)
}

#[cfg(test)]
#[path = "payload_tests.rs"]
mod tests;
