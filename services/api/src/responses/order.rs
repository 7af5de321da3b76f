//! Orders and their payments.

use std::sync::Arc;

use serde::Serialize;
use sluice_kernel::{ActivityId, Money, OrderNo, PaymentId, Points, ProductId, Quantity, RefundId, SkuId, Timestamp, UserId};
use sluice_order::{Attribution, Order, OrderDetail, OrderItem, OrderState, Prepared, Recipient, RefundAsked};
use sluice_pay::PayRefund;
use utoipa::ToSchema;

use crate::responses::shape;

/// An order.
#[derive(Serialize, ToSchema)]
pub struct OrderAnswer {
    #[schema(value_type = String)]
    pub order_no: OrderNo,
    /// `cart` or `activity`.
    pub kind: &'static str,
    /// unpaid, confirming, paid, fulfilled, completed, cancelled, failed, paid_after_close, refunded.
    pub status: &'static str,
    /// user, expired or staff; only where it is cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_reason: Option<&'static str>,
    #[schema(value_type = shape::Money)]
    pub total: Money,
    #[schema(value_type = i64)]
    pub points_total: Points,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// End of the payment window.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub paid_at: Option<Timestamp>,
    pub items: Vec<ItemAnswer>,
    /// One for each delivery place.
    pub children: Vec<ChildAnswer>,
    #[schema(value_type = RecipientAnswer)]
    pub recipient: Recipient,
    /// The activity it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub activity_id: Option<ActivityId>,
    /// `cash` or `points`; only of an order of an activity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pay_type: Option<&'static str>,
    /// Decimal, above 0 and at most 1; only of an order of an activity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discount: Option<String>,
    /// The buyer's remark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own_form: Option<String>,
    pub redirect_type: String,
    /// Null where none could be prepared yet.
    pub payment: Option<PaymentAnswer>,
    /// none, partial or full.
    pub refund_status: &'static str,
}

#[derive(Clone, Serialize, ToSchema)]
pub struct ItemAnswer {
    #[schema(value_type = String)]
    pub sku_id: SkuId,
    #[schema(value_type = String)]
    pub product_id: ProductId,
    #[schema(value_type = String)]
    pub title: Arc<str>,
    #[schema(value_type = Option<String>)]
    pub picture: Option<Arc<str>>,
    #[schema(value_type = String)]
    pub spec: Arc<str>,
    #[schema(value_type = String)]
    pub code: Arc<str>,
    #[schema(value_type = i64, minimum = 1, maximum = 9999)]
    pub quantity: Quantity,
    #[schema(value_type = shape::Money)]
    pub unit_price: Money,
    #[schema(value_type = i64)]
    pub unit_points: Points,
    #[schema(value_type = shape::Money)]
    pub line_total: Money,
}

/// What one delivery place fulfils.
#[derive(Serialize, ToSchema)]
pub struct ChildAnswer {
    #[schema(value_type = String)]
    pub order_no: OrderNo,
    #[schema(value_type = String)]
    pub delivery_place: Arc<str>,
    #[schema(value_type = shape::Money)]
    pub total: Money,
    #[schema(value_type = i64)]
    pub points_total: Points,
    pub items: Vec<ItemAnswer>,
}

/// Snapshot of who receives the goods.
#[derive(ToSchema)]
#[schema(as = Recipient)]
#[expect(dead_code, reason = "a schema: the value itself is sluice_order::Recipient")]
pub struct RecipientAnswer {
    name: Option<String>,
    phone: Option<String>,
    id_card: Option<String>,
    province: Option<String>,
    city: Option<String>,
    district: Option<String>,
    address: Option<String>,
}

