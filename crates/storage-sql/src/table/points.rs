//! Points: balances, what was decided, and what is under way.

use sluice_kernel::{Currency, OrderNo};
use sluice_points::{PointsKind, TaskState};

use super::table;
use crate::stored::{At, Stored, codes};

codes!(PointsKind { Grant = 1, Deduct = 2, Refund = 3 });
codes!(TaskState { Pending = 1, Done = 2, Refused = 3 });

table! {
    /// A user's balance of points.
    points_accounts = "points_accounts", key(store_id: i64, user_id: String) {
        balance: i64,
    }
}

table! {
    /// An operation on points that was decided.
    points_ledger = "points_ledger", generated(id: i64), new {
        store_id: i64,
        user_id: String,
        kind: Stored<PointsKind>,
        business_id: String,
        asked: i64,
        points: i64,
        balance_after: i64,
        refused: bool,
        order_no: Option<Stored<OrderNo>>,
        reason: String,
        at: At,
    }
}

table! {
    /// An operation on points, from the moment it is known.
    points_tasks = "points_tasks", key(kind: Stored<PointsKind>, business_id: String) {
        store_id: i64,
        user_id: String,
        points: i64,
        currency: Stored<Currency>,
        order_no: Option<Stored<OrderNo>>,
        reason: String,
        restock: Option<String>,
        traceparent: Option<String>,
        state: Stored<TaskState>,
        attempts: Stored<u32>,
        next_try_at: At,
        lease: Option<String>,
        answer: Option<String>,
        created_at: At,
        ended_at: Option<At>,
    }
}
