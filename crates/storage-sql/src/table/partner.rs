//! Subscriptions of partners, their deliveries and the log of tries.

use sluice_kernel::OrderNo;
use sluice_partner::{DeliveryState, EventType};

use super::table;
use crate::stored::{At, Stored, codes, words};

codes!(DeliveryState { Pending = 0, Delivered = 1, Exhausted = 2 });
words!(EventType, EventType::as_str, EventType::parse);

table! {
    /// Where a partner wants to be told, and how its target fares. A removed one stays as an empty shell.
    webhook_subscriptions = "webhook_subscriptions", generated(id: i64) {
        store_id: i64,
        url: String,
        event_types: String,
        secret: String,
        previous_secret: Option<String>,
        previous_until: Option<At>,
        active: bool,
        deleted: bool,
        version: i64,
        created_at: At,
        failures: Stored<u32>,
        resume_at: At,
        last_success_at: Option<At>,
        last_failure_at: Option<At>,
        last_error: Option<String>,
        lease: String,
        leased_until: At,
    }
}

table! {
    /// A message to one subscription.
    webhook_deliveries = "webhook_deliveries", generated(seq: i64) {
        delivery_id: String,
        subscription_id: i64,
        store_id: i64,
        event_id: String,
        event_type: Stored<EventType>,
        order_no: Stored<OrderNo>,
        body: String,
        state: Stored<DeliveryState>,
        tries: Stored<u32>,
        blamed: Stored<u32>,
        created_at: At,
        since_at: At,
        first_try_at: Option<At>,
        last_try_at: Option<At>,
        next_try_at: At,
        last_status: Option<i16>,
        last_error: Option<String>,
    }
}

table! {
    /// The newest tries of a delivery, in a few slots that are used in turn.
    webhook_attempts = "webhook_attempts", key(delivery_seq: i64, slot: i16) {
        number: Stored<u32>,
        at: At,
        took_ms: i64,
        status: Option<i16>,
        error: Option<String>,
    }
}
