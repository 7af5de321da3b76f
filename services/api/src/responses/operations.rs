//! What staff watch: dead letters, the outbox, exceptions, settings.

use serde::Serialize;
use serde_json::Value;
use sluice_catalog::{Store, StoreSettings};
use sluice_events::{DeadLetter, OutboxStats};
use sluice_kernel::{Timestamp, UserId};
use sluice_pay::PayException;
use utoipa::ToSchema;

use crate::responses::{shape, words};

/// An event that could not be handled.
#[derive(Serialize, ToSchema)]
pub struct DeadLetterAnswer {
    pub id: String,
    pub topic: words::Topic,
    pub consumer: String,
    /// `ce_id`
    pub event_id: String,
    /// `ce_type`
    #[serde(rename = "type")]
    pub kind: String,
    pub key: String,
    /// `ce_time`
    pub time: Timestamp,
    #[schema(required)]
    pub traceparent: Option<String>,
    pub attempts: u32,
    pub error_code: String,
    pub error_detail: String,
    /// When it failed last.
    pub at: Timestamp,
    pub state: words::LetterState,
    /// How often it was tried again.
    pub replays: u32,
    /// When it was tried again; null where it was not, or failed again since.
    #[schema(required)]
    pub replayed_at: Option<Timestamp>,
    /// The payload.
    pub data: Value,
}

impl From<DeadLetter> for DeadLetterAnswer {
    fn from(letter: DeadLetter) -> Self {
        let data = serde_json::from_str(&letter.envelope.data).unwrap_or(Value::String(letter.envelope.data));
        Self {
            id: letter.id.0.to_string(),
            topic: letter.envelope.topic.into(),
            consumer: letter.consumer,
            event_id: letter.envelope.id,
            kind: letter.envelope.kind.into_owned(),
            key: letter.envelope.key,
            time: letter.envelope.time,
            traceparent: letter.envelope.traceparent,
            attempts: letter.attempts,
            error_code: letter.error_code,
            error_detail: letter.error_detail,
            at: letter.at,
            state: letter.state.into(),
            replays: letter.replays,
            replayed_at: letter.replayed_at,
            data,
        }
    }
}

/// Facts that wait to be published, of all stores together.
#[derive(Serialize, ToSchema)]
pub struct OutboxAnswer {
    pub pending: u64,
    /// Age of the oldest one, 0 where none waits.
    pub oldest_age_seconds: u64,
    #[schema(required)]
    pub oldest_at: Option<Timestamp>,
}

impl OutboxAnswer {
    pub fn new(stats: OutboxStats, now: Timestamp) -> Self {
        let age = stats.oldest.map_or(0, |oldest| now.since(oldest).as_secs());
        Self { pending: stats.pending, oldest_age_seconds: age, oldest_at: stats.oldest }
    }
}

/// Money or a notification that needs a person's eye.
#[derive(Serialize, ToSchema)]
pub struct ExceptionAnswer {
    pub id: String,
    #[schema(value_type = shape::ExceptionKind)]
    pub kind: String,
    #[schema(required)]
    pub order_no: Option<String>,
    #[schema(required)]
    pub payment_id: Option<String>,
    pub detail: String,
    pub at: Timestamp,
    pub state: ExceptionState,
    /// What staff did about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_by: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<Timestamp>,
}

/// Whether staff have dealt with it.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExceptionState {
    Open,
    Resolved,
}

impl From<PayException> for ExceptionAnswer {
    fn from(exception: PayException) -> Self {
        let resolution = exception.resolution;
        Self {
            state: if resolution.is_some() { ExceptionState::Resolved } else { ExceptionState::Open },
            resolved_at: resolution.as_ref().map(|resolution| resolution.at),
            resolved_by: resolution.as_ref().map(|resolution| resolution.by.clone()),
            note: resolution.map(|resolution| resolution.note),
            id: exception.id.to_string(),
            kind: exception.kind,
            order_no: exception.order_no,
            payment_id: exception.payment_id,
            detail: exception.detail,
            at: exception.at,
        }
    }
}

/// A store's settings: what GET answers, PUT takes.
#[derive(Serialize, ToSchema)]
pub struct SettingsAnswer {
    pub special: bool,
    #[schema(required)]
    pub h5_redirect_type: Option<String>,
    /// [a, b]: b points are worth a major units.
    #[schema(required)]
    pub points_to_cash_ratio: Option<[i64; 2]>,
    /// Products and activities may be read without a token.
    pub public_catalog: bool,
}

impl From<Store> for SettingsAnswer {
    fn from(store: Store) -> Self {
        let StoreSettings { special, h5_redirect_type, points_to_cash_ratio, public_catalog } = store.settings;
        Self { special, h5_redirect_type, points_to_cash_ratio, public_catalog }
    }
}
