//! What tries did, in one transaction: the log, the deliveries, the target's health, the lease.

use sea_orm::Value;
use sluice_kernel::Timestamp;
use sluice_partner::{Attempt, LeasedTarget, Outcome, Recorded, TargetHealth};

use super::row::{DELIVERED, EXHAUSTED, PENDING};
use crate::{error::StoreResult, unit_of_work::UnitOfWork};

const COLUMNS: [&str; 7] = ["delivery_seq", "slot", "number", "at", "took_ms", "status", "error"];

pub(super) async fn record(
    unit: &UnitOfWork,
    target: &LeasedTarget,
    tries: &[Recorded],
    health: &TargetHealth,
    until: Timestamp,
) -> StoreResult<bool> {
    // The subscription's row first: whoever holds the lease is decided before anything else is written.
    let held = extend(unit, target, health, until).await?;
    for tried in tries {
        if held || tried.outcome == Outcome::Delivered {
            note(unit, tried).await?;
        }
    }
    Ok(held)
}

async fn extend(unit: &UnitOfWork, target: &LeasedTarget, health: &TargetHealth, until: Timestamp) -> StoreResult<bool> {
    let statement = "UPDATE webhook_subscriptions SET failures = ?, resume_at = ?, last_success_at = COALESCE(?, last_success_at), \
                     last_failure_at = COALESCE(?, last_failure_at), last_error = COALESCE(?, last_error), leased_until = ? \
                     WHERE id = ? AND lease = ?";
    let millis = |instant: Option<Timestamp>| instant.map(Timestamp::as_millis);
    let values = vec![
        i64::from(health.failures).into(),
        millis(health.paused_until).unwrap_or(0).into(),
        millis(health.last_success_at).into(),
        millis(health.last_failure_at).into(),
        health.last_error.clone().into(),
        until.as_millis().into(),
        target.subscription.0.into(),
        target.lease.as_str().into(),
    ];
    if unit.execute(statement, values).await? == 1 {
        return Ok(true);
    }
    // A row that was written as it stood already counts as untouched on MySQL.
    let holder = format!("SELECT id FROM webhook_subscriptions WHERE id = ? AND lease = ?{}", unit.dialect().for_update());
    Ok(unit.row(holder, vec![target.subscription.0.into(), target.lease.as_str().into()]).await?.is_some())
}

async fn note(unit: &UnitOfWork, tried: &Recorded) -> StoreResult<()> {
    let Recorded { seq, attempt, outcome, .. } = tried;
    let (state, next, blamed): (i64, Option<i64>, Option<i64>) = match outcome {
        Outcome::Delivered => (DELIVERED, None, None),
        Outcome::Again { at, blamed } => (PENDING, Some(at.as_millis()), Some(i64::from(*blamed))),
        Outcome::Exhausted => (EXHAUSTED, None, None),
    };
    let update = "UPDATE webhook_deliveries SET state = ?, next_try_at = COALESCE(?, next_try_at), blamed = COALESCE(?, blamed), \
                  tries = ?, first_try_at = COALESCE(first_try_at, ?), last_try_at = ?, last_status = ?, last_error = ? \
                  WHERE seq = ? AND state = ?";
    let status = attempt.status.map(i64::from);
    let values: Vec<Value> = vec![
        state.into(),
        next.into(),
        blamed.into(),
        i64::from(attempt.number).into(),
        attempt.at.as_millis().into(),
        attempt.at.as_millis().into(),
        status.into(),
        attempt.error.clone().into(),
        (*seq).into(),
        PENDING.into(),
    ];
    unit.execute(update, values).await?;

    let log = format!(
        "INSERT INTO webhook_attempts ({}) VALUES (?, ?, ?, ?, ?, ?, ?){}",
        COLUMNS.join(", "),
        unit.dialect().overwrite_existing("delivery_seq, slot", &["number", "at", "took_ms", "status", "error"])
    );
    let values = vec![
        (*seq).into(),
        i64::from(attempt.number % Attempt::KEPT).into(),
        i64::from(attempt.number).into(),
        attempt.at.as_millis().into(),
        i64::try_from(attempt.took_ms).unwrap_or(i64::MAX).into(),
        status.into(),
        attempt.error.clone().into(),
    ];
    unit.execute(log, values).await?;
    Ok(())
}
