//! Subscriptions, deliveries and tries as they stand in their rows.

use sluice_kernel::{StoreId, Timestamp};
use sluice_partner::{Attempt, Delivery, DeliveryId, EventType, Secret, Subscription, SubscriptionId, TargetHealth};

use super::deliveries::NO_ORDER;
use crate::{
    error::{StoreError, StoreResult},
    stored::At,
    table::{webhook_attempts, webhook_deliveries, webhook_subscriptions},
};

/// `order.paid,referral`
pub(super) fn types_text(types: &[EventType]) -> String {
    types.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(",")
}

fn types_of(text: &str) -> StoreResult<Vec<EventType>> {
    let known = |name| EventType::parse(name).ok_or(StoreError::Corrupt("webhook_subscriptions.event_types"));
    text.split(',').map(known).collect()
}

fn instant(at: Option<At>) -> Option<Timestamp> {
    at.map(|at| at.0)
}

pub(super) fn subscription(row: webhook_subscriptions::Model) -> StoreResult<Subscription> {
    Ok(Subscription {
        id: SubscriptionId(row.id),
        store: StoreId(row.store_id),
        url: row.url,
        event_types: types_of(&row.event_types)?,
        secret: Secret::stored(row.secret),
        previous_secret: row.previous_secret.map(Secret::stored).zip(instant(row.previous_until)),
        active: row.active,
        version: row.version,
        created_at: row.created_at.0,
        health: TargetHealth {
            failures: row.failures.0,
            paused_until: (row.resume_at.0.as_millis() > 0).then_some(row.resume_at.0),
            last_success_at: instant(row.last_success_at),
            last_failure_at: instant(row.last_failure_at),
            last_error: row.last_error,
        },
    })
}

pub(super) fn delivery(row: webhook_deliveries::Model) -> StoreResult<Delivery> {
    Ok(Delivery {
        id: DeliveryId(row.delivery_id),
        seq: row.seq,
        subscription: SubscriptionId(row.subscription_id),
        store: StoreId(row.store_id),
        event_id: row.event_id,
        event_type: row.event_type.0,
        order_no: Some(row.order_no.0).filter(|order| *order != NO_ORDER),
        body: row.body,
        state: row.state.0,
        tries: row.tries.0,
        blamed: row.blamed.0,
        created_at: row.created_at.0,
        since: row.since_at.0,
        first_try_at: instant(row.first_try_at),
        last_try_at: instant(row.last_try_at),
        next_try_at: row.next_try_at.0,
        last_status: status(row.last_status)?,
        last_error: row.last_error,
    })
}

fn status(stored: Option<i16>) -> StoreResult<Option<u16>> {
    stored.map(|status| u16::try_from(status).map_err(|_| StoreError::Corrupt("an HTTP status"))).transpose()
}

pub(super) fn attempt(row: webhook_attempts::Model) -> StoreResult<Attempt> {
    Ok(Attempt {
        number: row.number.0,
        at: row.at.0,
        took_ms: u64::try_from(row.took_ms).map_err(|_| StoreError::Corrupt("webhook_attempts.took_ms"))?,
        status: status(row.status)?,
        error: row.error,
    })
}
