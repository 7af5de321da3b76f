//! The points account.

use serde::Serialize;
use sluice_kernel::Timestamp;
use sluice_points::{PointsEntry, PointsStatement};
use utoipa::ToSchema;

use crate::responses::words;

/// A user's balance with a page of what moved it, newest first.
#[derive(Serialize, ToSchema)]
pub struct PointsAnswer {
    pub balance: i64,
    pub data: Vec<PointsEntryAnswer>,
    /// Send it as `cursor` to go on; null at the end.
    #[schema(required)]
    pub next_cursor: Option<String>,
    pub has_more: bool,
}

#[derive(Serialize, ToSchema)]
pub struct PointsEntryAnswer {
    pub id: String,
    pub kind: words::PointsKind,
    /// Negative where points left the account.
    pub points: i64,
    /// The order's number, the refund's id or the name of the grant; unique for its kind.
    pub business_id: String,
    #[schema(required)]
    pub order_no: Option<String>,
    pub balance_after: i64,
    pub reason: String,
    pub at: Timestamp,
}

impl From<PointsEntry> for PointsEntryAnswer {
    fn from(entry: PointsEntry) -> Self {
        Self {
            id: entry.id.to_string(),
            kind: entry.kind.into(),
            points: entry.points.0,
            business_id: entry.business_id,
            order_no: entry.order_no.map(|order| order.to_string()),
            balance_after: entry.balance_after.0,
            reason: entry.reason,
            at: entry.at,
        }
    }
}

impl From<PointsStatement> for PointsAnswer {
    fn from(statement: PointsStatement) -> Self {
        let page = statement.entries.map(PointsEntryAnswer::from);
        Self { balance: statement.balance.0, data: page.data, next_cursor: page.next_cursor, has_more: page.has_more }
    }
}

/// Points that were given.
#[derive(Serialize, ToSchema)]
pub struct GrantAnswer {
    pub user_id: String,
    pub points: i64,
    pub reason: String,
    /// The user's balance now.
    pub balance: i64,
}
