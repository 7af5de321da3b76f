//! What a clock that was ahead has written is not waited for when the clock is right again.

use std::{collections::BTreeSet, time::Duration};

use sluice_events::{OutboxStore as _, SLICES};
use sluice_kernel::{StoreId, Timestamp, UserId};
use sluice_member::{CodeLimits, CodeRepository as _, NewCode, SendOutcome};
use sluice_order::OrderRepository as _;
use sluice_partner::DeliveryQueue as _;
use sluice_pay::{RefundRepository as _, SandboxChannels as _};
use sluice_points::PointsTasks as _;
use sluice_storage_sql::{
    LongestPauses, SqlCodeRepository, SqlDeliveryQueue, SqlFutureTimes, SqlNodeLease, SqlOrderRepository, SqlOutboxStore,
    SqlPointsTasks, SqlRefundRepository, SqlSandboxChannels, SqlSeenTimes, StockMode,
};

use crate::databases::{Beside, TestDatabase, on_every_database};

on_every_database!(
    a_code_of_the_future_is_no_reason_to_wait,
    a_leap_of_the_clock_purges_no_more_than_a_step,
    facts_of_the_future_leave_at_once,
    leases_of_a_clock_that_was_ahead_are_taken_over,
    node_numbers_used_in_the_future_stay_unused,
    orders_whose_points_are_asked_for_are_not_left_until_the_future,
    pauses_within_what_is_known_are_kept,
    the_database_tells_the_time,
    timers_of_the_future_ring_at_the_deadline,
    what_waits_for_a_time_of_the_future_is_looked_at,
);

const NOW: i64 = 1_790_000_000_000;
const SECOND: i64 = 1_000;
const HOUR: i64 = 3_600_000;
const LONGEST: LongestPauses =
    LongestPauses { points: Duration::from_secs(15), target: Duration::from_mins(5), message: Duration::from_hours(1) };

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn future_times(test: &TestDatabase) -> SqlFutureTimes {
    SqlFutureTimes::new(test.database.clone(), LONGEST)
}

async fn the_database_tells_the_time(test: &TestDatabase) {
    let here = sluice_kernel::Clock::now(&sluice_kernel::SystemClock);
    let there = test.database.time().await.unwrap();
    assert!(there.since(here).max(here.since(there)) < Duration::from_secs(5), "{here} and {there}");
}

async fn leases_of_a_clock_that_was_ahead_are_taken_over(test: &TestDatabase) {
    let outbox = SqlOutboxStore::new(test.database.clone());
    let ttl = Duration::from_secs(3);
    assert_eq!(outbox.lease("ahead", SLICES, at(NOW + HOUR), ttl).await.unwrap().len(), 16);
    assert_eq!(outbox.lease("right", SLICES, at(NOW), ttl).await.unwrap().len(), 0);
    assert!(future_times(test).bring_back(at(NOW)).await.unwrap() >= 16);
    assert_eq!(outbox.lease("right", SLICES, at(NOW), ttl).await.unwrap().len(), 16);
    // Those are leases as they should be.
    assert_eq!(future_times(test).bring_back(at(NOW)).await.unwrap(), 0);
    assert_eq!(outbox.lease("another", SLICES, at(NOW + SECOND), ttl).await.unwrap().len(), 0);
}

async fn facts_of_the_future_leave_at_once(test: &TestDatabase) {
    let (outbox, beside) = (SqlOutboxStore::new(test.database.clone()), test.beside().await);
    for (available, payload) in [(NOW + HOUR, "first"), (NOW, "second"), (NOW + 30 * SECOND, "put off")] {
        let insert = "INSERT INTO outbox (slice, available_at, payload, traceparent) VALUES (3, ?, ?, NULL)";
        beside.execute(insert, vec![available.into(), payload.into()]).await;
    }
    let pending = async |now| -> Vec<String> {
        outbox.pending(&[3], at(now), 10).await.unwrap().into_iter().map(|row| row.payload).collect()
    };
    assert_eq!(pending(NOW).await, ["first", "second"]);
    assert_eq!(pending(NOW + 30 * SECOND).await, ["first", "second", "put off"]);
}

