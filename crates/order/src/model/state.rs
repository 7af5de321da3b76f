//! The state machine of an order: `unpaid → paid → fulfilled → completed`, and the ways out (docs/domain.md, Words).
//!
//! A transition consumes the old state and may refuse; terminal states absorb. Only verified money leaves `cancelled`.
#![expect(clippy::wildcard_enum_match_arm, reason = "a transition refuses every state that it does not name")]

use sluice_kernel::PaymentId;

/// Where an order stands, with what that state alone knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderState {
    /// Waits for money until its `expires_at`.
    Unpaid,
    /// Points are being deducted.
    Confirming,
    Paid {
        payment: PaymentId,
    },
    Fulfilled {
        payment: PaymentId,
    },
    Completed {
        payment: PaymentId,
    },
    Cancelled {
        reason: CancelReason,
    },
    /// Points were refused.
    Failed,
    /// Money came after the close and the stock was gone; the refund is on its way.
    PaidAfterClose {
        payment: PaymentId,
    },
    Refunded {
        payment: PaymentId,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelReason {
    User,
    Expired,
    Staff,
}

/// The state's name, as stored and as told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderStatus {
    Unpaid,
    Confirming,
    Paid,
    Fulfilled,
    Completed,
    Cancelled,
    Failed,
    PaidAfterClose,
    Refunded,
}

/// A transition that this state does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an order that is {} does not allow this", .0.status().as_str())]
pub struct Refused(pub OrderState);

impl OrderStatus {
    pub const ALL: [Self; 9] = [
        Self::Unpaid,
        Self::Confirming,
        Self::Paid,
        Self::Fulfilled,
        Self::Completed,
        Self::Cancelled,
        Self::Failed,
        Self::PaidAfterClose,
        Self::Refunded,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unpaid => "unpaid",
            Self::Confirming => "confirming",
            Self::Paid => "paid",
            Self::Fulfilled => "fulfilled",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::PaidAfterClose => "paid_after_close",
            Self::Refunded => "refunded",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// The stream of status events ends here (docs/api.md, Orders).
    pub fn ends_stream(self) -> bool {
        matches!(self, Self::Paid | Self::Fulfilled | Self::Completed | Self::Failed | Self::Cancelled | Self::Refunded)
    }
}

impl CancelReason {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Expired => "expired",
            Self::Staff => "staff",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::User, Self::Expired, Self::Staff].into_iter().find(|reason| reason.as_str() == text)
    }
}

impl OrderState {
    pub fn status(&self) -> OrderStatus {
        match self {
            Self::Unpaid => OrderStatus::Unpaid,
            Self::Confirming => OrderStatus::Confirming,
            Self::Paid { .. } => OrderStatus::Paid,
            Self::Fulfilled { .. } => OrderStatus::Fulfilled,
            Self::Completed { .. } => OrderStatus::Completed,
            Self::Cancelled { .. } => OrderStatus::Cancelled,
            Self::Failed => OrderStatus::Failed,
            Self::PaidAfterClose { .. } => OrderStatus::PaidAfterClose,
            Self::Refunded { .. } => OrderStatus::Refunded,
        }
    }

    /// The payment whose money this order keeps or has kept.
    pub fn payment(&self) -> Option<&PaymentId> {
        match self {
            Self::Paid { payment }
            | Self::Fulfilled { payment }
            | Self::Completed { payment }
            | Self::PaidAfterClose { payment }
            | Self::Refunded { payment } => Some(payment),
            Self::Unpaid | Self::Confirming | Self::Cancelled { .. } | Self::Failed => None,
        }
    }

    /// Verified money arrived, or the points were deducted (`confirming`), and the units are held (`unpaid`, `confirming`)
    /// or were held anew (`cancelled`).
    pub fn pay(self, payment: PaymentId) -> Result<Self, Refused> {
        match self {
            Self::Unpaid | Self::Confirming | Self::Cancelled { .. } => Ok(Self::Paid { payment }),
            other => Err(Refused(other)),
        }
    }

    /// The points account refused.
    pub fn fail(self) -> Result<Self, Refused> {
        match self {
            Self::Confirming => Ok(Self::Failed),
            other => Err(Refused(other)),
        }
    }

    /// Verified money arrived for a closed order whose units are gone.
    pub fn pay_after_close(self, payment: PaymentId) -> Result<Self, Refused> {
        match self {
            Self::Cancelled { .. } => Ok(Self::PaidAfterClose { payment }),
            other => Err(Refused(other)),
        }
    }

    /// User, staff or the timer give an unpaid order up.
    pub fn cancel(self, reason: CancelReason) -> Result<Self, Refused> {
        match self {
            Self::Unpaid => Ok(Self::Cancelled { reason }),
            other => Err(Refused(other)),
        }
    }

    /// The goods are on their way or delivered.
    pub fn fulfil(self) -> Result<Self, Refused> {
        match self {
            Self::Paid { payment } => Ok(Self::Fulfilled { payment }),
            other => Err(Refused(other)),
        }
    }

    /// Nothing is left to do.
    pub fn complete(self) -> Result<Self, Refused> {
        match self {
            Self::Fulfilled { payment } => Ok(Self::Completed { payment }),
            other => Err(Refused(other)),
        }
    }

    /// All money went back.
    pub fn refund_fully(self) -> Result<Self, Refused> {
        match self {
            Self::Paid { payment }
            | Self::Fulfilled { payment }
            | Self::Completed { payment }
            | Self::PaidAfterClose { payment } => Ok(Self::Refunded { payment }),
            other => Err(Refused(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_states() -> Vec<OrderState> {
        let payment = PaymentId::from("p1");
        vec![
            OrderState::Unpaid,
            OrderState::Confirming,
            OrderState::Paid { payment: payment.clone() },
            OrderState::Fulfilled { payment: payment.clone() },
            OrderState::Completed { payment: payment.clone() },
            OrderState::Cancelled { reason: CancelReason::Expired },
            OrderState::Failed,
            OrderState::PaidAfterClose { payment: payment.clone() },
            OrderState::Refunded { payment },
        ]
    }

    #[test]
    fn only_an_unpaid_order_can_be_cancelled() {
        for state in all_states() {
            let allowed = state == OrderState::Unpaid;
            assert_eq!(state.clone().cancel(CancelReason::User).is_ok(), allowed, "{state:?}");
        }
    }

    #[test]
    fn only_verified_money_leaves_cancelled_and_terminal_states_absorb() {
        let money = PaymentId::from("p2");
        for state in all_states() {
            let payable = matches!(state, OrderState::Unpaid | OrderState::Confirming | OrderState::Cancelled { .. });
            assert_eq!(state.clone().pay(money.clone()).is_ok(), payable, "{state:?}");
            let late = matches!(state, OrderState::Cancelled { .. });
            assert_eq!(state.clone().pay_after_close(money.clone()).is_ok(), late, "{state:?}");
            let fails = state == OrderState::Confirming;
            assert_eq!(state.clone().fail().is_ok(), fails, "{state:?}");
            let fulfils = matches!(state, OrderState::Paid { .. });
            assert_eq!(state.clone().fulfil().is_ok(), fulfils, "{state:?}");
            let completes = matches!(state, OrderState::Fulfilled { .. });
            assert_eq!(state.clone().complete().is_ok(), completes, "{state:?}");
            let refundable = state.payment().is_some() && state.status() != OrderStatus::Refunded;
            assert_eq!(state.clone().refund_fully().is_ok(), refundable, "{state:?}");
        }
    }
}
