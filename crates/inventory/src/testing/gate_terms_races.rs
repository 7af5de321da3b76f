//! The stock gate's suite: limits under calls at the same moment. Run it on a runtime with several threads.

#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a suite fails by panicking")]

use std::{collections::HashMap, sync::Arc};

use sluice_kernel::SkuId;
use tokio::{sync::Semaphore, task::JoinSet};

use super::{
    gate::{GateFixture, LISTED, STORE, figures, is_reserved, line, now, order, parts},
    gate_terms::{limited, taken},
};
use crate::{GateAnswer, Settled};

/// Forty orders of one user at the same moment, two units each: seven units leave room for three of them. All releases of
/// one of these together make room for one more.
pub async fn concurrent_orders_of_one_user_keep_the_limit(fixture: &dyn GateFixture) {
    let gate = fixture.gate();
    let sku = SkuId(94_001);
    fixture.put_sku(STORE, sku, 100, LISTED).await;
    let two = line(sku, 2);
    let ask_all = async |numbers: std::ops::Range<i64>| {
        let mut race = JoinSet::new();
        for number in numbers {
            let gate = Arc::clone(&gate);
            race.spawn(async move {
                let terms = limited("ann", two, None, Some(7));
                (number, gate.reserve(STORE, order(number), &[two], &terms, now()).await.unwrap())
            });
        }
        let answers = race.join_all().await;
        assert!(answers.iter().all(|(_, answer)| is_reserved(answer) || *answer == GateAnswer::LimitReached), "{answers:?}");
        let held = answers.into_iter().filter(|(_, answer)| is_reserved(answer));
        held.map(|(number, _)| number).collect::<Vec<i64>>()
    };
    let held = ask_all(4_000..4_040).await;
    assert_eq!(held.len(), 3);
    assert_eq!(figures(&*gate, sku).await, parts(94, 6, 0));

    let first = order(*held.first().unwrap());
    let mut race = JoinSet::new();
    for _ in 0..8 {
        let gate = Arc::clone(&gate);
        race.spawn(async move { gate.release(STORE, first, now()).await.unwrap() });
    }
    let settled = race.join_all().await;
    assert_eq!(settled.iter().filter(|settled| **settled == Settled::Done).count(), 1, "{settled:?}");
    assert_eq!(ask_all(4_040..4_060).await.len(), 1);
    assert_eq!(figures(&*gate, sku).await, parts(94, 6, 0));
    assert_eq!(taken(&*gate, sku).await, [("ann".to_owned(), 3, 6)]);
}

const USERS: i64 = 60;
const TAPS: i64 = 16;
/// Calls in flight, as many as a shop's processes would have.
const AT_ONCE: usize = 120;

/// Sixty users tap sixteen times each for ten units, one each: ten users get one, and nobody gets two.
pub async fn a_rush_of_taps_sells_to_as_many_users(fixture: &dyn GateFixture) {
    let gate = fixture.gate();
    let sku = SkuId(94_101);
    fixture.put_sku(STORE, sku, 10, LISTED).await;
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut race = JoinSet::new();
    for tap in 0..TAPS {
        for user in 0..USERS {
            let (gate, places) = (Arc::clone(&gate), Arc::clone(&places));
            race.spawn(async move {
                let _place = places.acquire_owned().await.unwrap();
                let (one, name) = (line(sku, 1), format!("user-{user}"));
                let id = order(5_000 + tap * USERS + user);
                (name.clone(), gate.reserve(STORE, id, &[one], &limited(&name, one, Some(1), None), now()).await.unwrap())
            });
        }
    }
    let mut by_user: HashMap<String, i64> = HashMap::new();
    for (user, answer) in race.join_all().await {
        if is_reserved(&answer) {
            *by_user.entry(user).or_default() += 1;
        } else {
            assert!(matches!(answer, GateAnswer::LimitReached | GateAnswer::Short(_)), "{answer:?}");
        }
    }
    assert_eq!(by_user.len(), 10);
    assert!(by_user.values().all(|orders| *orders == 1), "{by_user:?}");
    assert_eq!(figures(&*gate, sku).await, parts(0, 10, 0));
    let counted: HashMap<String, i64> = taken(&*gate, sku).await.into_iter().map(|(user, orders, _)| (user, orders)).collect();
    assert_eq!(counted, by_user);
}
