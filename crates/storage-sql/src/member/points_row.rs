//! Rows of points tasks, and the settlement that tells of a task's end.

use std::str::FromStr as _;

use sea_orm::{QueryResult, Value};
use sluice_events::{PaymentSettled, SettledStatus};
use sluice_kernel::{Currency, Money, OrderNo, Points, RefundId, StoreId, Timestamp, UserId};
use sluice_points::{PointsKind, PointsOperation, PointsTask, StandingTask, TaskState, points_payment};

use crate::{
    error::{StoreError, StoreResult},
    multi_row::column,
};

pub(super) const PENDING: i16 = 1;
pub(super) const DONE: i16 = 2;
pub(super) const REFUSED: i16 = 3;

pub(crate) fn kind_code(kind: PointsKind) -> i16 {
    match kind {
        PointsKind::Grant => 1,
        PointsKind::Deduct => 2,
        PointsKind::Refund => 3,
    }
}

pub(crate) fn kind_of(code: i16) -> StoreResult<PointsKind> {
    PointsKind::ALL.into_iter().find(|kind| kind_code(*kind) == code).ok_or(StoreError::Corrupt("points kind"))
}

pub(super) fn state_code(state: TaskState) -> i16 {
    match state {
        TaskState::Pending => PENDING,
        TaskState::Done => DONE,
        TaskState::Refused => REFUSED,
    }
}

fn state_of(code: i16) -> StoreResult<TaskState> {
    match code {
        PENDING => Ok(TaskState::Pending),
        DONE => Ok(TaskState::Done),
        REFUSED => Ok(TaskState::Refused),
        _ => Err(StoreError::Corrupt("points_tasks.state")),
    }
}

/// Columns a task is read from, for [`standing`].
macro_rules! task_columns {
    () => {
        "kind, business_id, store_id, user_id, points, currency, order_no, reason, restock, traceparent, state, attempts"
    };
}
pub(super) use task_columns;

/// Columns of a new row, as many as [`task_row`] has values.
macro_rules! insert_tasks {
    () => {
        "INSERT INTO points_tasks (kind, business_id, store_id, user_id, points, currency, order_no, reason, restock, traceparent, \
         state, attempts, next_try_at, answer, created_at, ended_at) VALUES "
    };
}
pub(super) use insert_tasks;

pub(super) const TASK_ROW: &str = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
pub(super) const TASK_WIDTH: usize = 16;

pub(super) fn task_row(
    task: &PointsTask,
    state: TaskState,
    answer: Option<&str>,
    now: Timestamp,
) -> StoreResult<[Value; TASK_WIDTH]> {
    let operation = &task.operation;
    let restock = if task.restock.is_empty() { None } else { Some(serde_json::to_string(&task.restock)?) };
    let ended = (state != TaskState::Pending).then(|| now.as_millis());
    Ok([
        kind_code(operation.kind).into(),
        operation.business_id.as_str().into(),
        operation.store.0.into(),
        operation.user.as_str().into(),
        operation.points.0.into(),
        task.currency.as_str().into(),
        operation.order_no.map(OrderNo::id).into(),
        operation.reason.as_str().into(),
        restock.into(),
        task.traceparent.clone().into(),
        state_code(state).into(),
        i32::from(ended.is_some()).into(),
        now.as_millis().into(),
        answer.map(shortened).into(),
        now.as_millis().into(),
        ended.into(),
    ])
}

/// As much of a text as its column holds.
pub(super) fn shortened(text: &str) -> String {
    text.chars().take(200).collect()
}

pub(super) fn standing(row: &QueryResult) -> StoreResult<StandingTask> {
    let restock = column::<Option<String>>(row, 8)?;
    let operation = PointsOperation {
        kind: kind_of(column(row, 0)?)?,
        business_id: column(row, 1)?,
        store: StoreId(column(row, 2)?),
        user: UserId(column(row, 3)?),
        points: Points(column(row, 4)?),
        order_no: column::<Option<i64>>(row, 6)?.map(OrderNo::from_id),
        reason: column(row, 7)?,
    };
    let currency = column::<String>(row, 5)?;
    let task = PointsTask {
        operation,
        currency: Currency::from_str(&currency).map_err(|_| StoreError::Corrupt("points_tasks.currency"))?,
        restock: restock.map(|text| serde_json::from_str(&text)).transpose()?.unwrap_or_default(),
        traceparent: column(row, 9)?,
    };
    let attempts = u32::try_from(column::<i32>(row, 11)?).unwrap_or(0);
    Ok(StandingTask { task, state: state_of(column(row, 10)?)?, attempts, new: false })
}

/// What is told of a task's end; `None` where nobody waits for it.
pub(super) fn settlement(task: &PointsTask, state: TaskState, now: Timestamp) -> Option<PaymentSettled> {
    let operation = &task.operation;
    let order_no = operation.order_no?;
    let (status, refund_id) = match (operation.kind, state) {
        (PointsKind::Deduct, TaskState::Done) => (SettledStatus::Paid, None),
        (PointsKind::Deduct, TaskState::Refused) => (SettledStatus::Failed, None),
        (PointsKind::Refund, TaskState::Done) => (SettledStatus::Refunded, Some(RefundId(operation.business_id.clone()))),
        // The order asks a refund of points once and has decided already; a refusal is told to staff by the log.
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