/// What a client needs to pay.
#[derive(Serialize, ToSchema)]
pub struct PaymentAnswer {
    /// Random, 128 bits: the cashier needs no token.
    #[schema(value_type = String)]
    pub payment_id: PaymentId,
    pub provider: String,
    pub url: String,
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

impl From<Prepared> for PaymentAnswer {
    fn from(payment: Prepared) -> Self {
        let Prepared { payment_id, provider, url, expires_at } = payment;
        Self { payment_id, provider, url, expires_at }
    }
}

fn item(item: &OrderItem) -> ItemAnswer {
    let line = &item.line;
    ItemAnswer {
        sku_id: line.sku_id,
        product_id: line.product_id,
        title: line.title.clone(),
        picture: line.picture.clone(),
        spec: line.spec.clone(),
        code: line.code.clone(),
        quantity: line.quantity,
        unit_price: line.unit_price,
        unit_points: line.unit_points,
        line_total: line.line_total,
    }
}

fn children(order: &Order) -> Vec<ChildAnswer> {
    let of_place = |place: &Arc<str>| order.items.iter().filter(move |item| item.line.delivery_place == *place).map(item).collect();
    order
        .children
        .iter()
        .map(|child| ChildAnswer {
            order_no: child.order_no,
            delivery_place: child.delivery_place.clone(),
            total: child.total,
            points_total: child.points_total,
            items: of_place(&child.delivery_place),
        })
        .collect()
}

impl OrderAnswer {
    pub fn new(order: Order, payment: Option<Prepared>) -> Self {
        let cancel_reason = match order.state {
            OrderState::Cancelled { reason } => Some(reason.as_str()),
            OrderState::Unpaid
            | OrderState::Confirming
            | OrderState::Paid { .. }
            | OrderState::Fulfilled { .. }
            | OrderState::Completed { .. }
            | OrderState::Failed
            | OrderState::PaidAfterClose { .. }
            | OrderState::Refunded { .. } => None,
        };
        let part = order.activity.as_ref();
        Self {
            order_no: order.order_no,
            kind: order.kind.as_str(),
            status: order.status().as_str(),
            cancel_reason,
            total: order.total,
            points_total: order.points_total,
            created_at: order.created_at,
            expires_at: order.expires_at,
            paid_at: order.paid_at,
            items: order.items.iter().map(item).collect(),
            children: children(&order),
            recipient: order.recipient,
            activity_id: part.map(|part| part.activity_id),
            pay_type: part.map(|part| part.pay_type.as_str()),
            discount: part.map(|part| part.discount.normalize().to_string()),
            own_form: part.and_then(|part| part.own_form.clone()),
            redirect_type: order.redirect_type,
            payment: payment.map(PaymentAnswer::from),
            refund_status: order.refund_state.as_str(),
        }
    }
}

impl From<OrderDetail> for OrderAnswer {
    fn from(detail: OrderDetail) -> Self {
        Self::new(detail.order, detail.payment)
    }
}

/// An order as staff see it.
#[derive(Serialize, ToSchema)]
pub struct StaffOrderAnswer {
    #[serde(flatten)]
    pub order: OrderAnswer,
    #[schema(value_type = String)]
    pub user_id: UserId,
    /// Allotable profit of all lines, in minor units.
    pub profit_total: i64,
    /// Given back so far.
    #[schema(value_type = shape::Money)]
    pub refunded: Money,
    pub store_code: Option<String>,
    pub attribution: AttributionAnswer,
    pub referrer: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct AttributionAnswer {
    pub rq: Option<String>,
    pub cookie_id: Option<String>,
}

impl From<OrderDetail> for StaffOrderAnswer {
    fn from(detail: OrderDetail) -> Self {
        let OrderDetail { order, payment } = detail;
        let Attribution { rq, cookie_id } = order.attribution.clone();
        Self {
            user_id: order.user.clone(),
            profit_total: order.profit_total,
            refunded: Money { amount: order.refunded, ..order.total },
            store_code: order.store_code.clone(),
            attribution: AttributionAnswer { rq, cookie_id },
            referrer: order.referrer.clone(),
            order: OrderAnswer::new(order, payment),
        }
    }
}

/// A refund.
#[derive(Serialize, ToSchema)]
pub struct RefundAnswer {
    #[schema(value_type = String)]
    pub refund_id: RefundId,
    #[schema(value_type = String)]
    pub order_no: OrderNo,
    /// Zero where the order was paid in points.
    #[schema(value_type = shape::Money)]
    pub amount: Money,
    /// Where the order was paid in points.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    pub points: Option<Points>,
    /// `pending` until the provider has answered, then `done`.
    pub status: &'static str,
    pub reason: String,
    /// Units that return to stock; told in the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restock_items: Option<Vec<RestockAnswer>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub created_at: Option<Timestamp>,
}

#[derive(Serialize, ToSchema)]
pub struct RestockAnswer {
    #[schema(value_type = String)]
    pub sku_id: SkuId,
    pub quantity: i64,
}

impl RefundAnswer {
    pub fn asked(asked: RefundAsked, total: Money, reason: String) -> Self {
        Self {
            refund_id: asked.id,
            order_no: asked.order_no,
            amount: Money { amount: asked.amount, ..total },
            points: asked.points,
            status: if asked.done { "done" } else { "pending" },
            reason,
            restock_items: None,
            created_at: None,
        }
    }
}

impl From<PayRefund> for RefundAnswer {
    fn from(refund: PayRefund) -> Self {
        let restock = refund.restock.iter().map(|line| RestockAnswer { sku_id: line.sku_id, quantity: line.quantity });
        Self {
            refund_id: refund.id,
            order_no: refund.order_no,
            amount: refund.amount,
            points: None,
            status: refund.status.as_str(),
            restock_items: Some(restock.collect()),
            reason: refund.reason,
            created_at: Some(refund.created_at),
        }
    }
}
