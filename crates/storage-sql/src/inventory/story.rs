//! Everything that happened to an order or a SKU, read from all tables (`sluice trace`), across stores.

use sea_orm::{QueryResult, Value};
use sluice_events::slice_of;
use sluice_kernel::{OrderNo, PortResult, SkuId, Timestamp};

use super::stock::kind_of;
use crate::{Database, error::StoreResult, member::points_kind, multi_row::column, order::status_of};

/// Lines of one kind at most; a SKU sold for years has millions.
const MOST_LINES: i64 = 1_000;
/// Texts that are searched at either end of the outbox, and among the newest dead letters.
const MAX_SEARCHED: i64 = 5_000;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoryLine {
    pub at: Timestamp,
    /// `order`, `activity`, `key`, `movement`, `payment`, `notice`, `exception`, `refund`, `points`, `outbox`, `dead letter`, `adjustment`.
    pub what: &'static str,
    pub text: String,
}

pub struct SqlStories {
    database: Database,
}

/// What a query is asked by.
#[derive(Debug, Clone, Copy)]
enum By {
    /// The number of the order or SKU.
    Number,
    /// The names of all movements of an order's reservations: they begin with its number.
    Reservations,
}

/// A query whose first column is the time, and how its rows are told.
struct Chapter {
    what: &'static str,
    by: By,
    select: &'static str,
    tell: fn(&QueryResult) -> StoreResult<String>,
}

const MOVEMENT: fn(&QueryResult) -> StoreResult<String> = |row| {
    let kind = kind_of(column(row, 1)?)?.as_str();
    let (quantity, sku, movement): (i64, i64, String) = (column(row, 2)?, column(row, 3)?, column(row, 4)?);
    let reason = column::<Option<String>>(row, 5)?.map(|reason| format!(", {reason}")).unwrap_or_default();
    let waits = if column(row, 6)? { "" } else { " (waits for its predecessor)" };
    Ok(format!("{kind} {quantity} of SKU {sku} ({movement}{reason}){waits}"))
};

