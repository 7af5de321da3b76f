//! Everything that happened to an order or a SKU, read from all tables (`sluice trace`), across stores.

use sea_orm::Value;
use sluice_events::{MovementKind, slice_of};
use sluice_inventory::AdjustmentState;
use sluice_kernel::{OrderNo, PortResult, SkuId, Timestamp};
use sluice_order::{CancelReason, OrderStatus, PayType};
use sluice_partner::DeliveryState;
use sluice_pay::{PaymentStatus, RefundStatus};
use sluice_points::{PointsKind, TaskState};

use crate::{
    Database,
    error::{IntoPort as _, StoreResult},
    stored::{At, Stored},
    table::Places,
};

/// Lines of one kind at most; a SKU sold for years has millions.
const MAX_LINES: i64 = 1_000;
/// Texts that are searched at either end of the outbox, and among the newest dead letters.
const MAX_SEARCHED: i64 = 5_000;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceLine {
    pub at: Timestamp,
    /// `order`, `activity`, `key`, `movement`, `payment`, `notice`, `exception`, `refund`, `points`, `outbox`, `dead letter`, `adjustment`.
    pub what: &'static str,
    pub text: String,
}

pub struct SqlTraces {
    database: Database,
}

/// What a query is asked by.
#[derive(Debug, Clone, Copy)]
enum By {
    /// The number of the order or SKU.
    Number,
    /// The number of the order, the same as it is written, and the number again.
    NumberAndText,
    /// The names of all movements of an order's reservations: they begin with its number.
    Reservations,
}

