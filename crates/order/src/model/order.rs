//! Orders as kept, and a new order as it is written.

use sluice_events::{ActivityOrder, PaymentSettled};
use sluice_kernel::{
    OrderKind, OrderNo, PageRequest, PaymentHandle, RefundState, ReservationId, SkuId, StoreId, Timestamp, UserId, check,
};

use crate::{CancelReason, IdempotencyKey, ItemLine, OrderItem, OrderState, OrderStatus, OrderTerms, ReserveTerms};

/// An order as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub order_no: OrderNo,
    pub store: StoreId,
    pub user: UserId,
    pub terms: OrderTerms,
    pub items: Vec<OrderItem>,
    pub state: OrderState,
    /// The last reason it was cancelled, kept when late money reopened it.
    pub cancel_reason: Option<CancelReason>,
    /// The present attempt to hold its units.
    pub reservation: ReservationId,
    pub refunded: i64,
    pub refund_state: RefundState,
    pub paid_at: Option<Timestamp>,
    /// Counts changes; every transition compares it.
    pub version: i64,
}

impl Order {
    pub fn status(&self) -> OrderStatus {
        self.state.status()
    }

    /// What settles an order that costs neither money nor points; `None` for every other one.
    pub fn free_settlement(&self) -> Option<PaymentSettled> {
        self.terms.free_settlement(self.order_no, self.store)
    }

    /// What events say of it as an activity order.
    pub fn activity_fact(&self) -> Option<ActivityOrder> {
        self.terms.activity_fact(self.first_line())
    }

    /// The limit that late money must find room in: the one the order was placed under. The window does not count, the
    /// order was placed in time.
    pub fn late_terms(&self) -> Option<ReserveTerms> {
        let terms = self.terms.reserve_terms(&self.user, self.first_line())?;
        Some(ReserveTerms { window: None, ..terms })
    }

    fn first_line(&self) -> Option<&ItemLine> {
        self.items.first().map(|item| &item.line)
    }
}

/// A new order as the group commit writes it: main order, children, items, address, idempotency record and outbox row
/// together (docs/domain.md S2 rule 5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    pub order_no: OrderNo,
    pub store: StoreId,
    pub user: UserId,
    pub terms: OrderTerms,
    /// In SKU order, each SKU once.
    pub items: Vec<ItemLine>,
    pub key: IdempotencyKey,
    /// The cart's version, where the order takes the cart: claimed like a key of its own.
    pub cart_version: Option<i64>,
    /// A verification code that this order uses up: the phone and the instant it was sent.
    pub uses_code: Option<(String, Timestamp)>,
    /// The order's first payment, where the provider needs no call to open it: its row is written with the order.
    pub first_payment: Option<PaymentHandle>,
    /// The epoch the gate reserved in; `None` where the commit itself decides over the stock.
    pub reserved_in_epoch: Option<i64>,
    pub traceparent: Option<String>,
}

impl NewOrder {
    /// What settles an order that costs neither money nor points, written with it; `None` for every other one.
    pub fn free_settlement(&self) -> Option<PaymentSettled> {
        self.terms.free_settlement(self.order_no, self.store)
    }

    /// What events say of it as an activity order.
    pub fn activity_fact(&self) -> Option<ActivityOrder> {
        self.terms.activity_fact(self.items.first())
    }

    /// The terms its units are reserved under, where it belongs to an activity.
    pub fn reserve_terms(&self) -> Option<ReserveTerms> {
        self.terms.reserve_terms(&self.user, self.items.first())
    }

    /// The order as it stands right after its commit.
    pub(crate) fn into_order(self) -> Order {
        Order {
            order_no: self.order_no,
            store: self.store,
            user: self.user,
            state: self.terms.first_state(),
            terms: self.terms,
            items: self.items.into_iter().map(|line| OrderItem { line, restocked: 0 }).collect(),
            cancel_reason: None,
            reservation: ReservationId::first(self.order_no),
            refunded: 0,
            refund_state: RefundState::None,
            paid_at: None,
            version: 0,
        }
    }
}

/// Which orders of the store staff look for; what is `None` is not asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderSearch {
    pub order_no: Option<OrderNo>,
    pub user: Option<UserId>,
    /// The recipient's, as it was given with the order.
    pub phone: Option<String>,
    /// A line of it is of this SKU.
    pub sku: Option<SkuId>,
    pub status: Option<OrderStatus>,
    pub kind: Option<OrderKind>,
    pub refund_state: Option<RefundState>,
    /// Placed at this instant or later.
    pub from: Option<Timestamp>,
    /// Placed before this instant.
    pub until: Option<Timestamp>,
}

/// Characters of a user's name and of a phone number, as orders keep them.
const MAX_USER: usize = 64;
const MAX_PHONE: usize = 32;

impl OrderSearch {
    /// What stands in a query is called by its place there. A longer text than an order keeps names none.
    pub(crate) fn check(&self) -> check::Result {
        let user = self.user.as_ref().map_or(Ok(()), |user| check::text("user", user.as_str(), MAX_USER));
        let phone = self.phone.as_ref().map_or(Ok(()), |phone| check::text("phone", phone, MAX_PHONE));
        user.and(phone).map_err(|invalid| invalid.within("query"))
    }

    pub fn is_placed_within(&self, placed_at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= placed_at) && self.until.is_none_or(|until| placed_at < until)
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
