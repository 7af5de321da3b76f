//! Contract suites of pay's storage ports. A case panics where an adapter breaks its contract; each case works on orders
//! of its own, so run a suite once per database, on a runtime with several threads.

mod payments;
mod refunds;
mod sandbox;

pub use payments::payment_contract;
pub use refunds::refund_contract;
pub use sandbox::sandbox_contract;
use sluice_kernel::{Currency, Money, OrderNo, PaymentId, StoreId, Timestamp, UserId};

use crate::{Notice, NoticeStatus, Payment, PaymentStatus};

pub(crate) const STORE: StoreId = StoreId(1);

pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000 + millis)
}

/// A payment of 1990 for an order.
pub(crate) fn payment(id: &str, order: i64) -> Payment {
    Payment {
        id: PaymentId::from(id),
        provider: "sandbox".to_owned(),
        store: STORE,
        user: UserId::from("42"),
        order_no: OrderNo::from_id(order),
        amount: Money::new(1_990, Currency::CNY),
        status: PaymentStatus::Pending,
        url: Some(format!("http://localhost/pay/sandbox/{id}")),
        expires_at: at(900_000),
        created_at: at(0),
        refunded: 0,
    }
}

pub(crate) fn notice(payment: &Payment, event: &str, status: NoticeStatus) -> Notice {
    Notice {
        event_id: event.to_owned(),
        payment_id: payment.id.clone(),
        order_no: payment.order_no.to_string(),
        status,
        amount: payment.amount.amount,
        currency: payment.amount.currency.to_string(),
        payee: payment.store.to_string(),
    }
}