async fn plant_waiting(beside: &Beside, when: i64) {
    let subscription = "INSERT INTO webhook_subscriptions (id, store_id, url, event_types, secret, active, deleted, version, created_at, \
         failures, resume_at, lease, leased_until) VALUES (1, 1, 'https://a', 'referral', 's', TRUE, FALSE, 1, 0, 0, ?, 'gone', ?)";
    beside.execute(subscription, vec![when.into(), when.into()]).await;
    let delivery = "INSERT INTO webhook_deliveries (seq, delivery_id, subscription_id, store_id, event_id, event_type, order_no, body, \
         state, tries, blamed, created_at, since_at, next_try_at) VALUES (1, 'm', 1, 1, 'e', 'referral', 1, '{}', 0, 0, 0, 0, 0, ?)";
    beside.execute(delivery, vec![when.into()]).await;
    let task = "INSERT INTO points_tasks (kind, business_id, store_id, user_id, points, currency, reason, state, attempts, next_try_at, \
         created_at) VALUES (1, '7', 1, '42', 5, 'CNY', 'order', 1, 0, ?, 0)";
    beside.execute(task, vec![when.into()]).await;
    let channel = "INSERT INTO sandbox_channels (payment_id, outcome, notice_id, at, delivered_at) VALUES ('p', 1, 'n', ?, NULL)";
    beside.execute(channel, vec![when.into()]).await;
    let refund = "INSERT INTO refunds (refund_id, payment_id, order_no, store_id, amount, currency, status, reason, restock, created_at, \
         next_try_at) VALUES ('r', 'p', 7, 1, 5, 'CNY', 0, 'why', '[]', 0, ?)";
    beside.execute(refund, vec![when.into()]).await;
    let adjustment =
        "INSERT INTO stock_adjustments (id, store_id, sku_id, delta, reason, status, at) VALUES ('a', 1, 1, 5, 'receipt', 0, ?)";
    beside.execute(adjustment, vec![when.into()]).await;
}

/// What can be gone on with: targets, deliveries, points tasks, callbacks that are owed, refunds.
async fn looked_at(test: &TestDatabase, now: Timestamp) -> [usize; 5] {
    let queue = SqlDeliveryQueue::new(test.database.clone());
    let points = SqlPointsTasks::new(test.database.clone());
    let (until, before) = (now.plus(Duration::from_secs(10)), now.plus(Duration::from_millis(1)));
    let targets = queue.lease("me", now, until, 10).await.unwrap();
    [
        targets.len(),
        queue.due(sluice_partner::SubscriptionId(1), now, 10).await.unwrap().len(),
        points.lease(10, "me", now, until).await.unwrap().len(),
        SqlSandboxChannels::new(test.database.clone()).undelivered(before, 10).await.unwrap().len(),
        SqlRefundRepository::new(test.database.clone()).claim(10, now, until).await.unwrap().len(),
    ]
}

async fn what_waits_for_a_time_of_the_future_is_looked_at(test: &TestDatabase) {
    let beside = test.beside().await;
    plant_waiting(&beside, NOW + 2 * HOUR).await;
    assert_eq!(looked_at(test, at(NOW)).await, [0; 5]);
    assert_eq!(future_times(test).bring_back(at(NOW)).await.unwrap(), 7);
    assert_eq!(looked_at(test, at(NOW)).await, [1; 5]);
    assert_eq!(beside.number("SELECT at FROM stock_adjustments").await, NOW);
}

