//! Outbox and leases.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use sea_orm::Value;
use sluice_events::{DeadLetterStore as _, LetterQuery, OutboxStore as _, SLICES};
use sluice_kernel::Timestamp;
use sluice_storage_sql::{SqlDeadLetterStore, SqlNodeLease, SqlOutboxStore};
use tokio::task::JoinSet;

use crate::databases::{Beside, TestDatabase, on_every_database};

on_every_database!(
    a_crowd_never_holds_a_slice_twice,
    delivered_rows_alone_are_forgotten,
    expired_slices_are_taken_over,
    node_numbers_are_leased,
    rows_leave_in_order,
    slices_are_shared_fairly,
);

const TTL: Duration = Duration::from_secs(10);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000 + seconds * 1_000)
}

async fn plant(beside: &Beside, slice: i64, available: Timestamp, payload: &str) {
    let insert = "INSERT INTO outbox (slice, available_at, payload, traceparent) VALUES (?, ?, ?, NULL)";
    let values: Vec<Value> = vec![slice.into(), available.as_millis().into(), payload.into()];
    beside.execute(insert, values).await;
}

async fn rows_leave_in_order(test: &TestDatabase) {
    let (outbox, beside) = (SqlOutboxStore::new(test.database.clone()), test.beside().await);
    for (slice, payload) in [(3, "a"), (5, "b"), (3, "c"), (9, "d"), (3, "later")] {
        plant(&beside, slice, at(if payload == "later" { 60 } else { 0 }), payload).await;
    }
    let payloads = async |slices: &[u16], seconds, limit| -> Vec<String> {
        outbox.pending(slices, at(seconds), limit).await.unwrap().into_iter().map(|row| row.payload).collect()
    };
    assert_eq!(payloads(&[3, 5, 9], 1, 10).await, ["a", "b", "c", "d"]);
    assert_eq!(payloads(&[3], 1, 1).await, ["a"]);
    assert_eq!(payloads(&[3], 60, 10).await, ["a", "c", "later"]);
    assert!(payloads(&[], 60, 10).await.is_empty());
    let stats = outbox.stats(at(1)).await.unwrap();
    assert_eq!((stats.pending, stats.oldest), (4, Some(at(0))));

    let rows = outbox.pending(&[3, 5, 9], at(1), 10).await.unwrap();
    outbox.delivered(&[rows[0].id, rows[1].id]).await.unwrap();
    outbox.delivered(&[rows[0].id]).await.unwrap();
    outbox.delivered(&[]).await.unwrap();
    assert_eq!(payloads(&[3, 5, 9], 1, 10).await, ["c", "d"]);

    // A row that cannot be read becomes a dead letter, once, and blocks nobody.
    outbox.dead_letter(&rows[2], "not a fact", at(2)).await.unwrap();
    outbox.dead_letter(&rows[2], "not a fact", at(2)).await.unwrap();
    assert_eq!(payloads(&[3, 5, 9], 1, 10).await, ["d"]);
    let letters =
        SqlDeadLetterStore::new(test.database.clone()).list(LetterQuery { limit: 10, ..LetterQuery::default() }).await.unwrap();
    assert_eq!(letters.iter().map(|letter| letter.envelope.data.as_str()).collect::<Vec<_>>(), ["c"]);
}

/// Neighbours go as a range: what stands between them and was not delivered stays.
async fn delivered_rows_alone_are_forgotten(test: &TestDatabase) {
    let (outbox, beside) = (SqlOutboxStore::new(test.database.clone()), test.beside().await);
    for _ in 0..40 {
        plant(&beside, 1, at(0), "fact").await;
    }
    let pending = async || -> Vec<i64> { outbox.pending(&[1], at(1), 100).await.unwrap().into_iter().map(|row| row.id).collect() };
    let ids = pending().await;
    let kept = [ids[0], ids[15], ids[30], ids[33], ids[39]];
    // Whatever order they come in.
    let delivered: Vec<i64> = ids.iter().rev().copied().filter(|id| !kept.contains(id)).collect();
    outbox.delivered(&delivered).await.unwrap();
    assert_eq!(pending().await, kept);
}

