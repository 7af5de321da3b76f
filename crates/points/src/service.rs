//! What points offer: statements, grants, deductions of orders, refunds.

use async_trait::async_trait;
use sluice_events::RestockLine;
use sluice_kernel::{Currency, OrderNo, Page, PageRequest, Points, RefundId, StoreId, UserId};

use crate::{PointsEntry, PointsError, PointsStats, TaskState};

/// A user's account: the balance, and a page of what moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointsStatement {
    pub balance: Points,
    pub entries: Page<PointsEntry>,
}

/// Points that staff, or the demo, give to a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointsGrant {
    pub store: StoreId,
    pub user: UserId,
    pub points: Points,
    pub reason: String,
    /// Names the grant: at most 60 characters, unique over all stores. Repeated, it grants nothing more.
    pub key: String,
}

/// A grant that took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Granted {
    /// The balance now.
    pub balance: Points,
    /// The key was used before, for the same grant.
    pub replayed: bool,
}

/// Points that pay an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointsDeduction {
    pub store: StoreId,
    pub user: UserId,
    pub order_no: OrderNo,
    pub points: Points,
    pub currency: Currency,
    /// Of its order: a batch belongs to many traces.
    pub traceparent: Option<String>,
}

/// Points that go back for an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundOfPoints {
    pub id: RefundId,
    pub store: StoreId,
    pub user: UserId,
    pub order_no: OrderNo,
    pub points: Points,
    pub reason: String,
    pub restock: Vec<RestockLine>,
    /// Where the account refused it, another try begins.
    pub again: bool,
}

/// A refund of points that has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointsRefundBegun {
    /// The id that was asked for or, where the account refused it before, that of the latest try.
    pub id: RefundId,
    /// The points are back.
    pub done: bool,
}

#[async_trait]
pub trait PointsService: Send + Sync {
    async fn account(&self, store: StoreId, user: &UserId, page: PageRequest) -> Result<PointsStatement, PointsError>;
    /// Idempotent by its key; `KeyReused` where the key stands for another grant. A key whose grant was refused may try
    /// again.
    async fn grant(&self, grant: PointsGrant) -> Result<Granted, PointsError>;
    /// Begins to deduct, once for each order, and answers how each stands. Each end is told as `payment-settled` of provider
    /// `points`: paid or failed.
    async fn deduct(&self, deductions: &[PointsDeduction]) -> Result<Vec<TaskState>, PointsError>;
    /// Begins a refund, idempotent by its id; its end is told as `payment-settled`. Where the account refused it, it is `Refused`, or
    /// asked for `again` under an id that follows from this one. `None` where another request gives the points back under
    /// this id.
    async fn refund(&self, refund: RefundOfPoints) -> Result<Option<PointsRefundBegun>, PointsError>;
    /// Asks for up to `limit` tasks that are due; returns how many were asked. A platform that is away is no error.
    async fn run_due(&self, limit: u32) -> Result<usize, PointsError>;
    async fn stats(&self) -> Result<PointsStats, PointsError>;
    /// True where points are kept in the own ledger.
    fn has_own_ledger(&self) -> bool;
}