const OF_ORDER: [Chapter; 15] = [
    Chapter {
        what: "order",
        by: By::Number,
        select: "SELECT created_at, status, version, total, currency, refunded, attempt, user_id, store_id FROM orders WHERE order_no = ? LIMIT ?",
        tell: |row| {
            let status = status_of(column(row, 1)?)?.as_str();
            let (version, total, currency): (i64, i64, String) = (column(row, 2)?, column(row, 3)?, column(row, 4)?);
            let (refunded, attempt): (i64, i16) = (column(row, 5)?, column(row, 6)?);
            let (user, store): (String, i64) = (column(row, 7)?, column(row, 8)?);
            Ok(format!(
                "placed by user {user} of store {store}; now {status} (version {version}, attempt {attempt}), total {total} {currency}, refunded {refunded}"
            ))
        },
    },
    Chapter {
        what: "activity",
        by: By::Number,
        select: "SELECT o.created_at, a.activity_id, a.product_id, a.quantity, a.pay_type, a.discount, a.promoter, a.campaign_id \
                 FROM order_activities a JOIN orders o ON o.order_no = a.order_no WHERE a.order_no = ? LIMIT ?",
        tell: |row| {
            let (activity, product, quantity): (i64, i64, i64) = (column(row, 1)?, column(row, 2)?, column(row, 3)?);
            let (pay_type, discount): (i16, String) = (column(row, 4)?, column(row, 5)?);
            let paid_in = if pay_type == 1 { "cash" } else { "points" };
            let promoter = column::<Option<String>>(row, 6)?.map(|promoter| format!(", promoter {promoter}")).unwrap_or_default();
            let campaign = column::<Option<i64>>(row, 7)?.map(|campaign| format!(", campaign {campaign}")).unwrap_or_default();
            Ok(format!(
                "{quantity} of product {product} of activity {activity} for {paid_in}, discount {discount}{promoter}{campaign}"
            ))
        },
    },
    Chapter {
        what: "key",
        by: By::Number,
        select: "SELECT created_at, order_no FROM orders WHERE order_no = ? AND key_scope IS NOT NULL LIMIT ?",
        tell: |_| Ok("the order's idempotency key was claimed".to_owned()),
    },
    Chapter {
        what: "key",
        by: By::Number,
        // Keys of later requests have no index by order: their payments and refunds tell of them.
        select: "SELECT k.created_at, k.order_no FROM orders o JOIN idempotency_keys k ON k.created_at = o.created_at \
                 WHERE o.order_no = ? AND k.order_no = o.order_no LIMIT ?",
        tell: |_| Ok("its cart was claimed".to_owned()),
    },
    Chapter {
        what: "movement",
        by: By::Reservations,
        select: "SELECT at, kind, quantity, sku_id, movement_id, reason, applied FROM stock_ledger \
                 WHERE movement_id >= ? AND movement_id < ? ORDER BY id LIMIT ?",
        tell: MOVEMENT,
    },
    Chapter {
        what: "movement",
        by: By::Number,
        select: "SELECT l.at, l.kind, l.quantity, l.sku_id, l.movement_id, l.reason, l.applied FROM order_refunds r \
                 JOIN stock_ledger l ON l.movement_id = r.refund_id WHERE r.order_no = ? ORDER BY l.id LIMIT ?",
        tell: MOVEMENT,
    },
    Chapter {
        what: "payment",
        by: By::Number,
        select: "SELECT created_at, payment_id, provider, status, amount, currency, refunded FROM payments WHERE order_no = ? ORDER BY created_at LIMIT ?",
        tell: |row| {
            let (id, provider, status): (String, String, i16) = (column(row, 1)?, column(row, 2)?, column(row, 3)?);
            let (amount, currency, refunded): (i64, String, i64) = (column(row, 4)?, column(row, 5)?, column(row, 6)?);
            Ok(format!("{id} at {provider}: {}, {amount} {currency}, refunded {refunded}", payment_status(status)))
        },
    },
    Chapter {
        what: "notice",
        by: By::Number,
        select: "SELECT n.at, n.provider, n.event_id, n.payment_id, n.status, n.amount, n.currency FROM payments p \
                 JOIN payment_notices n ON n.payment_id = p.payment_id AND n.provider = p.provider WHERE p.order_no = ? ORDER BY n.at LIMIT ?",
        tell: |row| {
            let (provider, event, payment): (String, String, String) = (column(row, 1)?, column(row, 2)?, column(row, 3)?);
            let (status, amount, currency): (i16, i64, String) = (column(row, 4)?, column(row, 5)?, column(row, 6)?);
            Ok(format!("{provider} said in {event} that {payment} is {}, {amount} {currency}", payment_status(status)))
        },
    },
    Chapter {
        what: "refund",
        by: By::Number,
        select: "SELECT created_at, refund_id, payment_id, amount, currency, status, reason FROM refunds WHERE order_no = ? ORDER BY created_at LIMIT ?",
        tell: |row| {
            let (id, payment, amount): (String, String, i64) = (column(row, 1)?, column(row, 2)?, column(row, 3)?);
            let (currency, status, reason): (String, i16, String) = (column(row, 4)?, column(row, 5)?, column(row, 6)?);
            let state = if status == 1 { "done" } else { "asked" };
            Ok(format!("{id} of payment {payment}: {amount} {currency}, {state} ({reason})"))
        },
    },
    Chapter {
        what: "refund",
        by: By::Number,
        select: "SELECT at, refund_id, amount FROM order_refunds WHERE order_no = ? ORDER BY at LIMIT ?",
        tell: |row| Ok(format!("{} took effect on the order: {}", column::<String>(row, 1)?, column::<i64>(row, 2)?)),
    },
    Chapter {
        what: "points",
        by: By::Number,
        select: "SELECT created_at, kind, business_id, user_id, points, state, attempts, answer FROM points_tasks \
                 WHERE order_no = ? ORDER BY created_at LIMIT ?",
        tell: |row| {
            let kind = points_kind(column(row, 1)?)?.as_str();
            let (name, user, points): (String, String, i64) = (column(row, 2)?, column(row, 3)?, column(row, 4)?);
            let (state, attempts): (i16, i32) = (column(row, 5)?, column(row, 6)?);
            let answer = column::<Option<String>>(row, 7)?.map(|answer| format!(": {answer}")).unwrap_or_default();
            Ok(format!("{kind} {points} points of user {user} ({name}): {}{answer}, asked {attempts} times", points_state(state)))
        },
    },
    Chapter {
        what: "points",
        by: By::Number,
        select: "SELECT l.at, l.kind, l.points, l.balance_after, l.user_id FROM points_tasks t JOIN points_ledger l \
                 ON l.business_id = t.business_id AND l.kind = t.kind AND l.store_id = t.store_id AND l.user_id = t.user_id \
                 WHERE t.order_no = ? AND l.refused = FALSE ORDER BY l.id LIMIT ?",
        tell: |row| {
            let kind = points_kind(column(row, 1)?)?.as_str();
            let (points, balance, user): (i64, i64, String) = (column(row, 2)?, column(row, 3)?, column(row, 4)?);
            Ok(format!("the ledger moved {points:+} points of user {user} ({kind}), balance {balance}"))
        },
    },
    Chapter {
        what: "exception",
        by: By::Number,
        select: "SELECT e.at, e.kind, e.payment_id, e.detail FROM payments p JOIN payment_exceptions e ON e.payment_id = p.payment_id \
                 WHERE p.order_no = ? ORDER BY e.at LIMIT ?",
        tell: |row| {
            Ok(format!("{} of payment {}: {}", column::<String>(row, 1)?, column::<String>(row, 2)?, column::<String>(row, 3)?))
        },
    },
    Chapter {
        what: "order",
        by: By::Number,
        select: "SELECT at, store_id FROM payment_closures WHERE order_no = ? LIMIT ?",
        tell: |_| Ok("takes no payment from here on".to_owned()),
    },
    Chapter {
        what: "push",
        by: By::Number,
        select: "SELECT created_at, delivery_id, event_type, subscription_id, state, tries, last_status, last_error, last_try_at \
                 FROM webhook_deliveries WHERE order_no = ? ORDER BY seq LIMIT ?",
        tell: |row| {
            let (id, kind, subscription): (String, String, i64) = (column(row, 1)?, column(row, 2)?, column(row, 3)?);
            let (state, tries, status): (i16, i32, Option<i16>) = (column(row, 4)?, column(row, 5)?, column(row, 6)?);
            let (error, tried): (Option<String>, Option<i64>) = (column(row, 7)?, column(row, 8)?);
            let last = match (tried, status, error) {
                (None, ..) => String::new(),
                (Some(at), Some(status), None) => format!(", last at {}: {status}", Timestamp::from_millis(at)),
                (Some(at), _, error) => format!(", last at {}: {}", Timestamp::from_millis(at), error.unwrap_or_default()),
            };
            Ok(format!("{kind} {id} to subscription {subscription}: {}, {tries} tries{last}", push_state(state)))
        },
    },
];

