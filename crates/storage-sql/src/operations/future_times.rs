//! Times that only a clock that was ahead can have written, and that would be waited for.
//!
//! Contract: a lease, a pause or a time of next try that lies further ahead than any program sets it counts as lapsed: it
//! becomes now. Times of what has happened cannot lie ahead at all. Number leases are no part of this: order numbers may
//! have been made for every instant up to their ends, so those numbers stay unused until then and others are taken.
//! Whatever else is waited for stands in [`PLACES`] or in the orders' timer; a test over the schema keeps it so.

use std::time::Duration;

use sea_orm::Value;
use sluice_inventory::AdjustmentState;
use sluice_kernel::{PortResult, Timestamp};
use sluice_order::OrderStatus;
use sluice_partner::DeliveryState;
use sluice_pay::RefundStatus;
use sluice_points::TaskState;

use crate::{
    database::Database,
    error::{IntoPort as _, StoreResult},
    multi_row::tuple,
    statement::{padded, placeholders},
    stored::code,
};

/// Clocks of two processes differ by less than this.
const TOLERANCE: Duration = Duration::from_secs(5);
/// How long a relay leases slices at most.
const SLICE_LEASE: Duration = Duration::from_secs(10);
/// How long a partner is leased, see `sluice_partner`.
const TARGET_LEASE: Duration = Duration::from_mins(1);
/// How far the timer puts an order off that is past its deadline.
const TIMER_PUT_OFF: Duration = Duration::from_mins(1);
/// How long a refund, a settlement and a parked lane wait for their next try at most.
const MAX_REFUND_PAUSE: Duration = Duration::from_mins(10);
const MAX_SETTLEMENT_PAUSE: Duration = Duration::from_mins(5);
/// How long an order whose points are asked for waits to be looked at again.
const MAX_CONFIRMING_PAUSE: Duration = Duration::from_mins(5);
const MAX_LANE_PAUSE: Duration = Duration::from_mins(10);
/// Rows of one statement, or a few more where many share an instant.
const BATCH: i64 = 500;

/// What the settings say about pauses.
#[derive(Debug, Clone, Copy)]
pub struct LongestPauses {
    /// Until a points operation without an answer is asked for again.
    pub points: Duration,
    /// Until a partner that is away is probed.
    pub target: Duration,
    /// Until a message that a partner refused is sent again.
    pub message: Duration,
}

/// A column that is waited for.
struct Place {
    table: &'static str,
    time: &'static str,
    /// Which rows wait, ending in ` AND `.
    filter: fn() -> String,
    ahead: fn(&LongestPauses) -> Duration,
}

const PLACES: [Place; 11] = [
    Place { table: "outbox_leases", time: "until_at", filter: String::new, ahead: |_| SLICE_LEASE },
    Place { table: "webhook_subscriptions", time: "leased_until", filter: String::new, ahead: |_| TARGET_LEASE },
    Place { table: "webhook_subscriptions", time: "resume_at", filter: String::new, ahead: |longest| longest.target },
    Place {
        table: "webhook_deliveries",
        time: "next_try_at",
        filter: || {
            let pending = code(DeliveryState::Pending);
            format!("state = {pending} AND subscription_id IN (SELECT id FROM webhook_subscriptions) AND ")
        },
        ahead: |longest| longest.message,
    },
    Place {
        table: "points_tasks",
        time: "next_try_at",
        filter: || format!("state = {} AND ", code(TaskState::Pending)),
        ahead: |longest| longest.points,
    },
    // When these happened; what is young is left to whoever is at work on it, so one of the future would stay young.
    Place { table: "sandbox_channels", time: "at", filter: || "delivered_at IS NULL AND ".to_owned(), ahead: |_| Duration::ZERO },
    Place {
        table: "refunds",
        time: "next_try_at",
        filter: || format!("status = {} AND ", code(RefundStatus::Pending)),
        ahead: |_| MAX_REFUND_PAUSE,
    },
    Place { table: "order_settlements", time: "due_at", filter: String::new, ahead: |_| MAX_SETTLEMENT_PAUSE },
    Place {
        table: "orders",
        time: "due_at",
        filter: || format!("status = {} AND ", code(OrderStatus::Confirming)),
        ahead: |_| MAX_CONFIRMING_PAUSE,
    },
    Place { table: "parked_lanes", time: "next_try_at", filter: String::new, ahead: |_| MAX_LANE_PAUSE },
    Place {
        table: "stock_adjustments",
        time: "at",
        filter: || format!("status = {} AND ", code(AdjustmentState::Pending)),
        ahead: |_| Duration::ZERO,
    },
];