async fn pauses_within_what_is_known_are_kept(test: &TestDatabase) {
    let beside = test.beside().await;
    plant_waiting(&beside, NOW).await;
    let pauses = [
        ("webhook_subscriptions", "resume_at", 5 * 60 * SECOND),
        ("webhook_subscriptions", "leased_until", 60 * SECOND),
        ("webhook_deliveries", "next_try_at", HOUR),
        ("points_tasks", "next_try_at", 15 * SECOND),
    ];
    for (table, column, pause) in pauses {
        beside.execute(&format!("UPDATE {table} SET {column} = ?"), vec![(NOW + pause).into()]).await;
    }
    assert_eq!(future_times(test).bring_back(at(NOW)).await.unwrap(), 0);
    for (table, column, pause) in pauses {
        assert_eq!(beside.number(&format!("SELECT {column} FROM {table}")).await, NOW + pause, "{table}.{column}");
    }
    // What has ended waits for nothing and is left as it stands.
    beside.execute("UPDATE points_tasks SET state = 2, next_try_at = ?", vec![(NOW + HOUR).into()]).await;
    assert_eq!(future_times(test).bring_back(at(NOW)).await.unwrap(), 0);
}

const INSERT_ORDER: &str = "INSERT INTO orders (order_no, store_id, user_id, kind, status, attempt, currency, total, points_total, \
                            profit_total, refunded, refund_state, created_at, expires_at, due_at, redirect_type, version) \
                            VALUES (?, 1, '42', 1, ?, 1, 'CNY', 1990, 0, 0, 0, 0, 0, ?, ?, '2', 0)";

async fn orders_whose_points_are_asked_for_are_not_left_until_the_future(test: &TestDatabase) {
    let beside = test.beside().await;
    let confirming = 2_i16;
    for (order, due) in [(1, NOW + HOUR), (2, NOW + 4 * 60 * SECOND)] {
        beside.execute(INSERT_ORDER, vec![order.into(), confirming.into(), (NOW + HOUR).into(), due.into()]).await;
    }
    assert_eq!(future_times(test).bring_back(at(NOW)).await.unwrap(), 1);
    let orders = SqlOrderRepository::new(test.database.clone(), StockMode::InCommit);
    let claimed = orders.claim_confirming(at(NOW), at(NOW + SECOND), 10).await.unwrap();
    assert_eq!(claimed.iter().map(|(order, _)| order.id()).collect::<Vec<_>>(), [1]);
}

/// A worker whose clock was ahead looked at an order too early and put its timer off to a time that is far away.
async fn timers_of_the_future_ring_at_the_deadline(test: &TestDatabase) {
    let beside = test.beside().await;
    let deadline = NOW + 600 * SECOND;
    let paid = 3_i16;
    for (order, status, expires, due) in [
        (1, 1, deadline, NOW + HOUR),
        (2, 1, deadline, deadline),
        (3, 1, NOW - SECOND, NOW + SECOND),
        (4, paid, deadline, NOW + HOUR),
    ] {
        beside.execute(INSERT_ORDER, vec![order.into(), status.into(), expires.into(), due.into()]).await;
    }
    for order in 100..1_300 {
        beside.execute(INSERT_ORDER, vec![order.into(), 1.into(), (NOW + HOUR).into(), (NOW + 2 * HOUR).into()]).await;
    }
    let orders = SqlOrderRepository::new(test.database.clone(), StockMode::InCommit);
    let due = async |now| orders.due(at(now), 10).await.unwrap().iter().map(|(order, ..)| order.id()).collect::<Vec<_>>();
    assert_eq!(due(deadline).await, [3, 2]);
    assert_eq!(future_times(test).bring_back_timers(at(NOW)).await.unwrap(), 1_201);
    let mut found = due(deadline).await;
    found.sort_unstable();
    assert_eq!(found, [1, 2, 3]);
    assert_eq!(beside.number("SELECT due_at FROM orders WHERE order_no = 3").await, NOW + SECOND, "its next look stands");
    assert_eq!(future_times(test).bring_back_timers(at(NOW)).await.unwrap(), 0);
}

