//! What is old enough is deleted, all of it, and nothing else.

use sea_orm::Value;
use sluice_kernel::Timestamp;
use sluice_storage_sql::{Purged, SqlHousekeeping};

use crate::databases::{TestDatabase, on_every_database};

on_every_database!(what_has_served_its_time_goes_and_nothing_else, no_backlog_of_expired_rows_outlives_its_turns);

const HOUR: i64 = 3_600_000;
const NOW: i64 = 1_790_000_000_000;

async fn what_has_served_its_time_goes_and_nothing_else(test: &TestDatabase) {
    let beside = test.beside().await;
    // More than a batch, many of them at one instant.
    for number in 0..1_203_i64 {
        let insert = "INSERT INTO inbox (consumer, event_id, at) VALUES ('cart', ?, ?)";
        let values: Vec<Value> = vec![format!("e-{number}").into(), (NOW - 24 * 14 * HOUR - 1 - number / 700).into()];
        beside.execute(insert, values).await;
    }
    beside
        .execute("INSERT INTO inbox (consumer, event_id, at) VALUES ('cart', 'young', ?)", vec![(NOW - 24 * 14 * HOUR).into()])
        .await;
    for (number, age) in [(1_u8, 49), (2, 47)] {
        let insert = "INSERT INTO idempotency_keys (scope, order_no, fingerprint, created_at) VALUES (?, 1, ?, ?)";
        let values: Vec<Value> = vec![vec![number; 16].into(), vec![number; 32].into(), (NOW - age * HOUR).into()];
        beside.execute(insert, values).await;
    }
    for (id, released, days) in [("1-1", true, 15), ("2-1", true, 13), ("3-1", false, 15)] {
        let insert = "INSERT INTO reservation_outcomes (reservation_id, released, at) VALUES (?, ?, ?)";
        beside.execute(insert, vec![id.into(), released.into(), (NOW - days * 24 * HOUR).into()]).await;
    }

    for (seq, state, days) in [(1, 0, 40), (2, 1, 31), (3, 2, 31), (4, 1, 29)] {
        let insert = "INSERT INTO webhook_deliveries (seq, delivery_id, subscription_id, store_id, event_id, event_type, order_no, body, \
                      state, tries, blamed, created_at, since_at, next_try_at) VALUES (?, ?, 1, 1, ?, 'referral', 1, '{}', ?, 1, 0, 0, ?, 0)";
        let (id, at) = (format!("msg_{seq}"), NOW - days * 24 * HOUR);
        beside.execute(insert, vec![seq.into(), id.as_str().into(), id.as_str().into(), state.into(), at.into()]).await;
        let insert = "INSERT INTO webhook_attempts (delivery_seq, slot, number, at, took_ms) VALUES (?, 1, 1, ?, 5)";
        beside.execute(insert, vec![seq.into(), at.into()]).await;
    }

    for (id, days) in [("old", 91), ("young", 89)] {
        let insert = "INSERT INTO payment_notices (provider, event_id, payment_id, status, amount, currency, at) VALUES ('sandbox', ?, 'p', 2, 1, 'CNY', ?)";
        beside.execute(insert, vec![id.into(), (NOW - days * 24 * HOUR).into()]).await;
    }
    for (order, days) in [(1, 15), (2, 13)] {
        let insert = "INSERT INTO payment_closures (order_no, store_id, at) VALUES (?, 1, ?)";
        beside.execute(insert, vec![order.into(), (NOW - days * 24 * HOUR).into()]).await;
    }
    for (payment, delivered) in [("old", Some(31)), ("young", Some(29)), ("owed", None)] {
        let insert = "INSERT INTO sandbox_channels (payment_id, outcome, notice_id, at, delivered_at) VALUES (?, 1, 'n', 1, ?)";
        beside.execute(insert, vec![payment.into(), delivered.map(|days: i64| NOW - days * 24 * HOUR).into()]).await;
    }
    // Waiting, done, refused: the one that was done is what a refund is checked against.
    for (id, state, days) in [("waits", 1, 91), ("done", 2, 91), ("refused", 3, 91), ("refused lately", 3, 89)] {
        let insert = "INSERT INTO points_tasks (kind, business_id, store_id, user_id, points, currency, reason, state, attempts, \
                      next_try_at, created_at) VALUES (1, ?, 1, 'u', 1, 'CNY', 'order', ?, 1, 1, ?)";
        beside.execute(insert, vec![id.into(), state.into(), (NOW - days * 24 * HOUR).into()]).await;
    }
    for (number, hours) in [(1, 49), (2, 47)] {
        let at = NOW - hours * HOUR;
        let insert = "INSERT INTO sent_codes (store_id, phone, sent_at, user_id, digest, expires_at) VALUES (1, ?, ?, 'u', 'd', 0)";
        beside.execute(insert, vec![format!("phone-{number}").into(), at.into()]).await;
        let insert = "INSERT INTO code_tries (store_id, phone, user_id, tries, since_at) VALUES (1, ?, 'u', 1, ?)";
        beside.execute(insert, vec![format!("phone-{number}").into(), at.into()]).await;
    }
    for (digest, minutes) in [("old", 61), ("young", 59)] {
        let insert = "INSERT INTO follow_tickets (digest, store_id, order_no, user_id, expires_at, stream_ends_at) VALUES (?, 1, 1, 'u', ?, 0)";
        beside.execute(insert, vec![digest.into(), (NOW - minutes * HOUR / 60).into()]).await;
    }
    for (id, state, days) in [(1, 2, 31), (2, 2, 29), (3, 0, 400)] {
        let insert = "INSERT INTO dead_letters (id, consumer, topic, event_key, event_id, event_type, event_time, data, attempts, error_code, \
                      error_detail, at, state) VALUES (?, 'cart', 'order-created', '1', ?, 't', 0, '{}', 1, 'c', 'd', ?, ?)";
        let values: Vec<Value> = vec![id.into(), format!("e-{id}").into(), (NOW - days * 24 * HOUR).into(), state.into()];
        beside.execute(insert, values).await;
    }

    let housekeeping = SqlHousekeeping::new(test.database.clone());
    let now = Timestamp::from_millis(NOW);
    let expected = vec![
        ("idempotency_keys", 1),
        ("inbox", 1_203),
        ("reservation_outcomes", 1),
        ("payment_closures", 1),
        ("payment_notices", 1),
        ("sent_codes", 1),
        ("code_tries", 1),
        ("follow_tickets", 1),
        ("sandbox_channels", 1),
        ("points_tasks", 1),
        ("webhook_attempts", 3),
        ("webhook_deliveries", 1),
        ("webhook_deliveries", 1),
        ("dead_letters", 1),
    ];
    assert_eq!(housekeeping.purge(now).await.unwrap(), Purged { rows: expected, more: false });
    assert_eq!(housekeeping.purge(now).await.unwrap(), Purged::default());
    assert_eq!(beside.column::<String>("SELECT event_id FROM payment_notices").await, ["young"]);
    assert_eq!(beside.column::<i64>("SELECT order_no FROM payment_closures").await, [2]);
    assert_eq!(beside.column::<String>("SELECT phone FROM sent_codes").await, ["phone-2"]);
    assert_eq!(beside.column::<String>("SELECT phone FROM code_tries").await, ["phone-2"]);
    assert_eq!(beside.column::<String>("SELECT payment_id FROM sandbox_channels ORDER BY payment_id").await, ["owed", "young"]);
    assert_eq!(beside.column::<String>("SELECT digest FROM follow_tickets").await, ["young"]);
    let tasks = beside.column::<String>("SELECT business_id FROM points_tasks ORDER BY business_id").await;
    assert_eq!(tasks, ["done", "refused lately", "waits"]);
    assert_eq!(beside.column::<String>("SELECT event_id FROM inbox").await, ["young"]);
    assert_eq!(beside.number("SELECT COUNT(*) FROM idempotency_keys").await, 1);
    assert_eq!(
        beside.column::<String>("SELECT reservation_id FROM reservation_outcomes ORDER BY reservation_id").await,
        ["2-1", "3-1"]
    );
    assert_eq!(beside.column::<String>("SELECT delivery_id FROM webhook_deliveries ORDER BY seq").await, ["msg_1", "msg_4"]);
    assert_eq!(beside.column::<i64>("SELECT delivery_seq FROM webhook_attempts").await, [4]);
    assert_eq!(beside.column::<i64>("SELECT id FROM dead_letters ORDER BY id").await, [2, 3], "what is dead waits for staff");
}