/// A query whose first column is the time, and how the other columns of its rows are described, one after the other.
struct TraceQuery {
    what: &'static str,
    by: By,
    select: &'static str,
    describe: fn(&mut Places<'_>) -> StoreResult<String>,
}

const MOVEMENT: fn(&mut Places<'_>) -> StoreResult<String> = |row| {
    let kind = row.next::<Stored<MovementKind>>()?.0.as_str();
    let (quantity, sku, movement): (i64, i64, String) = (row.next()?, row.next()?, row.next()?);
    let reason = row.next::<Option<String>>()?.map(|reason| format!(", {reason}")).unwrap_or_default();
    let waits = if row.next()? { "" } else { " (waits for its predecessor)" };
    Ok(format!("{kind} {quantity} of SKU {sku} ({movement}{reason}){waits}"))
};

const OF_ORDER: [TraceQuery; 15] = [
    TraceQuery {
        what: "order",
        by: By::Number,
        select: "SELECT created_at, status, version, total, currency, refunded, attempt, user_id, store_id, expires_at, cancel_reason \
                 FROM orders WHERE order_no = ? LIMIT ?",
        describe: |row| {
            let status = row.next::<Stored<OrderStatus>>()?.0.as_str();
            let (version, total, currency): (i64, i64, String) = (row.next()?, row.next()?, row.next()?);
            let (refunded, attempt): (i64, i16) = (row.next()?, row.next()?);
            let (user, store): (String, i64) = (row.next()?, row.next()?);
            let (deadline, reason): (At, Option<Stored<CancelReason>>) = (row.next()?, row.next()?);
            let cancelled = reason.map(|reason| format!(", cancelled: {}", reason.0.as_str())).unwrap_or_default();
            Ok(format!(
                "placed by user {user} of store {store}, to be paid until {}; now {status} (version {version}, attempt {attempt}){cancelled}, \
                 total {total} {currency}, refunded {refunded}",
                deadline.0
            ))
        },
    },
    TraceQuery {
        what: "activity",
        by: By::Number,
        select: "SELECT o.created_at, a.activity_id, a.product_id, a.quantity, a.pay_type, a.discount, a.promoter, a.campaign_id \
                 FROM order_activities a JOIN orders o ON o.order_no = a.order_no WHERE a.order_no = ? LIMIT ?",
        describe: |row| {
            let (activity, product, quantity): (i64, i64, i64) = (row.next()?, row.next()?, row.next()?);
            let (paid_in, discount): (Stored<PayType>, String) = (row.next()?, row.next()?);
            let paid_in = paid_in.0.as_str();
            let promoter = row.next::<Option<String>>()?.map(|promoter| format!(", promoter {promoter}")).unwrap_or_default();
            let campaign = row.next::<Option<i64>>()?.map(|campaign| format!(", campaign {campaign}")).unwrap_or_default();
            Ok(format!(
                "{quantity} of product {product} of activity {activity} for {paid_in}, discount {discount}{promoter}{campaign}"
            ))
        },
    },
    TraceQuery {
        what: "key",
        by: By::Number,
        select: "SELECT created_at, order_no FROM orders WHERE order_no = ? AND key_scope IS NOT NULL LIMIT ?",
        describe: |_| Ok("the order's idempotency key was claimed".to_owned()),
    },
    TraceQuery {
        what: "key",
        by: By::Number,
        // Keys of later requests have no index by order: their payments and refunds tell of them.
        select: "SELECT k.created_at, k.order_no FROM orders o JOIN idempotency_keys k ON k.created_at = o.created_at \
                 WHERE o.order_no = ? AND k.order_no = o.order_no LIMIT ?",
        describe: |_| Ok("its cart was claimed".to_owned()),
    },
    TraceQuery {
        what: "movement",
        by: By::Reservations,
        select: "SELECT at, kind, quantity, sku_id, movement_id, reason, applied FROM stock_ledger \
                 WHERE movement_id >= ? AND movement_id < ? ORDER BY id LIMIT ?",
        describe: MOVEMENT,
    },
    TraceQuery {
        what: "movement",
        by: By::Number,
        select: "SELECT l.at, l.kind, l.quantity, l.sku_id, l.movement_id, l.reason, l.applied FROM order_refunds r \
                 JOIN stock_ledger l ON l.movement_id = r.refund_id WHERE r.order_no = ? ORDER BY l.id LIMIT ?",
        describe: MOVEMENT,
    },
    TraceQuery {
        what: "payment",
        by: By::Number,
        select: "SELECT created_at, payment_id, provider, status, amount, currency, refunded FROM payments WHERE order_no = ? ORDER BY created_at LIMIT ?",
        describe: |row| {
            let (id, provider, status): (String, String, Stored<PaymentStatus>) = (row.next()?, row.next()?, row.next()?);
            let (amount, currency, refunded): (i64, String, i64) = (row.next()?, row.next()?, row.next()?);
            Ok(format!("{id} at {provider}: {}, {amount} {currency}, refunded {refunded}", status.0.as_str()))
        },
    },
    TraceQuery {
        what: "notice",
        by: By::Number,
        select: "SELECT n.at, n.provider, n.event_id, n.payment_id, n.status, n.amount, n.currency FROM payments p \
                 JOIN payment_notices n ON n.payment_id = p.payment_id AND n.provider = p.provider WHERE p.order_no = ? ORDER BY n.at LIMIT ?",
        describe: |row| {
            let (provider, event, payment): (String, String, String) = (row.next()?, row.next()?, row.next()?);
            let (status, amount, currency): (Stored<PaymentStatus>, i64, String) = (row.next()?, row.next()?, row.next()?);
            Ok(format!("{provider} said in {event} that {payment} is {}, {amount} {currency}", status.0.as_str()))
        },
    },
    TraceQuery {
        what: "refund",
        by: By::Number,
        select: "SELECT created_at, refund_id, payment_id, amount, currency, status, reason FROM refunds WHERE order_no = ? ORDER BY created_at LIMIT ?",
        describe: |row| {
            let (id, payment, amount): (String, String, i64) = (row.next()?, row.next()?, row.next()?);
            let (currency, status, reason): (String, Stored<RefundStatus>, String) = (row.next()?, row.next()?, row.next()?);
            Ok(format!("{id} of payment {payment}: {amount} {currency}, {} ({reason})", status.0.as_str()))
        },
    },
    TraceQuery {
        what: "refund",
        by: By::Number,
        select: "SELECT at, refund_id, amount FROM order_refunds WHERE order_no = ? ORDER BY at LIMIT ?",
        describe: |row| Ok(format!("{} took effect on the order: {}", row.next::<String>()?, row.next::<i64>()?)),
    },
    TraceQuery {
        what: "points",
        by: By::Number,
        select: "SELECT created_at, kind, business_id, user_id, points, state, attempts, answer FROM points_tasks \
                 WHERE order_no = ? ORDER BY created_at LIMIT ?",
        describe: |row| {
            let kind = row.next::<Stored<PointsKind>>()?.0.as_str();
            let (name, user, points): (String, String, i64) = (row.next()?, row.next()?, row.next()?);
            let (state, attempts): (Stored<TaskState>, i32) = (row.next()?, row.next()?);
            let answer = row.next::<Option<String>>()?.map(|answer| format!(": {answer}")).unwrap_or_default();
            Ok(format!("{kind} {points} points of user {user} ({name}): {}{answer}, asked {attempts} times", points_state(state.0)))
        },
    },
    TraceQuery {
        what: "points",
        by: By::Number,
        select: "SELECT l.at, l.kind, l.points, l.balance_after, l.user_id FROM points_tasks t JOIN points_ledger l \
                 ON l.business_id = t.business_id AND l.kind = t.kind AND l.store_id = t.store_id AND l.user_id = t.user_id \
                 WHERE t.order_no = ? AND l.refused = FALSE ORDER BY l.id LIMIT ?",
        describe: |row| {
            let kind = row.next::<Stored<PointsKind>>()?.0.as_str();
            let (points, balance, user): (i64, i64, String) = (row.next()?, row.next()?, row.next()?);
            Ok(format!("the ledger moved {points:+} points of user {user} ({kind}), balance {balance}"))
        },
    },
    TraceQuery {
        what: "exception",
        // Of its payments, whatever order they were told for; and of the order, whose points have no payment.
        by: By::NumberAndText,
        select: "SELECT e.at, e.kind, e.payment_id, e.detail FROM payments p JOIN payment_exceptions e ON e.payment_id = p.payment_id \
                 WHERE p.order_no = ? \
                 UNION SELECT e.at, e.kind, e.payment_id, e.detail FROM orders o \
                 JOIN payment_exceptions e ON e.store_id = o.store_id AND e.order_no = ? WHERE o.order_no = ? ORDER BY at LIMIT ?",
        describe: |row| Ok(format!("{} of payment {}: {}", row.next::<String>()?, row.next::<String>()?, row.next::<String>()?)),
    },
    TraceQuery {
        what: "order",
        by: By::Number,
        select: "SELECT at, store_id FROM payment_closures WHERE order_no = ? LIMIT ?",
        describe: |_| Ok("takes no payment from here on".to_owned()),
    },
    TraceQuery {
        what: "push",
        by: By::Number,
        select: "SELECT created_at, delivery_id, event_type, subscription_id, state, tries, last_status, last_error, last_try_at \
                 FROM webhook_deliveries WHERE order_no = ? ORDER BY seq LIMIT ?",
        describe: |row| {
            let (id, kind, subscription): (String, String, i64) = (row.next()?, row.next()?, row.next()?);
            let (state, tries, status): (Stored<DeliveryState>, i32, Option<i16>) = (row.next()?, row.next()?, row.next()?);
            let (error, tried): (Option<String>, Option<i64>) = (row.next()?, row.next()?);
            let last = match (tried, status, error) {
                (None, ..) => String::new(),
                (Some(at), Some(status), None) => format!(", last at {}: {status}", Timestamp::from_millis(at)),
                (Some(at), _, error) => format!(", last at {}: {}", Timestamp::from_millis(at), error.unwrap_or_default()),
            };
            Ok(format!("{kind} {id} to subscription {subscription}: {}, {tries} tries{last}", state.0.as_str()))
        },
    },
];

const OF_SKU: [TraceQuery; 3] = [
    TraceQuery {
        what: "adjustment",
        by: By::Number,
        select: "SELECT at, delta, reason, status FROM stock_adjustments WHERE sku_id = ? ORDER BY at DESC LIMIT ?",
        describe: |row| {
            let (delta, reason, state): (i64, String, Stored<AdjustmentState>) = (row.next()?, row.next()?, row.next()?);
            let state = match state.0 {
                AdjustmentState::Pending => "pending",
                AdjustmentState::Done => "done",
                AdjustmentState::Rejected => "rejected",
            };
            Ok(format!("{delta:+} units, {state} ({reason})"))
        },
    },
    TraceQuery {
        what: "movement",
        by: By::Number,
        select: "SELECT at, kind, quantity, sku_id, movement_id, reason, applied FROM stock_ledger \
                 WHERE applied = TRUE AND sku_id = ? ORDER BY id DESC LIMIT ?",
        describe: MOVEMENT,
    },
    TraceQuery {
        what: "movement",
        by: By::Number,
        select: "SELECT at, kind, quantity, sku_id, movement_id, reason, applied FROM stock_ledger \
                 WHERE applied = FALSE AND sku_id = ? ORDER BY id DESC LIMIT ?",
        describe: MOVEMENT,
    },
];

fn points_state(state: TaskState) -> &'static str {
    match state {
        TaskState::Pending => "waits for an answer",
        TaskState::Done => "done",
        TaskState::Refused => "refused",
    }
}

