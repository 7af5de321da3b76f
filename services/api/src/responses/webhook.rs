//! Subscriptions and deliveries, as staff see them.

use serde::Serialize;
use serde_json::Value;
use sluice_kernel::Timestamp;
use sluice_partner::{Attempt, Delivery, Subscription, TargetHealth};
use utoipa::ToSchema;

use crate::responses::{shape, words};

/// An address of another system, and what it wants to hear.
#[derive(Serialize, ToSchema)]
pub struct WebhookAnswer {
    pub id: String,
    pub url: String,
    #[schema(value_type = Vec<shape::SubscribedType>)]
    pub event_types: Vec<words::EventType>,
    pub active: bool,
    /// `whsec_` and base64 of the key that signs; only in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Until when the secret before the last rotation signs as well.
    #[schema(required)]
    pub previous_secret_until: Option<Timestamp>,
    pub health: HealthAnswer,
    pub created_at: Timestamp,
}

/// How the target does.
#[derive(Serialize, ToSchema)]
pub struct HealthAnswer {
    pub state: HealthState,
    /// Tries that failed in a row.
    pub failures: u32,
    #[schema(required)]
    pub paused_until: Option<Timestamp>,
    #[schema(required)]
    pub last_success_at: Option<Timestamp>,
    #[schema(required)]
    pub last_failure_at: Option<Timestamp>,
    #[schema(required)]
    pub last_error: Option<String>,
}

/// `away`: its messages wait, and one probes it now and then.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HealthState {
    Well,
    Away,
}

impl From<TargetHealth> for HealthAnswer {
    fn from(health: TargetHealth) -> Self {
        Self {
            state: if health.failures == 0 { HealthState::Well } else { HealthState::Away },
            failures: health.failures,
            paused_until: health.paused_until,
            last_success_at: health.last_success_at,
            last_failure_at: health.last_failure_at,
            last_error: health.last_error,
        }
    }
}

impl WebhookAnswer {
    /// With the secret: only where it was made just now.
    pub fn with_secret(subscription: Subscription) -> Self {
        let secret = subscription.secret.expose().to_owned();
        Self { secret: Some(secret), ..Self::from(subscription) }
    }
}

impl From<Subscription> for WebhookAnswer {
    fn from(subscription: Subscription) -> Self {
        Self {
            id: subscription.id.0.to_string(),
            url: subscription.url,
            event_types: subscription.event_types.into_iter().map(words::EventType::from).collect(),
            active: subscription.active,
            secret: None,
            previous_secret_until: subscription.previous_secret.map(|(_, until)| until),
            health: subscription.health.into(),
            created_at: subscription.created_at,
        }
    }
}

/// One event on its way to one subscription.
#[derive(Serialize, ToSchema)]
pub struct WebhookDeliveryAnswer {
    /// Also the `webhook-id`, the same in every try.
    pub id: String,
    pub subscription_id: String,
    pub event_id: String,
    pub event_type: words::EventType,
    /// Null of a ping.
    #[schema(required)]
    pub order_no: Option<String>,
    pub state: words::DeliveryState,
    pub tries: u32,
    pub created_at: Timestamp,
    #[schema(required)]
    pub first_try_at: Option<Timestamp>,
    #[schema(required)]
    pub last_try_at: Option<Timestamp>,
    /// Not before; null unless it is pending.
    #[schema(required)]
    pub next_try_at: Option<Timestamp>,
    /// HTTP status of the last try, where there was an answer.
    #[schema(required)]
    pub last_status: Option<u16>,
    #[schema(required)]
    pub last_error: Option<String>,
}

impl From<Delivery> for WebhookDeliveryAnswer {
    fn from(delivery: Delivery) -> Self {
        let pending = delivery.state == sluice_partner::DeliveryState::Pending;
        Self {
            id: delivery.id.0,
            subscription_id: delivery.subscription.0.to_string(),
            event_id: delivery.event_id,
            event_type: delivery.event_type.into(),
            order_no: delivery.order_no.map(|order| order.to_string()),
            state: delivery.state.into(),
            tries: delivery.tries,
            created_at: delivery.created_at,
            first_try_at: delivery.first_try_at,
            last_try_at: delivery.last_try_at,
            next_try_at: pending.then_some(delivery.next_try_at),
            last_status: delivery.last_status,
            last_error: delivery.last_error,
        }
    }
}

/// A delivery with what is sent and its newest tries.
#[derive(Serialize, ToSchema)]
pub struct WebhookTraceAnswer {
    #[serde(flatten)]
    pub delivery: WebhookDeliveryAnswer,
    /// The body: {type, timestamp, data}.
    pub payload: Value,
    /// Newest first, at most 20.
    pub attempts: Vec<WebhookAttemptAnswer>,
}

#[derive(Serialize, ToSchema)]
pub struct WebhookAttemptAnswer {
    pub number: u32,
    pub at: Timestamp,
    pub took_ms: u64,
    #[schema(required)]
    pub status: Option<u16>,
    #[schema(required)]
    pub error: Option<String>,
}

impl WebhookTraceAnswer {
    pub fn new(delivery: Delivery, attempts: Vec<Attempt>) -> Self {
        let payload = serde_json::from_str(&delivery.body).unwrap_or_else(|_| Value::String(delivery.body.clone()));
        let attempts = attempts.into_iter().map(|attempt| WebhookAttemptAnswer {
            number: attempt.number,
            at: attempt.at,
            took_ms: attempt.took_ms,
            status: attempt.status,
            error: attempt.error,
        });
        Self { attempts: attempts.collect(), payload, delivery: delivery.into() }
    }
}
