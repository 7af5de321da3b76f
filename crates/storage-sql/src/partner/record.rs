//! What tries did, in one transaction: the log, the deliveries, the target's health, the lease.

use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _,
    sea_query::{Expr, ExprTrait as _, Func},
};
use sluice_kernel::Timestamp;
use sluice_partner::{Attempt, DeliveryState, LeasedTarget, Outcome, Recorded, TargetHealth};

use crate::{
    error::StoreResult,
    multi_row::MultiRow,
    stored::Stored,
    table::{webhook_attempts, webhook_deliveries, webhook_subscriptions},
    unit_of_work::UnitOfWork,
};

static ATTEMPTS: MultiRow<webhook_attempts::Model> = MultiRow::with_tail(|dialect| {
    dialect.overwrite_existing("delivery_seq, slot", &["number", "at", "took_ms", "status", "error"])
});

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
    use webhook_subscriptions::{ActiveModel, Column, Entity};
    // What is not known stays as it is.
    let known = |at: Option<Timestamp>| at.map_or(NotSet, |at| Set(Some(Stored(at))));
    let fared = ActiveModel {
        failures: Set(Stored(health.failures)),
        resume_at: Set(Stored(health.paused_until.unwrap_or(Timestamp::from_millis(0)))),
        last_success_at: known(health.last_success_at),
        last_failure_at: known(health.last_failure_at),
        last_error: health.last_error.clone().map_or(NotSet, |error| Set(Some(error))),
        leased_until: Set(Stored(until)),
        ..Default::default()
    };
    let held = || Column::Id.eq(target.subscription.0).and(Column::Lease.eq(target.lease.as_str()));
    if Entity::update_many().set(fared).filter(held()).exec(unit).await?.rows_affected == 1 {
        return Ok(true);
    }
    // A row that was written as it stood already counts as untouched on MySQL.
    Ok(Entity::find().filter(held()).lock_exclusive().one(unit).await?.is_some())
}

async fn note(unit: &UnitOfWork, tried: &Recorded) -> StoreResult<()> {
    use webhook_deliveries::{ActiveModel, Column, Entity};
    let Recorded { seq, attempt, outcome, .. } = tried;
    let (state, next_try_at, blamed) = match outcome {
        Outcome::Delivered => (DeliveryState::Delivered, NotSet, NotSet),
        Outcome::Again { at, blamed } => (DeliveryState::Pending, Set(Stored(*at)), Set(Stored(*blamed))),
        Outcome::Exhausted => (DeliveryState::Exhausted, NotSet, NotSet),
    };
    let status = attempt.status.and_then(|status| i16::try_from(status).ok());
    let changed = ActiveModel {
        state: Set(Stored(state)),
        next_try_at,
        blamed,
        tries: Set(Stored(attempt.number)),
        last_try_at: Set(Some(Stored(attempt.at))),
        last_status: Set(status),
        last_error: Set(attempt.error.clone()),
        ..Default::default()
    };
    let first_try_at = Func::coalesce([Expr::col(Column::FirstTryAt), Expr::value(attempt.at.as_millis())]);
    Entity::update_many()
        .set(changed)
        .col_expr(Column::FirstTryAt, first_try_at.into())
        .filter(Column::Seq.eq(*seq).and(Column::State.eq(Stored(DeliveryState::Pending))))
        .exec(unit)
        .await?;

    let log = webhook_attempts::Model {
        delivery_seq: *seq,
        slot: i16::try_from(attempt.number % Attempt::KEPT).unwrap_or(i16::MAX),
        number: Stored(attempt.number),
        at: Stored(attempt.at),
        took_ms: i64::try_from(attempt.took_ms).unwrap_or(i64::MAX),
        status,
        error: attempt.error.clone(),
    };
    ATTEMPTS.run(unit, [log]).await?;
    Ok(())
}
