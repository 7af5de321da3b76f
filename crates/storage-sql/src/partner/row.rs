//! Rows of the partner context's tables.

use sea_orm::{QueryResult, Value};
use sluice_kernel::{OrderNo, StoreId, Timestamp};
use sluice_partner::{
    Attempt, Delivery, DeliveryId, DeliveryState, EventType, NewDelivery, Secret, Subscription, SubscriptionId, TargetHealth,
};

use crate::error::{StoreError, StoreResult};

pub(super) const PENDING: i64 = 0;
pub(super) const DELIVERED: i64 = 1;
pub(super) const EXHAUSTED: i64 = 2;

pub(super) const SUBSCRIPTION_COLUMNS: &str = "id, store_id, url, event_types, secret, previous_secret, previous_until, active, \
     version, created_at, failures, resume_at, last_success_at, last_failure_at, last_error";

pub(super) fn state_code(state: DeliveryState) -> i64 {
    match state {
        DeliveryState::Pending => PENDING,
        DeliveryState::Delivered => DELIVERED,
        DeliveryState::Exhausted => EXHAUSTED,
    }
}

fn state_of(code: i64) -> StoreResult<DeliveryState> {
    let known = DeliveryState::ALL.into_iter().find(|state| state_code(*state) == code);
    known.ok_or(StoreError::Corrupt("webhook_deliveries.state"))
}

/// `order.paid,referral`
pub(super) fn types_text(types: &[EventType]) -> String {
    types.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(",")
}

fn types_of(text: &str) -> StoreResult<Vec<EventType>> {
    let known = |name| EventType::parse(name).ok_or(StoreError::Corrupt("webhook_subscriptions.event_types"));
    text.split(',').map(known).collect()
}

fn count(number: i64, what: &'static str) -> StoreResult<u32> {
    u32::try_from(number).map_err(|_| StoreError::Corrupt(what))
}

fn instant(row: &QueryResult, column: &str) -> StoreResult<Option<Timestamp>> {
    Ok(row.try_get_by::<Option<i64>, _>(column)?.map(Timestamp::from_millis))
}

/// The secret of before with its end, from two columns.
pub(super) fn previous_secret(row: &QueryResult) -> StoreResult<Option<(Secret, Timestamp)>> {
    let secret: Option<String> = row.try_get_by("previous_secret")?;
    Ok(secret.map(Secret::stored).zip(instant(row, "previous_until")?))
}

pub(super) fn subscription(row: &QueryResult) -> StoreResult<Subscription> {
    let resume_at: i64 = row.try_get_by("resume_at")?;
    Ok(Subscription {
        id: SubscriptionId(row.try_get_by("id")?),
        store: StoreId(row.try_get_by("store_id")?),
        url: row.try_get_by("url")?,
        event_types: types_of(&row.try_get_by::<String, _>("event_types")?)?,
        secret: Secret::stored(row.try_get_by::<String, _>("secret")?),
        previous_secret: previous_secret(row)?,
        active: row.try_get_by("active")?,
        version: row.try_get_by("version")?,
        created_at: Timestamp::from_millis(row.try_get_by("created_at")?),
        health: TargetHealth {
            failures: failures(row)?,
            paused_until: (resume_at > 0).then(|| Timestamp::from_millis(resume_at)),
            last_success_at: instant(row, "last_success_at")?,
            last_failure_at: instant(row, "last_failure_at")?,
            last_error: row.try_get_by("last_error")?,
        },
    })
}

pub(super) fn failures(row: &QueryResult) -> StoreResult<u32> {
    count(row.try_get_by("failures")?, "webhook_subscriptions.failures")
}

pub(super) const DELIVERY_COLUMNS: &str = "d.seq, d.delivery_id, d.subscription_id, d.store_id, d.event_id, d.event_type, d.order_no, \
     d.body, d.state, d.tries, d.blamed, d.created_at, d.since_at, d.first_try_at, d.last_try_at, d.next_try_at, d.last_status, d.last_error";

/// A delivery as it is first written; see `INSERT` in deliveries.
pub(super) fn new_delivery(new: &NewDelivery, now: Timestamp) -> [Value; 10] {
    let now = now.as_millis();
    [
        new.id.as_str().into(),
        new.subscription.0.into(),
        new.store.0.into(),
        new.event_id.as_str().into(),
        new.event_type.as_str().into(),
        new.order_no.id().into(),
        new.body.as_str().into(),
        now.into(),
        now.into(),
        now.into(),
    ]
}

pub(super) fn delivery(row: &QueryResult) -> StoreResult<Delivery> {
    let event_type: String = row.try_get_by("event_type")?;
    Ok(Delivery {
        id: DeliveryId(row.try_get_by("delivery_id")?),
        seq: row.try_get_by("seq")?,
        subscription: SubscriptionId(row.try_get_by("subscription_id")?),
        store: StoreId(row.try_get_by("store_id")?),
        event_id: row.try_get_by("event_id")?,
        event_type: EventType::parse(&event_type).ok_or(StoreError::Corrupt("webhook_deliveries.event_type"))?,
        order_no: OrderNo::from_id(row.try_get_by("order_no")?),
        body: row.try_get_by("body")?,
        state: state_of(row.try_get_by("state")?)?,
        tries: count(row.try_get_by("tries")?, "webhook_deliveries.tries")?,
        blamed: count(row.try_get_by("blamed")?, "webhook_deliveries.blamed")?,
        created_at: Timestamp::from_millis(row.try_get_by("created_at")?),
        since: Timestamp::from_millis(row.try_get_by("since_at")?),
        first_try_at: instant(row, "first_try_at")?,
        last_try_at: instant(row, "last_try_at")?,
        next_try_at: Timestamp::from_millis(row.try_get_by("next_try_at")?),
        last_status: status(row, "last_status")?,
        last_error: row.try_get_by("last_error")?,
    })
}

fn status(row: &QueryResult, column: &str) -> StoreResult<Option<u16>> {
    let status: Option<i64> = row.try_get_by(column)?;
    status.map(|status| u16::try_from(status).map_err(|_| StoreError::Corrupt("an HTTP status"))).transpose()
}

pub(super) fn attempt(row: &QueryResult) -> StoreResult<Attempt> {
    Ok(Attempt {
        number: count(row.try_get_by("number")?, "webhook_attempts.number")?,
        at: Timestamp::from_millis(row.try_get_by("at")?),
        took_ms: u64::try_from(row.try_get_by::<i64, _>("took_ms")?)
            .map_err(|_| StoreError::Corrupt("webhook_attempts.took_ms"))?,
        status: status(row, "status")?,
        error: row.try_get_by("error")?,
    })
}
