//! The small integers that stand for enums in the tables of orders; they never change their meaning.

use sluice_order::{CancelReason, OrderKind, OrderState, OrderStatus, PayType, RefundState};

use crate::error::{StoreError, StoreResult};

pub(crate) fn status_code(status: OrderStatus) -> i16 {
    match status {
        OrderStatus::Unpaid => 1,
        OrderStatus::Confirming => 2,
        OrderStatus::Paid => 3,
        OrderStatus::Fulfilled => 4,
        OrderStatus::Completed => 5,
        OrderStatus::Cancelled => 6,
        OrderStatus::Failed => 7,
        OrderStatus::PaidAfterClose => 8,
        OrderStatus::Refunded => 9,
    }
}

pub(crate) fn status_of(code: i16) -> StoreResult<OrderStatus> {
    OrderStatus::ALL.into_iter().find(|status| status_code(*status) == code).ok_or(StoreError::Corrupt("orders.status"))
}

pub(super) fn kind_code(kind: OrderKind) -> i16 {
    match kind {
        OrderKind::Cart => 1,
        OrderKind::Activity => 2,
    }
}

pub(super) fn kind_of(code: i16) -> StoreResult<OrderKind> {
    match code {
        1 => Ok(OrderKind::Cart),
        2 => Ok(OrderKind::Activity),
        _ => Err(StoreError::Corrupt("orders.kind")),
    }
}

pub(super) fn pay_type_code(pay_type: PayType) -> i16 {
    match pay_type {
        PayType::Cash => 1,
        PayType::Points => 2,
    }
}

pub(super) fn pay_type_of(code: i16) -> StoreResult<PayType> {
    match code {
        1 => Ok(PayType::Cash),
        2 => Ok(PayType::Points),
        _ => Err(StoreError::Corrupt("order_activities.pay_type")),
    }
}

fn reason_code(reason: CancelReason) -> i16 {
    match reason {
        CancelReason::User => 1,
        CancelReason::Expired => 2,
        CancelReason::Staff => 3,
    }
}

pub(super) fn reason_of(code: i16) -> StoreResult<CancelReason> {
    match code {
        1 => Ok(CancelReason::User),
        2 => Ok(CancelReason::Expired),
        3 => Ok(CancelReason::Staff),
        _ => Err(StoreError::Corrupt("orders.cancel_reason")),
    }
}

/// The reason that a state brings with it.
pub(super) fn reason_in(state: &OrderState) -> Option<i16> {
    match state {
        OrderState::Cancelled { reason } => Some(reason_code(*reason)),
        OrderState::Unpaid
        | OrderState::Confirming
        | OrderState::Paid { .. }
        | OrderState::Fulfilled { .. }
        | OrderState::Completed { .. }
        | OrderState::Failed
        | OrderState::PaidAfterClose { .. }
        | OrderState::Refunded { .. } => None,
    }
}

pub(super) fn refund_code(state: RefundState) -> i16 {
    match state {
        RefundState::None => 0,
        RefundState::Partial => 1,
        RefundState::Full => 2,
    }
}

pub(super) fn refund_of(code: i16) -> StoreResult<RefundState> {
    match code {
        0 => Ok(RefundState::None),
        1 => Ok(RefundState::Partial),
        2 => Ok(RefundState::Full),
        _ => Err(StoreError::Corrupt("orders.refund_state")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_back() {
        for status in OrderStatus::ALL {
            assert_eq!(status_of(status_code(status)).unwrap(), status);
        }
        for kind in [OrderKind::Cart, OrderKind::Activity] {
            assert_eq!(kind_of(kind_code(kind)).unwrap(), kind);
        }
        for pay_type in [PayType::Cash, PayType::Points] {
            assert_eq!(pay_type_of(pay_type_code(pay_type)).unwrap(), pay_type);
        }
        for reason in [CancelReason::User, CancelReason::Expired, CancelReason::Staff] {
            assert_eq!(reason_of(reason_code(reason)).unwrap(), reason);
        }
        for refund in [RefundState::None, RefundState::Partial, RefundState::Full] {
            assert_eq!(refund_of(refund_code(refund)).unwrap(), refund);
        }
        assert!(status_of(0).is_err() && kind_of(3).is_err() && reason_of(4).is_err() && refund_of(3).is_err());
        assert!(pay_type_of(0).is_err());
    }
}
