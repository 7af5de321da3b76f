//! Messages on their way, and leases.

use sluice_events::LetterState;

use super::table;
use crate::stored::{At, Stored, codes};

codes!(LetterState { Dead = 0, Replaying = 1, Handled = 2 });

table! {
    /// A fact that was not published yet, JSON.
    outbox = "outbox", generated(id: i64), new {
        slice: i16,
        available_at: At,
        payload: String,
        traceparent: Option<String>,
    }
}

table! {
    /// Who publishes a slice; negative numbers are the places where owners sign in.
    outbox_leases = "outbox_leases", key(slice: i16) {
        owner: String,
        until_at: At,
    }
}

table! {
    /// An event that a consumer has handled.
    inbox = "inbox", key(consumer: String, event_id: String) {
        at: At,
    }
}

table! {
    /// An event that a consumer gave up.
    dead_letters = "dead_letters", generated(id: i64), new {
        consumer: String,
        topic: String,
        event_key: String,
        event_id: String,
        event_type: String,
        event_time: At,
        traceparent: Option<String>,
        data: String,
        attempts: Stored<u32>,
        error_code: String,
        error_detail: String,
        at: At,
        replayed_at: Option<At>,
        state: Stored<LetterState>,
        replays: Stored<u32>,
        store_id: Option<i64>,
        original: Option<String>,
    }
}

table! {
    /// A lane of events that stepped aside.
    parked_lanes = "parked_lanes", generated(id: i64), new {
        owner: String,
        lane: String,
        tries: Stored<u32>,
        next_try_at: At,
        error: String,
    }
}

table! {
    /// An event in a lane, JSON.
    parked_events = "parked_events", generated(id: i64), new {
        lane_id: i64,
        envelope: String,
        attempts: Stored<u32>,
        parked_at: At,
        letter_id: Option<i64>,
    }
}

table! {
    /// Who makes order numbers with a node number.
    node_leases = "node_leases", key(node: i16) {
        owner: String,
        until_at: At,
    }
}

table! {
    /// How far time has come.
    seen_times = "seen_times", key(name: String) {
        at: At,
    }
}
