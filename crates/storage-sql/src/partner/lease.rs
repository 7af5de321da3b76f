//! Targets that have something due, each leased by one sender at a time.

use sluice_kernel::Timestamp;
use sluice_partner::{LeasedTarget, Secret, SubscriptionId};

use super::row;
use crate::{database::Database, error::StoreResult};

const READY: &str = "SELECT s.id, s.url, s.secret, s.previous_secret, s.previous_until, s.failures FROM webhook_subscriptions s \
     WHERE s.active = TRUE AND s.resume_at <= ? AND s.leased_until <= ? AND EXISTS (SELECT 1 FROM webhook_deliveries d \
     WHERE d.subscription_id = s.id AND d.state = 0 AND d.next_try_at <= ?) ORDER BY s.leased_until, s.id LIMIT ?";

/// Looked for without locks; each is then taken by a compare-and-set, so it does not matter who else looks.
pub(super) async fn lease(
    database: &Database,
    lease: &str,
    now: Timestamp,
    until: Timestamp,
    limit: u32,
) -> StoreResult<Vec<LeasedTarget>> {
    let at = now.as_millis();
    let ready = database.rows(READY, vec![at.into(), at.into(), at.into(), i64::from(limit).into()]).await?;
    let mut leased = Vec::with_capacity(ready.len());
    for found in &ready {
        let id: i64 = found.try_get_by("id")?;
        let failures = row::failures(found)?;
        // Failures and secrets must be those that were read: staff may just have changed the subscription.
        let url: String = found.try_get_by("url")?;
        let secret: String = found.try_get_by("secret")?;
        let take = "UPDATE webhook_subscriptions SET lease = ?, leased_until = ? WHERE id = ? AND active = TRUE AND resume_at <= ? \
                    AND leased_until <= ? AND failures = ? AND url = ? AND secret = ?";
        let values = vec![
            lease.into(),
            until.as_millis().into(),
            id.into(),
            at.into(),
            at.into(),
            i64::from(failures).into(),
            url.as_str().into(),
            secret.as_str().into(),
        ];
        if database.execute(take, values).await?.rows_affected() == 1 {
            leased.push(LeasedTarget {
                subscription: SubscriptionId(id),
                url,
                secret: Secret::stored(secret),
                previous_secret: row::previous_secret(found)?,
                failures,
                lease: lease.to_owned(),
            });
        }
    }
    Ok(leased)
}

/// Also where staff took the lease's name away by a change: then the time is kept until who had it is done.
pub(super) async fn release(database: &Database, target: &LeasedTarget) -> StoreResult<()> {
    let statement = "UPDATE webhook_subscriptions SET lease = '', leased_until = 0 WHERE id = ? AND lease IN (?, '')";
    database.execute(statement, vec![target.subscription.0.into(), target.lease.as_str().into()]).await?;
    Ok(())
}
