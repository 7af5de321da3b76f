//! The stock gate's suite: calls at the same moment. Run it on a runtime with several threads.

#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a suite fails by panicking")]

use std::sync::Arc;

use sluice_kernel::SkuId;
use tokio::task::JoinSet;

use super::gate::{GateFixture, LISTED, PLAIN, STORE, figures, is_reserved, line, now, order, parts};
use crate::{GateAnswer, Settled, Short};

/// Two hundred shoppers race for ten units: ten of them get one, the others hear that nothing is left.
pub async fn last_units_go_to_as_many(fixture: &dyn GateFixture) {
    let gate = fixture.gate();
    let sku = SkuId(92_001);
    fixture.put_sku(STORE, sku, 10, LISTED).await;
    let mut race = JoinSet::new();
    for number in 0..200 {
        let gate = Arc::clone(&gate);
        race.spawn(async move { gate.reserve(STORE, order(2_000 + number), &[line(sku, 1)], &PLAIN, now()).await.unwrap() });
    }
    let answers = race.join_all().await;
    assert_eq!(answers.iter().filter(|answer| is_reserved(answer)).count(), 10);
    let none_left = GateAnswer::Short(vec![Short { sku, usable: 0 }]);
    assert_eq!(answers.iter().filter(|answer| **answer == none_left).count(), 190);
    assert_eq!(figures(&*gate, sku).await, parts(0, 10, 0));
}

/// The same reservation asked by many at once is held once, and all of them hear so.
pub async fn one_reservation_asked_at_once_holds_once(fixture: &dyn GateFixture) {
    let gate = fixture.gate();
    let sku = SkuId(92_101);
    fixture.put_sku(STORE, sku, 10, LISTED).await;
    let mut race = JoinSet::new();
    for _ in 0..20 {
        let gate = Arc::clone(&gate);
        race.spawn(async move { gate.reserve(STORE, order(2_301), &[line(sku, 2)], &PLAIN, now()).await.unwrap() });
    }
    assert!(race.join_all().await.iter().all(is_reserved));
    assert_eq!(figures(&*gate, sku).await, parts(8, 2, 0));
}

/// Sell and release of one reservation at the same moment: exactly one takes effect, once.
pub async fn sell_and_release_race(fixture: &dyn GateFixture) {
    let gate = fixture.gate();
    let sku = SkuId(92_201);
    fixture.put_sku(STORE, sku, 100, LISTED).await;
    let (mut usable, mut sold) = (100, 0);
    for number in 0..10 {
        let id = order(2_400 + number);
        assert!(is_reserved(&gate.reserve(STORE, id, &[line(sku, 3)], &PLAIN, now()).await.unwrap()));
        let mut race = JoinSet::new();
        for side in 0..8 {
            let gate = Arc::clone(&gate);
            race.spawn(async move {
                let sells = side % 2 == 0;
                let settled = if sells { gate.sell(STORE, id, now()).await } else { gate.release(STORE, id, now()).await };
                (sells, settled.unwrap())
            });
        }
        let outcomes = race.join_all().await;
        let winners: Vec<bool> =
            outcomes.iter().filter(|(_, settled)| *settled == Settled::Done).map(|(sells, _)| *sells).collect();
        assert_eq!(winners.len(), 1, "{outcomes:?}");
        let sale_won = winners == [true];
        for (sells, settled) in &outcomes {
            let expected = if *sells == sale_won { Settled::Already } else { Settled::Refused };
            assert!(*settled == Settled::Done || *settled == expected, "{outcomes:?}");
        }
        if sale_won {
            usable -= 3;
            sold += 3;
        }
        assert_eq!(figures(&*gate, sku).await, parts(usable, 0, sold));
    }
}
