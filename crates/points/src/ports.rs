//! What points need: an account that keeps them, and rows for what is not answered yet.
//!
//! Contract: a task stands from the moment it is known until its operation was answered; its end is a compare-and-set
//! and is told in the same transaction.

use async_trait::async_trait;
use sluice_kernel::{PageRequest, Points, PortResult, StoreId, Timestamp, UserId};

use crate::{PointsAnswer, PointsEntry, PointsOperation, PointsStats, PointsTask, RefundKept, StandingTask, TaskName};

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

/// Tasks: rows that outlive every crash.
#[async_trait]
pub trait PointsTasks: Send + Sync {
    /// Keeps tasks, due at once. One that stands already is left as it is. Answers how each stands.
    async fn keep(&self, tasks: &[PointsTask], now: Timestamp) -> PortResult<Vec<StandingTask>>;
    /// Keeps a refund, checked against what was deducted for its order and given back before; takes the currency from
    /// the deduction. Repeated, it answers how the refund stands. Where the account refused it, `again` keeps a further try
    /// under a name that follows from this one: an account's no is for good under its name.
    async fn keep_refund(&self, task: &PointsTask, again: bool, now: Timestamp) -> PortResult<RefundKept>;
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