impl SqlTraces {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Empty where no store has such an order.
    pub async fn of_order(&self, order: OrderNo) -> PortResult<Vec<TraceLine>> {
        self.trace_order(order).await.into_port("tracing an order")
    }

    /// Newest movements and adjustments, in the order they happened. Empty where nothing ever did.
    pub async fn of_sku(&self, sku: SkuId) -> PortResult<Vec<TraceLine>> {
        self.trace(&OF_SKU, sku.0, &[]).await.into_port("tracing a SKU")
    }

    async fn trace_order(&self, order: OrderNo) -> StoreResult<Vec<TraceLine>> {
        let number = order.to_string();
        // '.' follows '-', which follows the number in the name of every reservation.
        let reservations = [format!("{number}-").into(), format!("{number}.").into()];
        let mut lines = self.trace(&OF_ORDER, order.id(), &reservations).await?;
        let text: Value = format!("%{number}%").into();
        let slice: Value = i32::from(slice_of(&number)).into();
        let oldest = "SELECT available_at, id FROM outbox WHERE id < (SELECT MIN(id) FROM outbox) + ? AND id > ? \
                      AND slice = ? AND payload LIKE ? ORDER BY id LIMIT ?";
        let newest = "SELECT available_at, id FROM outbox WHERE id > (SELECT MAX(id) FROM outbox) - ? AND id > ? \
                      AND slice = ? AND payload LIKE ? ORDER BY id LIMIT ?";
        let mut seen = 0_i64;
        for outbox in [oldest, newest] {
            let values = vec![MAX_SEARCHED.into(), seen.into(), slice.clone(), text.clone(), MAX_LINES.into()];
            for row in self.database.rows(outbox, values).await? {
                let row = &mut Places::of(&row);
                let Stored(at): At = row.next()?;
                seen = row.next()?;
                lines.push(TraceLine { at, what: "outbox", text: format!("row {seen} waits to be published") });
            }
        }
        let dead = "SELECT at, consumer, event_id, event_type, attempts, error_code FROM dead_letters \
                    WHERE id > (SELECT MAX(id) FROM dead_letters) - ? AND data LIKE ? ORDER BY id LIMIT ?";
        for row in self.database.rows(dead, vec![MAX_SEARCHED.into(), text, MAX_LINES.into()]).await? {
            let row = &mut Places::of(&row);
            let (Stored(at), consumer): (At, String) = (row.next()?, row.next()?);
            let (event, kind): (String, String) = (row.next()?, row.next()?);
            let (attempts, code): (i32, String) = (row.next()?, row.next()?);
            let text = format!("{consumer} gave {kind} {event} up after {attempts} attempts: {code}");
            lines.push(TraceLine { at, what: "dead letter", text });
        }
        lines.sort_by_key(|line| line.at);
        Ok(lines)
    }

    /// `reservations`: what the names of the movements of an order's reservations lie between.
    async fn trace(&self, queries: &[TraceQuery], number: i64, reservations: &[Value]) -> StoreResult<Vec<TraceLine>> {
        let mut lines = Vec::new();
        for query in queries {
            let mut values = match query.by {
                By::Number => vec![number.into()],
                By::NumberAndText => vec![number.into(), OrderNo::from_id(number).to_string().into(), number.into()],
                By::Reservations => reservations.to_vec(),
            };
            values.push(MAX_LINES.into());
            for row in self.database.rows(query.select, values).await? {
                let row = &mut Places::of(&row);
                let Stored(at): At = row.next()?;
                // A code that this version does not know spoils its own line alone.
                let text = (query.describe)(row).unwrap_or_else(|error| format!("cannot be read: {error}"));
                lines.push(TraceLine { at, what: query.what, text });
            }
        }
        lines.sort_by_key(|line| line.at);
        Ok(lines)
    }
}
