//! Targets that have something due, each leased by one sender at a time.

use sea_orm::{ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _, sea_query::ExprTrait as _};
use sluice_kernel::Timestamp;
use sluice_partner::{DeliveryState, LeasedTarget, Secret, SubscriptionId};

use crate::{
    database::Database,
    error::StoreResult,
    stored::{At, Stored, code},
    table::{
        Row as _, row,
        webhook_subscriptions::{ActiveModel, Column, Entity},
    },
};

row! {
    struct Ready of webhook_subscriptions {
        id: i64,
        url: String,
        secret: String,
        previous_secret: Option<String>,
        previous_until: Option<At>,
        failures: Stored<u32>,
    }
}

fn ready() -> String {
    format!(
        "SELECT {} FROM webhook_subscriptions s WHERE s.active = TRUE AND s.resume_at <= ? AND s.leased_until <= ? \
         AND EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.subscription_id = s.id AND d.state = {} AND d.next_try_at <= ?) \
         ORDER BY s.leased_until, s.id LIMIT ?",
        Ready::columns_of("s"),
        code(DeliveryState::Pending)
    )
}

/// Looked for without locks; each is then taken by a compare-and-set, so it does not matter who else looks.
pub(super) async fn lease(
    database: &Database,
    lease: &str,
    now: Timestamp,
    until: Timestamp,
    limit: u32,
) -> StoreResult<Vec<LeasedTarget>> {
    let at = now.as_millis();
    let ready = database.rows(ready(), vec![at.into(), at.into(), at.into(), i64::from(limit).into()]).await?;
    let mut leased = Vec::with_capacity(ready.len());
    for found in &ready {
        let found = Ready::read(found)?;
        // Failures and secrets must be those that were read: staff may just have changed the subscription.
        let take = Entity::update_many()
            .set(ActiveModel { lease: Set(lease.to_owned()), leased_until: Set(Stored(until)), ..Default::default() })
            .filter(Column::Id.eq(found.id).and(Column::Active.eq(true)))
            .filter(Column::ResumeAt.lte(at).and(Column::LeasedUntil.lte(at)))
            .filter(Column::Failures.eq(found.failures).and(Column::Url.eq(&found.url)).and(Column::Secret.eq(&found.secret)));
        if take.exec(database).await?.rows_affected == 1 {
            leased.push(LeasedTarget {
                subscription: SubscriptionId(found.id),
                url: found.url,
                secret: Secret::stored(found.secret),
                previous_secret: found.previous_secret.map(Secret::stored).zip(found.previous_until.map(|until| until.0)),
                failures: found.failures.0,
                lease: lease.to_owned(),
            });
        }
    }
    Ok(leased)
}

/// Also where staff took the lease's name away by a change: then the time is kept until who had it is done.
pub(super) async fn release(database: &Database, target: &LeasedTarget) -> StoreResult<()> {
    Entity::update_many()
        .set(ActiveModel { lease: Set(String::new()), leased_until: Set(Stored(Timestamp::from_millis(0))), ..Default::default() })
        .filter(Column::Id.eq(target.subscription.0).and(Column::Lease.is_in([target.lease.as_str(), ""])))
        .exec(database)
        .await?;
    Ok(())
}
