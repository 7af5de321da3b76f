//! What the context is asked to do, and what it answers.

use sluice_kernel::{
    Amount, Attribution, Money, OrderNo, PayType, PaymentHandle, Points, Quantity, RefundId, SkuId, StoreId, UserId,
};

use crate::{IdempotencyKey, Order, OrderError, Priced, Recipient};

/// A line as asked for; the SKU's id is still text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestedLine {
    pub sku: String,
    pub quantity: Quantity,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderInput {
    Items(Vec<RequestedLine>),
    /// The selected lines of the user's cart.
    FromCart,
}

/// What the buyer was shown. An order that comes to anything else is refused; what is `None` is not compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expected {
    /// Minor units of the store's currency.
    pub total: Option<i64>,
    pub points: Option<i64>,
}

/// What a cart order is made of (docs/domain.md S2, Input).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CartRequest {
    pub store: StoreId,
    pub user: UserId,
    pub input: OrderInput,
    pub recipient: Recipient,
    pub verify_code: Option<String>,
    pub store_code: Option<String>,
    pub attribution: Attribution,
    pub referrer: Option<String>,
    pub expected: Expected,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceCartOrder {
    pub key: IdempotencyKey,
    pub request: CartRequest,
}

/// What a cart order would come to, and everything that stands in its way, in the order in which placing refuses. What is not
/// on the shelf is in no line and in no sum; a line that is short is in both.
#[derive(Debug)]
pub struct OrderPreview {
    pub priced: Priced,
    pub problems: Vec<OrderError>,
}

/// Everything an activity order is placed with (docs/domain.md S1, Input).
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
    pub expected: Expected,
}

/// A placed order as it is answered; a replay shows it as it was answered first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    pub order: Order,
    pub payment: Option<PaymentHandle>,
    pub replayed: bool,
}

/// An order and its newest payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderDetail {
    pub order: Order,
    pub payment: Option<PaymentHandle>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestockChoice {
    Nothing,
    /// All units that were not returned to stock yet.
    Everything,
    Lines(Vec<(SkuId, Quantity)>),
}

/// What staff ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundRequest {
    pub store: StoreId,
    pub order_no: OrderNo,
    pub key: IdempotencyKey,
    /// In the order's currency. `None`: all that is left. An order that was paid in points is refunded whole.
    pub amount: Option<Amount>,
    pub reason: String,
    pub restock: RestockChoice,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundOutcome {
    pub id: RefundId,
    pub order_no: OrderNo,
    /// Zero where the order was paid in points.
    pub amount: Money,
    /// Where the order was paid in points.
    pub points: Option<Points>,
    /// False while the provider has not answered; the sweeper goes on.
    pub done: bool,
    pub replayed: bool,
}
