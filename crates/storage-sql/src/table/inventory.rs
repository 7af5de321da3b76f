//! Stock, its ledger, and what a gate outside the database needs.

use sluice_events::MovementKind;
use sluice_inventory::AdjustmentState;
use sluice_kernel::OrderNo;

use super::table;
use crate::stored::{At, Stored, codes};

codes!(MovementKind { Reserve = 1, Sell = 2, Release = 3, Restock = 4, Adjust = 5 });
codes!(AdjustmentState { Pending = 0, Done = 1, Rejected = 2 });

table! {
    /// A SKU's figures and listing.
    stock = "stock", key(sku_id: i64) {
        store_id: i64,
        usable: i64,
        locked: i64,
        sold: i64,
        received: i64,
        buyable: bool,
        revision: i64,
    }
}

table! {
    /// A movement of units.
    stock_ledger = "stock_ledger", generated(id: i64) {
        store_id: i64,
        sku_id: i64,
        movement_id: String,
        kind: Stored<MovementKind>,
        quantity: i64,
        order_no: Option<Stored<OrderNo>>,
        reason: Option<String>,
        at: At,
        applied: bool,
        limit_user: Option<String>,
    }
}

table! {
    /// A receipt or write-off.
    stock_adjustments = "stock_adjustments", key(id: String) {
        store_id: i64,
        sku_id: i64,
        delta: i64,
        reason: String,
        status: Stored<AdjustmentState>,
        at: At,
        due_at: At,
    }
}

table! {
    /// What a user has taken of the limit of a SKU.
    limit_counters = "limit_counters", key(sku_id: i64, user_id: String) {
        store_id: i64,
        orders: i64,
        units: i64,
    }
}

table! {
    /// Who won the race for a reservation: its order, or the release.
    reservation_outcomes = "reservation_outcomes", key(reservation_id: String) {
        released: bool,
        at: At,
    }
}

table! {
    /// The one row of the gate in use.
    gate_state = "gate_state", key(id: i16) {
        kind: String,
        epoch: i64,
        open: bool,
        changed_at: At,
    }
}

table! {
    /// A committed change that a gate outside the database must still be told, JSON.
    gate_effects = "gate_effects", generated(id: i64) {
        payload: String,
        store_id: i64,
        lane: String,
        due_at: At,
        attempts: Stored<u32>,
        claim: Option<String>,
        given_up: bool,
        error: Option<String>,
    }
}
