//! The points account: what moves points, what is asked of an account, and the tasks that stand until an answer is
//! known (spec.md S1 rule 9).
//!
//! Contract: an operation is named by store, user, kind and business id, and moves points once, whatever is repeated.
//! Its answer is final, a refusal too. A task stands from the moment it is known until its operation was answered; its
//! end is a compare-and-set and is told in the same transaction.

use async_trait::async_trait;
use sluice_events::RestockLine;
use sluice_kernel::{Currency, OrderNo, PageRequest, PaymentId, Points, PortResult, StoreId, Timestamp, UserId};

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

/// Where points are kept: the own ledger, or a remote points platform.
#[async_trait]
pub trait PointsAccount: Send + Sync {
    /// One answer for each operation, in order. An error says that the outcome is unknown: ask again with the very same
    /// operation. Deductions that leave less than nothing are refused; so is a name that stands for other points.
    async fn apply(&self, operations: &[PointsOperation]) -> Vec<PortResult<PointsAnswer>>;
    /// Zero for a user nothing is known of.
    async fn balance(&self, store: StoreId, user: &UserId) -> PortResult<Points>;
    /// Up to `limit + 1` entries, newest first; `after` is the id of the last one seen.
    async fn entries(&self, store: StoreId, user: &UserId, page: PageRequest) -> PortResult<Vec<PointsEntry>>;
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

/// Tasks: rows that outlive every crash.
#[async_trait]
pub trait PointsTasks: Send + Sync {
    /// Keeps tasks, due at once. One that stands already is left as it is. Answers how each stands.
    async fn keep(&self, tasks: &[PointsTask], now: Timestamp) -> PortResult<Vec<StandingTask>>;
    /// Keeps a refund, checked against what was deducted for its order and given back before; takes the currency from
    /// the deduction. Repeated, it answers how the refund stands.
    async fn keep_refund(&self, task: &PointsTask, now: Timestamp) -> PortResult<RefundKept>;
    /// Only where the account is the own ledger: moves the points and ends the tasks, new ones and pending ones, with
    /// all that is told of it, in one transaction. Two tasks of one user are decided one after the other. Tasks that
    /// ended before are left as they are. A refund must be kept first. Answers how each stands.
    async fn settle(&self, tasks: &[PointsTask], now: Timestamp) -> PortResult<Vec<StandingTask>>;
    /// Takes up to `limit` pending tasks that are due, the longest due first, until `until`; counts an attempt. Of
    /// several callers each gets tasks of its own; `token` is never used twice.
    async fn lease(&self, limit: u32, token: &str, now: Timestamp, until: Timestamp) -> PortResult<Vec<StandingTask>>;
    /// Ends pending tasks and tells it, all in one transaction; a task that has ended stays as it is.
    async fn end(&self, ends: &[(TaskName, PointsAnswer)], now: Timestamp) -> PortResult<()>;
    /// Without an answer: due again at the given time, unless somebody else has leased it meanwhile.
    async fn postpone(&self, tasks: &[(TaskName, Timestamp)], token: &str) -> PortResult<()>;
    async fn stats(&self) -> PortResult<PointsStats>;
}