const OF_SKU: [Chapter; 3] = [
    Chapter {
        what: "adjustment",
        by: By::Number,
        select: "SELECT at, delta, reason, status FROM stock_adjustments WHERE sku_id = ? ORDER BY at DESC LIMIT ?",
        tell: |row| {
            let state = match column::<i16>(row, 3)? {
                0 => "pending",
                1 => "done",
                _ => "rejected",
            };
            Ok(format!("{:+} units, {state} ({})", column::<i64>(row, 1)?, column::<String>(row, 2)?))
        },
    },
    Chapter {
        what: "movement",
        by: By::Number,
        select: "SELECT at, kind, quantity, sku_id, movement_id, reason, applied FROM stock_ledger \
                 WHERE applied = TRUE AND sku_id = ? ORDER BY id DESC LIMIT ?",
        tell: MOVEMENT,
    },
    Chapter {
        what: "movement",
        by: By::Number,
        select: "SELECT at, kind, quantity, sku_id, movement_id, reason, applied FROM stock_ledger \
                 WHERE applied = FALSE AND sku_id = ? ORDER BY id DESC LIMIT ?",
        tell: MOVEMENT,
    },
];

fn push_state(code: i16) -> &'static str {
    match code {
        0 => "pending",
        1 => "delivered",
        2 => "exhausted",
        _ => "unknown",
    }
}

