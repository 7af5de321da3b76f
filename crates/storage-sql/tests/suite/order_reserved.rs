//! Orders whose units an outside gate holds: epochs, and the race with the sweeper.

use std::sync::Arc;

use sluice_inventory::{GateEffect, GateEffects as _, GateSource as _, Listing, ReservationOutcomes as _};
use sluice_kernel::{OrderNo, PaymentId, ReservationId, SkuId};
use sluice_order::{Applied, CommitOutcome, OrderRepository as _, OrderState, StockStep, Transition, testing::plain_transition};
use sluice_storage_sql::{SqlGateEffects, SqlGateState, SqlOrderRepository, SqlReservationOutcomes, StockMode};

use super::order_fixture::{Engine, STORE, now, on_each_engine, reserved_order};

on_each_engine!(
    a_moved_epoch_commits_nothing,
    the_sweeper_and_the_commit_never_both_win,
    changes_are_told_to_the_gate,
    processes_with_different_gates_do_not_start,
);

const SKU: SkuId = SkuId(7);
const LISTED: Listing = Listing { buyable: true, revision: 3 };

async fn a_moved_epoch_commits_nothing(engine: Engine) {
    let epoch = engine.claim_gate("redis").await;
    engine.put_sku(StockMode::Reserved, STORE, SKU, 10, LISTED).await;
    let writer = engine.writer(StockMode::Reserved).await;
    let source = engine.source();
    assert_eq!(writer.commit(reserved_order(100, &[(SKU, 1)], epoch).into()).await.unwrap(), CommitOutcome::Committed);

    assert_eq!(source.close(epoch - 1).await.unwrap(), None);
    let raised = source.close(epoch).await.unwrap().unwrap();
    assert_eq!(source.epoch().await.unwrap(), (raised, false));
    // Old epoch, and new epoch while the gate is closed.
    for (number, reserved_in) in [(110, epoch), (120, raised)] {
        let order = reserved_order(number, &[(SKU, 1)], reserved_in);
        assert_eq!(writer.commit(order.clone().into()).await.unwrap(), CommitOutcome::EpochMoved);
        assert_eq!(engine.rows_of(order.order_no).await, 0);
    }
    assert!(source.open(raised).await.unwrap());
    assert!(!source.open(epoch).await.unwrap());
    assert_eq!(writer.commit(reserved_order(130, &[(SKU, 1)], raised).into()).await.unwrap(), CommitOutcome::Committed);
    assert_eq!(writer.commit(reserved_order(140, &[(SKU, 1)], epoch).into()).await.unwrap(), CommitOutcome::EpochMoved);
}

/// They race for one unique row, two hundred times.
async fn the_sweeper_and_the_commit_never_both_win(engine: Engine) {
    let epoch = engine.claim_gate("redis").await;
    engine.put_sku(StockMode::Reserved, STORE, SKU, 1_000, LISTED).await;
    let writer = engine.writer(StockMode::Reserved).await;
    let outcomes = Arc::new(SqlReservationOutcomes::new(engine.database.clone()));
    let mut wins = [0, 0];
    for n in 0..200 {
        let order = reserved_order(1_000 + n * 10, &[(SKU, 1)], epoch);
        let (order_no, reservation) = (order.order_no, ReservationId::first(order.order_no));
        let (writer, outcomes) = (writer.clone(), outcomes.clone());
        let commits = async move { writer.commit(order.into()).await.unwrap() };
        let sweeps = async move { outcomes.abandon(&[(STORE, reservation)], now()).await.unwrap() };
        // Each side alone first now and then, so that both orders of events are met; else they race.
        let (answer, abandoned) = match n % 4 {
            0 => {
                let answer = commits.await;
                (answer, sweeps.await)
            }
            1 => {
                let abandoned = sweeps.await;
                (commits.await, abandoned)
            }
            _ => {
                let (commit, sweep) = (tokio::spawn(commits), tokio::spawn(sweeps));
                (commit.await.unwrap(), sweep.await.unwrap())
            }
        };
        let committed = answer == CommitOutcome::Committed;
        assert!(committed || answer == CommitOutcome::EpochMoved, "{answer:?}");
        assert_eq!(committed, abandoned.is_empty(), "both won or both lost");
        let left = engine.rows_of(order_no).await;
        assert_eq!(left, if committed { 5 } else { 1 }, "the outcome, and the order's rows where it stands");
        wins[usize::from(committed)] += 1;
    }
    assert!(wins[0] > 0 && wins[1] > 0, "only one side ever won: {wins:?}");
}