/// 333 rows a second were all that a worker could delete, while each order leaves several.
async fn no_backlog_of_expired_rows_outlives_its_turns(test: &TestDatabase) {
    const ROWS: i64 = 25_000;
    let beside = test.beside().await;
    // Ten to an instant, as orders that were committed together leave them.
    let plant = if test.database.is_sqlite() {
        "INSERT INTO inbox (consumer, event_id, at) WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?) \
         SELECT 'cart', 'e-' || n, 1000 + n / 10 FROM numbers"
    } else {
        "INSERT INTO inbox (consumer, event_id, at) SELECT 'cart', CONCAT('e-', seq), 1000 + seq DIV 10 FROM seq_1_to_1000000 WHERE seq <= ?"
    };
    beside.execute(plant, vec![ROWS.into()]).await;

    let housekeeping = SqlHousekeeping::new(test.database.clone());
    let mut turns = Vec::new();
    loop {
        let purged = housekeeping.purge(Timestamp::from_millis(NOW)).await.unwrap();
        turns.extend(purged.rows.iter().map(|(_, rows)| *rows));
        if !purged.more {
            break;
        }
    }
    assert_eq!(turns.iter().sum::<u64>(), u64::try_from(ROWS).unwrap());
    assert!(turns.iter().all(|rows| *rows < 11_000), "each turn is bounded: {turns:?}");
    assert_eq!(beside.number("SELECT COUNT(*) FROM inbox").await, 0);
}
