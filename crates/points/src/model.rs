//! What moves points, what is asked of an account, and the tasks that stand until an answer is known (docs/domain.md S1 rule 9).
//!
//! Contract: an operation is named by store, user, kind and business id, and moves points once, whatever is repeated.
//! Its answer is final, a refusal too.

use sluice_events::RestockLine;
use sluice_kernel::{Currency, OrderNo, PaymentId, Points, StoreId, Timestamp, UserId};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PointsKind {
    /// Points come from outside; the business id is the granting key.
    Grant,
    /// An order is paid; the business id is its number.
    Deduct,
    /// An order's points go back; the business id is the refund's id.
    Refund,
}

impl PointsKind {
    pub const ALL: [Self; 3] = [Self::Grant, Self::Deduct, Self::Refund];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Deduct => "deduct",
            Self::Refund => "refund",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Points as a ledger entry of this kind signs them.
    pub fn signed(self, points: Points) -> Points {
        match self {
            Self::Grant | Self::Refund => points,
            Self::Deduct => Points(-points.0),
        }
    }
}

/// One movement of points as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointsOperation {
    pub store: StoreId,
    pub user: UserId,
    pub kind: PointsKind,
    /// At most 64 characters; unique within the kind.
    pub business_id: String,
    /// Never negative: the kind says the direction.
    pub points: Points,
    pub order_no: Option<OrderNo>,
    /// At most 200 characters.
    pub reason: String,
}

/// What became of an operation, for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PointsAnswer {
    /// The points moved; the balance after it, where the account tells it.
    Done { balance: Option<Points> },
    /// Nothing moved, and nothing ever will under this name.
    Refused { reason: String },
}

/// One line of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointsEntry {
    /// Newer entries have larger ids.
    pub id: i64,
    pub kind: PointsKind,
    /// Negative where points left the account.
    pub points: Points,
    pub business_id: String,
    pub order_no: Option<OrderNo>,
    pub balance_after: Points,
    pub reason: String,
    pub at: Timestamp,
}

/// An operation and what is told when it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointsTask {
    pub operation: PointsOperation,
    /// Of the order; the settlement's amount is zero in it.
    pub currency: Currency,
    /// Units a refund returns to stock.
    pub restock: Vec<RestockLine>,
    pub traceparent: Option<String>,
}

impl PointsTask {
    pub fn name(&self) -> TaskName {
        TaskName { kind: self.operation.kind, business_id: self.operation.business_id.clone() }
    }
}

/// A task's key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskName {
    pub kind: PointsKind,
    pub business_id: String,
}

/// The payment that stands for an order's points in `payment-settled`.
pub fn points_payment(order: OrderNo) -> PaymentId {
    PaymentId(format!("points-{order}"))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TaskState {
    Pending,
    Done,
    Refused,
}

/// A task as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingTask {
    pub task: PointsTask,
    pub state: TaskState,
    /// How often its operation was asked for.
    pub attempts: u32,
    /// False where it stood before this call.
    pub new: bool,
}

/// Whether a refund may begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundKept {
    Kept(StandingTask),
    /// The order's points were never deducted, so there is nothing to give back.
    NotDeducted,
    /// With the refunds before it, more would go back than was deducted.
    TooMuch {
        left: Points,
    },
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PointsStats {
    /// Tasks without an answer.
    pub pending: u64,
    /// Since when the oldest of them stands.
    pub oldest: Option<Timestamp>,
}