fn payment_status(code: i16) -> &'static str {
    match code {
        1 => "pending",
        2 => "paid",
        3 => "failed",
        4 => "closed",
        _ => "unknown",
    }
}

fn points_state(code: i16) -> &'static str {
    match code {
        1 => "waits for an answer",
        2 => "done",
        3 => "refused",
        _ => "unknown",
    }
}

impl SqlStories {
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Empty where no store has such an order.
    pub async fn of_order(&self, order: OrderNo) -> PortResult<Vec<StoryLine>> {
        self.tell_order(order).await.map_err(|error| error.into_port("tracing an order"))
    }

    /// Newest movements and adjustments, in the order they happened. Empty where nothing ever did.
    pub async fn of_sku(&self, sku: SkuId) -> PortResult<Vec<StoryLine>> {
        self.tell(&OF_SKU, sku.0, &[]).await.map_err(|error| error.into_port("tracing a SKU"))
    }

    async fn tell_order(&self, order: OrderNo) -> StoreResult<Vec<StoryLine>> {
        let number = order.to_string();
        // '.' follows '-', which follows the number in the name of every reservation.
        let reservations = [format!("{number}-").into(), format!("{number}.").into()];
        let mut story = self.tell(&OF_ORDER, order.id(), &reservations).await?;
        let text: Value = format!("%{number}%").into();
        let slice: Value = i32::from(slice_of(&number)).into();
        let oldest = "SELECT available_at, id FROM outbox WHERE id < (SELECT MIN(id) FROM outbox) + ? AND id > ? \
                      AND slice = ? AND payload LIKE ? ORDER BY id LIMIT ?";
        let newest = "SELECT available_at, id FROM outbox WHERE id > (SELECT MAX(id) FROM outbox) - ? AND id > ? \
                      AND slice = ? AND payload LIKE ? ORDER BY id LIMIT ?";
        let mut told = 0_i64;
        for outbox in [oldest, newest] {
            let values = vec![MAX_SEARCHED.into(), told.into(), slice.clone(), text.clone(), MOST_LINES.into()];
            for row in self.database.rows(outbox, values).await? {
                told = column(&row, 1)?;
                let text = format!("row {told} waits to be published");
                story.push(StoryLine { at: Timestamp::from_millis(column(&row, 0)?), what: "outbox", text });
            }
        }
        let dead = "SELECT at, consumer, event_id, event_type, attempts, error_code FROM dead_letters \
                    WHERE id > (SELECT MAX(id) FROM dead_letters) - ? AND data LIKE ? ORDER BY id LIMIT ?";
        for row in self.database.rows(dead, vec![MAX_SEARCHED.into(), text, MOST_LINES.into()]).await? {
            let (consumer, event, kind): (String, String, String) = (column(&row, 1)?, column(&row, 2)?, column(&row, 3)?);
            let (attempts, code): (i32, String) = (column(&row, 4)?, column(&row, 5)?);
            let text = format!("{consumer} gave {kind} {event} up after {attempts} attempts: {code}");
            story.push(StoryLine { at: Timestamp::from_millis(column(&row, 0)?), what: "dead letter", text });
        }
        story.sort_by_key(|line| line.at);
        Ok(story)
    }

    /// `reservations`: what the names of the movements of an order's reservations lie between.
    async fn tell(&self, chapters: &[Chapter], number: i64, reservations: &[Value]) -> StoreResult<Vec<StoryLine>> {
        let mut story = Vec::new();
        for chapter in chapters {
            let mut values = match chapter.by {
                By::Number => vec![number.into()],
                By::Reservations => reservations.to_vec(),
            };
            values.push(MOST_LINES.into());
            for row in self.database.rows(chapter.select, values).await? {
                let text = (chapter.tell)(&row)?;
                story.push(StoryLine { at: Timestamp::from_millis(column(&row, 0)?), what: chapter.what, text });
            }
        }
        story.sort_by_key(|line| line.at);
        Ok(story)
    }
}