#[derive(Clone)]
pub struct SqlFutureTimes {
    database: Database,
    longest: LongestPauses,
}

impl SqlFutureTimes {
    pub fn new(database: Database, longest: LongestPauses) -> Self {
        Self { database, longest }
    }

    /// Tables and columns that are looked after here; the timers of unpaid orders apart.
    pub fn places() -> impl Iterator<Item = (&'static str, &'static str)> {
        PLACES.iter().map(|place| (place.table, place.time))
    }

    /// Brings them back to now; answers how many there were. Cheap where there are none: each look is a short range of an
    /// index, or of a table with few rows.
    pub async fn bring_back(&self, now: Timestamp) -> PortResult<u64> {
        let brought = async {
            let mut brought = 0;
            for place in &PLACES {
                brought += self.bring_back_in(place, now).await?;
            }
            StoreResult::Ok(brought)
        };
        brought.await.into_port("bringing times of the future back")
    }

    /// Lets the timer look at unpaid orders at their deadlines again; answers how many it would have missed. Reads all
    /// unpaid orders: for the start of a process, and for a clock that was set back.
    pub async fn bring_back_timers(&self, now: Timestamp) -> PortResult<u64> {
        let mut brought = 0;
        loop {
            match self.bring_back_orders(now).await.into_port("bringing timers of orders back")? {
                0 => return Ok(brought),
                orders => brought += orders,
            }
        }
    }

    async fn bring_back_in(&self, place: &Place, now: Timestamp) -> StoreResult<u64> {
        let Place { table, time, filter, ahead } = place;
        let filter = filter();
        let limit = now.plus(ahead(&self.longest)).plus(TOLERANCE).as_millis();
        let any = format!("SELECT {time} FROM {table} WHERE {filter}{time} > ? LIMIT 1");
        if self.database.row(any, vec![limit.into()]).await?.is_none() {
            return Ok(0);
        }
        let boundary = format!("SELECT {time} FROM {table} WHERE {filter}{time} > ? ORDER BY {time} LIMIT 1 OFFSET ?");
        let update = format!("UPDATE {table} SET {time} = ? WHERE {filter}{time} > ? AND {time} <= ?");
        let mut brought = 0;
        loop {
            let found = self.database.row(boundary.clone(), vec![limit.into(), (BATCH - 1).into()]).await?;
            let upto = found.as_ref().map_or(Ok(i64::MAX), tuple)?;
            let values = vec![now.as_millis().into(), limit.into(), upto.into()];
            brought += self.database.execute(update.clone(), values).await?.rows_affected();
            if found.is_none() {
                return Ok(brought);
            }
        }
    }

    async fn bring_back_orders(&self, now: Timestamp) -> StoreResult<u64> {
        let unpaid = code(OrderStatus::Unpaid);
        let put_off = i64::try_from(TIMER_PUT_OFF.as_millis()).unwrap_or(i64::MAX);
        let select = "SELECT order_no FROM orders WHERE status = ? AND due_at > ? AND due_at > expires_at + ? LIMIT ?";
        let values = vec![unpaid.into(), now.plus(TIMER_PUT_OFF).as_millis().into(), put_off.into(), BATCH.into()];
        let orders = self.database.rows(select, values).await?;
        let orders = orders.iter().map(tuple).collect::<StoreResult<Vec<i64>>>()?;
        if orders.is_empty() {
            return Ok(0);
        }
        let update =
            format!("UPDATE orders SET due_at = expires_at WHERE status = ? AND order_no IN ({})", placeholders(orders.len()));
        let mut values: Vec<Value> = vec![unpaid.into()];
        values.extend(padded(&orders).map(Value::from));
        self.database.execute(update, values).await?;
        // As many as were read: those that were paid meanwhile are not read again.
        Ok(u64::try_from(orders.len()).unwrap_or(u64::MAX))
    }
}
