//! Orders and their payments.

use std::sync::Arc;

use serde::Serialize;
use sluice_kernel::{
    ActivityId, Money, OrderNo, PaymentHandle, PaymentId, Points, ProductId, Quantity, RefundId, SkuId, Timestamp, UserId,
};
use sluice_order::{Attribution, ItemLine, Order, OrderDetail, OrderItem, OrderState, Recipient, RefundOutcome};
use sluice_pay::{PayRefund, RefundStatus};
use utoipa::ToSchema;

use crate::responses::words;

/// An order.
#[derive(Serialize, ToSchema)]
pub struct OrderAnswer {
    pub order_no: OrderNo,
    pub kind: words::OrderKind,
    pub status: words::OrderStatus,
    /// Only where it is cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_reason: Option<words::CancelReason>,
    pub total: Money,
    pub points_total: Points,
    pub created_at: Timestamp,
    /// End of the payment window.
    pub expires_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paid_at: Option<Timestamp>,
    pub items: Vec<ItemAnswer>,
    /// One for each delivery place.
    pub children: Vec<ChildAnswer>,
    #[schema(value_type = RecipientAnswer)]
    pub recipient: Recipient,
    /// The activity it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activity_id: Option<ActivityId>,
    /// Only of an order of an activity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pay_type: Option<words::PayType>,
    /// Decimal, above 0 and at most 1; only of an order of an activity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discount: Option<String>,
    /// The buyer's remark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own_form: Option<String>,
    pub redirect_type: String,
    /// Null where none could be prepared yet.
    #[schema(required)]
    pub payment: Option<PaymentAnswer>,
    pub refund_status: words::RefundState,
}

#[derive(Clone, Serialize, ToSchema)]
pub struct ItemAnswer {
    pub sku_id: SkuId,
    pub product_id: ProductId,
    #[schema(value_type = String)]
    pub title: Arc<str>,
    #[schema(value_type = Option<String>, required)]
    pub picture: Option<Arc<str>>,
    #[schema(value_type = String)]
    pub spec: Arc<str>,
    #[schema(value_type = String)]
    pub code: Arc<str>,
    pub quantity: Quantity,
    pub unit_price: Money,
    pub unit_points: Points,
    pub line_total: Money,
}

/// What one delivery place fulfils.
#[derive(Serialize, ToSchema)]
pub struct ChildAnswer {
    pub order_no: OrderNo,
    #[schema(value_type = String)]
    pub delivery_place: Arc<str>,
    pub total: Money,
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
    pub payment_id: PaymentId,
    pub provider: String,
    pub url: String,
    pub expires_at: Timestamp,
}

impl From<PaymentHandle> for PaymentAnswer {
    fn from(payment: PaymentHandle) -> Self {
        let PaymentHandle { payment_id, provider, url, expires_at } = payment;
        Self { payment_id, provider, url, expires_at }
    }
}

impl From<&ItemLine> for ItemAnswer {
    fn from(line: &ItemLine) -> Self {
        Self {
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
}

fn item(item: &OrderItem) -> ItemAnswer {
    (&item.line).into()
}

fn children(order: &Order) -> Vec<ChildAnswer> {
    let of_place = |place: &Arc<str>| order.items.iter().filter(move |item| item.line.delivery_place == *place).map(item).collect();
    order
        .terms
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
    pub fn new(order: Order, payment: Option<PaymentHandle>) -> Self {
        let cancel_reason = match order.state {
            OrderState::Cancelled { reason } => Some(reason.into()),
            OrderState::Unpaid
            | OrderState::Confirming
            | OrderState::Paid { .. }
            | OrderState::Fulfilled { .. }
            | OrderState::Completed { .. }
            | OrderState::Failed
            | OrderState::PaidAfterClose { .. }
            | OrderState::Refunded { .. } => None,
        };
        let part = order.terms.activity.as_ref();
        Self {
            order_no: order.order_no,
            kind: order.terms.kind.into(),
            status: order.status().into(),
            cancel_reason,
            total: order.terms.total,
            points_total: order.terms.points_total,
            created_at: order.terms.created_at,
            expires_at: order.terms.expires_at,
            paid_at: order.paid_at,
            items: order.items.iter().map(item).collect(),
            children: children(&order),
            recipient: order.terms.recipient,
            activity_id: part.map(|part| part.activity_id),
            pay_type: part.map(|part| part.pay_type.into()),
            discount: part.map(|part| part.discount.normalize().to_string()),
            own_form: part.and_then(|part| part.own_form.clone()),
            redirect_type: order.terms.redirect_type,
            payment: payment.map(PaymentAnswer::from),
            refund_status: order.refund_state.into(),
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
    pub user_id: UserId,
    /// Allotable profit of all lines, in minor units.
    pub profit_total: i64,
    /// Given back so far.
    pub refunded: Money,
    #[schema(required)]
    pub store_code: Option<String>,
    pub attribution: AttributionAnswer,
    #[schema(required)]
    pub referrer: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct AttributionAnswer {
    #[schema(required)]
    pub rq: Option<String>,
    #[schema(required)]
    pub cookie_id: Option<String>,
}

impl From<OrderDetail> for StaffOrderAnswer {
    fn from(detail: OrderDetail) -> Self {
        let OrderDetail { order, payment } = detail;
        let Attribution { rq, cookie_id } = order.terms.attribution.clone();
        Self {
            user_id: order.user.clone(),
            profit_total: order.terms.profit_total,
            refunded: Money { amount: order.refunded, ..order.terms.total },
            store_code: order.terms.store_code.clone(),
            attribution: AttributionAnswer { rq, cookie_id },
            referrer: order.terms.referrer.clone(),
            order: OrderAnswer::new(order, payment),
        }
    }
}

/// A refund.
#[derive(Serialize, ToSchema)]
pub struct RefundAnswer {
    pub refund_id: RefundId,
    pub order_no: OrderNo,
    /// Zero where the order was paid in points.
    pub amount: Money,
    /// Where the order was paid in points.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub points: Option<Points>,
    pub status: words::RefundStatus,
    pub reason: String,
    /// Units that return to stock; only in the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restock_items: Option<Vec<RestockAnswer>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
}

#[derive(Serialize, ToSchema)]
pub struct RestockAnswer {
    pub sku_id: SkuId,
    pub quantity: i64,
}

impl RefundAnswer {
    pub fn asked(asked: RefundOutcome, reason: String) -> Self {
        Self {
            refund_id: asked.id,
            order_no: asked.order_no,
            amount: asked.amount,
            points: asked.points,
            status: if asked.done { RefundStatus::Done } else { RefundStatus::Pending }.into(),
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
            status: refund.status.into(),
            restock_items: Some(restock.collect()),
            reason: refund.reason,
            created_at: Some(refund.created_at),
        }
    }
}
