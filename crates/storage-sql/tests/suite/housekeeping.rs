//! What is old enough is forgotten, and nothing else.

use sea_orm::Value;
use sluice_kernel::Timestamp;
use sluice_storage_sql::{Purged, SqlHousekeeping};

use crate::databases::{TestDatabase, on_every_database};

on_every_database!(old_rows_are_forgotten);

const HOUR: i64 = 3_600_000;
const NOW: i64 = 1_790_000_000_000;

async fn old_rows_are_forgotten(test: &TestDatabase) {
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

    let housekeeping = SqlHousekeeping::new(test.database.clone());
    let now = Timestamp::from_millis(NOW);
    assert_eq!(housekeeping.purge(now).await.unwrap(), Purged { idempotency_keys: 1, inbox: 1_203, outcomes: 1, pushes: 2 });
    assert_eq!(housekeeping.purge(now).await.unwrap(), Purged::default());
    assert_eq!(beside.column::<String>("SELECT event_id FROM inbox").await, ["young"]);
    assert_eq!(beside.number("SELECT COUNT(*) FROM idempotency_keys").await, 1);
    assert_eq!(
        beside.column::<String>("SELECT reservation_id FROM reservation_outcomes ORDER BY reservation_id").await,
        ["2-1", "3-1"]
    );
    assert_eq!(beside.column::<String>("SELECT delivery_id FROM webhook_deliveries ORDER BY seq").await, ["msg_1", "msg_4"]);
    assert_eq!(beside.column::<i64>("SELECT delivery_seq FROM webhook_attempts").await, [4]);
}