async fn changes_are_told_to_the_gate(engine: Engine) {
    let epoch = engine.claim_gate("redis").await;
    engine.put_sku(StockMode::Reserved, STORE, SKU, 10, LISTED).await;
    let writer = engine.writer(StockMode::Reserved).await;
    let orders = SqlOrderRepository::new(engine.database.clone(), StockMode::Reserved);
    let effects = SqlGateEffects::new(engine.database.clone(), "test".to_owned());
    let order_no = OrderNo::from_id(100);
    assert_eq!(writer.commit(reserved_order(100, &[(SKU, 2)], epoch).into()).await.unwrap(), CommitOutcome::Committed);
    let order = orders.find(STORE, order_no).await.unwrap().unwrap();
    let first = order.reservation;
    let cancelled = OrderState::Cancelled { reason: sluice_order::CancelReason::Expired };
    let outcome = orders.apply(&plain_transition(&order, cancelled, StockStep::Release(first))).await.unwrap();
    assert_eq!(outcome, Applied::Done);

    let order = orders.find(STORE, order_no).await.unwrap().unwrap();
    let (given_up, second) = (ReservationId { attempt: 2, ..first }, ReservationId { attempt: 3, ..first });
    let outcomes = SqlReservationOutcomes::new(engine.database.clone());
    let late_with = |reservation, epoch| Transition {
        paid_at: Some(now()),
        ..plain_transition(
            &order,
            OrderState::Paid { payment: PaymentId::from("p") },
            StockStep::LateSell { reservation, epoch: Some(epoch), terms: None },
        )
    };
    let late = |epoch| late_with(second, epoch);
    // The sweeper took the first try for an orphan.
    assert_eq!(outcomes.abandon(&[(STORE, given_up)], now()).await.unwrap(), [(STORE, given_up)]);
    assert_eq!(orders.apply(&late_with(given_up, epoch)).await.unwrap(), Applied::EpochMoved);
    assert_eq!(orders.last_attempt(order_no).await.unwrap(), 2);
    assert_eq!(orders.apply(&late(epoch + 1)).await.unwrap(), Applied::EpochMoved);
    assert_eq!(orders.apply(&late(epoch)).await.unwrap(), Applied::Done);
    // Of one order the sale waits until the release was told.
    let (release, sell) =
        (GateEffect::Release { store: STORE, reservation: first }, GateEffect::Sell { store: STORE, reservation: second });
    for expected in [release, sell] {
        assert_eq!(effects.stores(None, 10).await.unwrap(), [STORE]);
        let taken = effects.claim(STORE, 10, now()).await.unwrap();
        assert_eq!(taken.iter().map(|row| row.effect.clone()).collect::<Vec<_>>(), [Some(expected)]);
        // Nobody else is given it meanwhile.
        assert_eq!(effects.claim(STORE, 10, now()).await.unwrap(), []);
        effects.done(&[taken[0].id]).await.unwrap();
    }
    assert_eq!(effects.stores(None, 10).await.unwrap(), []);
    // The sweeper cannot take what late money holds.
    assert_eq!(outcomes.abandon(&[(STORE, second)], now()).await.unwrap(), vec![]);
    // What was given up before stays so: the gate may not have heard of it, and its units would stay locked.
    let further = [9, 10, 1_441].map(|attempt| (STORE, ReservationId { attempt, ..first }));
    outcomes.abandon(&further, now()).await.unwrap();
    assert_eq!(orders.last_attempt(order_no).await.unwrap(), 1_441);
    assert_eq!(orders.last_attempt(OrderNo::from_id(10)).await.unwrap(), 0);
    let held = [(STORE, first), (STORE, given_up), (STORE, second)];
    assert_eq!(outcomes.abandon(&held, now()).await.unwrap(), [(STORE, given_up)]);
}

async fn processes_with_different_gates_do_not_start(engine: Engine) {
    let state = SqlGateState::new(engine.database.clone());
    state.claim("redis", now()).await.unwrap();
    state.claim("redis", now()).await.unwrap();
    let refused = state.claim("database", now()).await.unwrap_err();
    let cause = std::error::Error::source(&refused).unwrap().to_string();
    assert!(cause.contains("'redis'") && cause.contains("'database'"), "{cause}");
}