async fn node_numbers_used_in_the_future_stay_unused(test: &TestDatabase) {
    let acquire = async |owner: &str, now| {
        SqlNodeLease::acquire(test.database.clone(), owner, at(now), Duration::from_secs(30)).await.unwrap()
    };
    assert_eq!(acquire("ahead", NOW + HOUR).await.node(), 0);
    // The clock is right again: other numbers are there, and that one has order numbers up to its end.
    assert_eq!(acquire("right", NOW).await.node(), 1);
    future_times(test).bring_back(at(NOW)).await.unwrap();
    assert_eq!(acquire("newcomer", NOW).await.node(), 2);
    assert_eq!(acquire("an hour later", NOW + HOUR).await.node(), 1);
    assert_eq!(acquire("later still", NOW + HOUR + 30 * SECOND).await.node(), 0);
}

async fn a_code_of_the_future_is_no_reason_to_wait(test: &TestDatabase) {
    let codes = SqlCodeRepository::new(test.database.clone());
    let limits = CodeLimits::default();
    let code = |sent: i64| NewCode {
        store: StoreId(1),
        user: UserId::from("42"),
        phone: "13800000000".to_owned(),
        digest: format!("digest-{sent}"),
        sent_at: at(sent),
        expires_at: at(sent + 300 * SECOND),
    };
    assert_eq!(codes.store(&code(NOW + HOUR), &limits).await.unwrap(), SendOutcome::Stored);
    assert_eq!(codes.store(&code(NOW), &limits).await.unwrap(), SendOutcome::Stored);
    assert!(matches!(codes.store(&code(NOW + SECOND), &limits).await.unwrap(), SendOutcome::TooSoon { .. }));
}

async fn a_leap_of_the_clock_purges_no_more_than_a_step(test: &TestDatabase) {
    let seen = SqlSeenTimes::new(test.database.clone());
    let hour = Duration::from_hours(1);
    let advance = async |now| seen.advance("purge", at(now), hour).await.unwrap().as_millis();
    assert_eq!(advance(NOW).await, NOW);
    assert_eq!(advance(NOW + 60 * SECOND).await, NOW + 60 * SECOND);
    // A month ahead for two rounds, and right again.
    assert_eq!(advance(NOW + 30 * 24 * HOUR).await, NOW + 60 * SECOND + HOUR);
    assert_eq!(advance(NOW + 30 * 24 * HOUR).await, NOW + 60 * SECOND + 2 * HOUR);
    assert_eq!(advance(NOW + 120 * SECOND).await, NOW + 120 * SECOND);
    assert_eq!(seen.advance("another", at(NOW + 5), hour).await.unwrap(), at(NOW + 5));
}

/// Columns that are waited for, by their names. Whoever adds one says here or in `SqlFutureTimes` what ends the wait when a
/// clock that was ahead has written it.
#[tokio::test]
async fn no_column_that_is_waited_for_believes_any_future() {
    let test = TestDatabase::sqlite().await;
    let columns = "SELECT tables.name || '.' || columns.name FROM sqlite_master tables, pragma_table_info(tables.name) columns \
                   WHERE tables.type = 'table'";
    let waits = |name: &str| {
        let column = name.rsplit('.').next().unwrap();
        ["until", "next", "due", "resume", "available", "retry", "visible", "not_before", "pause"]
            .iter()
            .any(|part| column.contains(part))
    };
    let found: BTreeSet<String> =
        test.beside().await.column::<String>(columns).await.into_iter().filter(|name| waits(name)).collect();
    let mut known: BTreeSet<String> = SqlFutureTimes::places().map(|(table, column)| format!("{table}.{column}")).collect();
    known.retain(|name| waits(name));
    known.extend(
        [
            // Skipped until then, and others taken: `node_numbers_used_in_the_future_stay_unused`.
            "node_leases.until_at",
            // `timers_of_the_future_ring_at_the_deadline`.
            "orders.due_at",
            // `facts_of_the_future_leave_at_once`.
            "outbox.available_at",
            // Not believed where they are read, as a gate's effects and adjustments are taken in other orders.
            "gate_effects.due_at",
            "stock_adjustments.due_at",
            // Nobody waits for it: until then two secrets sign.
            "webhook_subscriptions.previous_until",
        ]
        .map(str::to_owned),
    );
    assert_eq!(found, known);
}
