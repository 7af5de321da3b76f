//! What happened to an order.

use serde::Serialize;
use sluice_app::TraceLine;
use sluice_kernel::{OrderNo, Timestamp};
use utoipa::ToSchema;

/// Everything that is known of an order, oldest first.
#[derive(Serialize, ToSchema)]
pub struct OrderTraceAnswer {
    pub order_no: OrderNo,
    pub entries: Vec<TraceEntryAnswer>,
}

/// One thing that happened.
#[derive(Serialize, ToSchema)]
pub struct TraceEntryAnswer {
    pub at: Timestamp,
    /// `order`, `activity`, `key`, `movement`, `payment`, `notice`, `exception`, `refund`, `points`, `push`, `outbox` or
    /// `dead_letter`.
    pub kind: String,
    /// A sentence for people.
    pub text: String,
}

impl OrderTraceAnswer {
    pub fn new(order_no: OrderNo, lines: Vec<TraceLine>) -> Self {
        let entry = |TraceLine { at, what, text }| TraceEntryAnswer { at, kind: what.replace(' ', "_"), text };
        Self { order_no, entries: lines.into_iter().map(entry).collect() }
    }
}
