//! Placements at the same moment, through two writers.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "a suite fails by panicking")]

use std::{sync::Arc, time::Duration};

use sluice_kernel::SkuId;
use tokio::task::JoinSet;

use super::fixture::{OrderFixture, REVISION, STORE, new_order, now, number};
use crate::{CommitOutcome, NewOrder, StockRefusal};

/// Commits all of them at once, every second one through the other writer.
async fn race(fixture: &dyn OrderFixture, orders: Vec<NewOrder>) -> Vec<(NewOrder, CommitOutcome)> {
    let writers = fixture.writers();
    let mut race = JoinSet::new();
    for (n, order) in orders.into_iter().enumerate() {
        let writer = Arc::clone(&writers[n % 2]);
        race.spawn(async move { (order.clone(), writer.commit(order.into()).await.unwrap()) });
    }
    race.join_all().await
}

fn committed(answers: &[(NewOrder, CommitOutcome)]) -> Vec<&NewOrder> {
    answers.iter().filter(|(_, answer)| *answer == CommitOutcome::Committed).map(|(order, _)| order).collect()
}

/// Two hundred shoppers race for ten units.
pub async fn last_units_go_to_as_many(fixture: &dyn OrderFixture) {
    let (hot, plenty) = (SkuId(12_101), SkuId(12_102));
    fixture.put_sku(STORE, hot, 10, true, REVISION).await;
    fixture.put_sku(STORE, plenty, 1_000, true, REVISION).await;
    let answers = race(fixture, (0..200).map(|n| new_order(number(21, n), &[(hot, 1), (plenty, 1)])).collect()).await;
    assert_eq!(committed(&answers).len(), 10);
    let none_left = CommitOutcome::Refused(StockRefusal::Short(vec![(hot, 0)]));
    assert_eq!(answers.iter().filter(|(_, answer)| *answer == none_left).count(), 190);
    assert_eq!(fixture.figures(STORE, hot).await, (0, 10, 0));
    assert_eq!(fixture.figures(STORE, plenty).await, (990, 10, 0));
    for (order, answer) in &answers {
        assert_eq!(fixture.rows_of(order.order_no).await > 0, *answer == CommitOutcome::Committed);
    }
}

/// One key in sixteen requests over two processes: one order, and all the others hear of it.
pub async fn one_key_at_once_makes_one_order(fixture: &dyn OrderFixture) {
    let sku = SkuId(12_201);
    fixture.put_sku(STORE, sku, 100, true, REVISION).await;
    for round in 0..10 {
        let key = new_order(number(22, round * 100), &[]).key;
        let orders = (0..16).map(|n| NewOrder { key: key.clone(), ..new_order(number(22, round * 100 + n), &[(sku, 1)]) });
        let answers = race(fixture, orders.collect()).await;
        let winner = match committed(&answers)[..] {
            [winner] => winner.order_no,
            _ => return assert_eq!(answers, vec![], "not exactly one order"),
        };
        for (order, answer) in &answers {
            let replayed = matches!(answer, CommitOutcome::Replayed(replay) if replay.order_no == winner && replay.same_body);
            assert!(order.order_no == winner || replayed, "{answer:?}");
        }
    }
    assert_eq!(fixture.figures(STORE, sku).await, (90, 10, 0));
}

/// A duplicate among many fails alone.
pub async fn a_duplicate_fails_only_its_own_order(fixture: &dyn OrderFixture) {
    let sku = SkuId(12_301);
    fixture.put_sku(STORE, sku, 1_000, true, REVISION).await;
    let mut orders: Vec<NewOrder> = (0..60).map(|n| new_order(number(23, n), &[(sku, 1)])).collect();
    for n in [10, 20, 30] {
        orders[n].key = orders[n - 1].key.clone();
    }
    let answers = race(fixture, orders).await;
    assert_eq!(committed(&answers).len(), 57);
    assert_eq!(answers.iter().filter(|(_, answer)| matches!(answer, CommitOutcome::Replayed(_))).count(), 3);
    assert_eq!(fixture.figures(STORE, sku).await, (943, 57, 0));
}

/// One code in eight orders at once.
pub async fn one_code_pays_for_one_order(fixture: &dyn OrderFixture) {
    let sku = SkuId(12_401);
    fixture.put_sku(STORE, sku, 100, true, REVISION).await;
    let phone = "13812400000";
    fixture.put_code(STORE, phone, now(), now().plus(Duration::from_mins(5))).await;
    let with_code = |n| NewOrder { uses_code: Some((phone.to_owned(), now())), ..new_order(number(24, n), &[(sku, 1)]) };
    let answers = race(fixture, (0..8).map(with_code).collect()).await;
    assert_eq!(committed(&answers).len(), 1);
    assert_eq!(answers.iter().filter(|(_, answer)| *answer == CommitOutcome::CodeSpent).count(), 7);
    assert_eq!(fixture.figures(STORE, sku).await, (99, 1, 0));
}
