//! Rows of points tasks, and the settlement that announces a task's end.

use sea_orm::QueryResult;
use sluice_events::{PaymentSettled, SettledStatus};
use sluice_kernel::{Money, Points, RefundId, StoreId, Timestamp, UserId};
use sluice_points::{PointsKind, PointsOperation, PointsTask, StandingTask, TaskState, points_payment};

use crate::{
    error::StoreResult,
    stored::Stored,
    table::{Row as _, points_tasks::Model},
};

pub(super) fn new_task(task: &PointsTask, state: TaskState, answer: Option<&str>, now: Timestamp) -> StoreResult<Model> {
    let operation = &task.operation;
    let has_ended = state != TaskState::Pending;
    Ok(Model {
        kind: Stored(operation.kind),
        business_id: operation.business_id.clone(),
        store_id: operation.store.0,
        user_id: operation.user.0.clone(),
        points: operation.points.0,
        currency: Stored(task.currency),
        order_no: operation.order_no.map(Stored),
        reason: operation.reason.clone(),
        restock: if task.restock.is_empty() { None } else { Some(serde_json::to_string(&task.restock)?) },
        traceparent: task.traceparent.clone(),
        state: Stored(state),
        attempts: Stored(u32::from(has_ended)),
        next_try_at: Stored(now),
        lease: None,
        answer: answer.map(shortened),
        created_at: Stored(now),
        ended_at: has_ended.then_some(Stored(now)),
    })
}

/// As much of a text as its column holds.
pub(super) fn shortened(text: &str) -> String {
    text.chars().take(200).collect()
}

pub(super) fn standing(row: &QueryResult) -> StoreResult<StandingTask> {
    let row = Model::read(row)?;
    let operation = PointsOperation {
        kind: row.kind.0,
        business_id: row.business_id,
        store: StoreId(row.store_id),
        user: UserId(row.user_id),
        points: Points(row.points),
        order_no: row.order_no.map(|order| order.0),
        reason: row.reason,
    };
    let task = PointsTask {
        operation,
        currency: row.currency.0,
        restock: row.restock.map(|text| serde_json::from_str(&text)).transpose()?.unwrap_or_default(),
        traceparent: row.traceparent,
    };
    Ok(StandingTask { task, state: row.state.0, attempts: row.attempts.0, new: false })
}

/// What is announced of a task's end; `None` where nobody waits for it.
pub(super) fn settlement(task: &PointsTask, state: TaskState, now: Timestamp) -> Option<PaymentSettled> {
    let operation = &task.operation;
    let order_no = operation.order_no?;
    let (status, refund_id) = match (operation.kind, state) {
        (PointsKind::Deduct, TaskState::Done) => (SettledStatus::Paid, None),
        (PointsKind::Deduct, TaskState::Refused) => (SettledStatus::Failed, None),
        (PointsKind::Refund, TaskState::Done) => (SettledStatus::Refunded, Some(RefundId(operation.business_id.clone()))),
        // The order stays as it is. Staff see a refused refund among the exceptions, and may ask for it again.
        (PointsKind::Refund, TaskState::Refused) | (PointsKind::Grant, _) | (_, TaskState::Pending) => return None,
    };
    Some(PaymentSettled {
        order_no,
        store_id: operation.store,
        payment_id: points_payment(order_no),
        provider: "points".to_owned(),
        status,
        amount: Money::zero(task.currency),
        points: Some(operation.points),
        refund_id,
        restock: task.restock.clone(),
        at: now,
    })
}