async fn slices_are_shared_fairly(test: &TestDatabase) {
    let outbox = SqlOutboxStore::new(test.database.clone());
    let lease = async |owner: &str, seconds| outbox.lease(owner, SLICES, at(seconds), TTL).await.unwrap();
    assert_eq!(lease("one", 0).await.len(), 16);
    // A newcomer signs in, and gets its share once the others have heard of it.
    assert!(lease("two", 1).await.is_empty());
    assert_eq!(lease("one", 2).await.len(), 8);
    assert_eq!(lease("two", 3).await.len(), 8);
    lease("three", 4).await;
    let mut held = HashMap::new();
    for seconds in 5..9 {
        for owner in ["one", "two", "three"] {
            held.insert(owner, lease(owner, seconds).await);
        }
    }
    assert!(held.values().all(|slices| (4..=6).contains(&slices.len())), "{held:?}");
    assert_eq!(held.values().flatten().collect::<HashSet<_>>().len(), 16);
    assert_eq!(outbox.lease("one", 2, at(9), TTL).await.unwrap().len(), 2);

    outbox.release_leases("one").await.unwrap();
    outbox.release_leases("two").await.unwrap();
    assert_eq!(lease("three", 9).await.len(), 16);
}

async fn expired_slices_are_taken_over(test: &TestDatabase) {
    let outbox = SqlOutboxStore::new(test.database.clone());
    let lease = async |owner: &str, seconds| outbox.lease(owner, SLICES, at(seconds), TTL).await.unwrap().len();
    assert_eq!(lease("dies", 0).await, 16);
    assert_eq!(lease("lives", 1).await, 0);
    assert_eq!(lease("lives", 9).await, 0);
    assert_eq!(lease("lives", 10).await, 16);
    // Back from the dead, it holds nothing any more until its share comes free.
    assert_eq!(lease("dies", 11).await, 0);
    assert_eq!(lease("lives", 12).await, 8);
    assert_eq!(lease("dies", 13).await, 8);
}

/// Eight owners ask at the same moment, time and again: whatever one round hands out, no slice is handed out twice.
async fn a_crowd_never_holds_a_slice_twice(test: &TestDatabase) {
    let outbox = Arc::new(SqlOutboxStore::new(test.database.clone()));
    for round in 0..6 {
        let mut crowd = JoinSet::new();
        for owner in 0..8 {
            let outbox = Arc::clone(&outbox);
            crowd.spawn(async move { outbox.lease(&format!("owner-{owner}"), SLICES, at(round), TTL).await.unwrap() });
        }
        crowd.join_all().await;
        // What each holds, as the rows say: leases of one round may shrink while others ask.
        let beside = test.beside().await;
        let held = beside.number("SELECT COUNT(*) FROM outbox_leases WHERE slice >= 0 AND owner <> ''").await;
        assert!(held <= 16);
    }
    let mut all = Vec::new();
    for owner in 0..8 {
        all.extend(outbox.lease(&format!("owner-{owner}"), SLICES, at(6), TTL).await.unwrap());
    }
    let distinct: HashSet<u16> = all.iter().copied().collect();
    assert_eq!(distinct.len(), all.len(), "{all:?}");
    assert_eq!(distinct.len(), 16);
}

async fn node_numbers_are_leased(test: &TestDatabase) {
    let mut race = JoinSet::new();
    for number in 0..20 {
        let database = test.database.clone();
        race.spawn(async move { SqlNodeLease::acquire(database, &format!("process-{number}"), at(0), TTL).await.unwrap() });
    }
    let leases = race.join_all().await;
    let numbers: HashSet<i64> = leases.iter().map(SqlNodeLease::node).collect();
    assert_eq!(numbers, (0..20).collect());

    let acquire = async |owner: &str, seconds| SqlNodeLease::acquire(test.database.clone(), owner, at(seconds), TTL).await.unwrap();
    for lease in &leases {
        if lease.node() != 3 {
            assert!(lease.renew(at(9)).await.unwrap());
        }
    }
    assert_eq!(acquire("early", 9).await.node(), 20);
    assert_eq!(acquire("heir", 10).await.node(), 3);
    let silent = leases.iter().find(|lease| lease.node() == 3).unwrap();
    assert!(!silent.renew(at(11)).await.unwrap());
    // A lease that ran out is lost even where nobody has taken it over.
    let other = leases.iter().find(|lease| lease.node() == 5).unwrap();
    assert!(!other.renew(at(60)).await.unwrap());

    let stopping = leases.iter().find(|lease| lease.node() == 0).unwrap();
    stopping.release(at(12)).await.unwrap();
    assert_eq!(acquire("next", 14).await.node(), 0);
}
