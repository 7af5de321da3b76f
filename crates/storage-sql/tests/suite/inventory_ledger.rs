//! The ledger behind an outside gate, adjustments, and the snapshot such a gate is rebuilt from.

use std::{collections::HashMap, sync::Arc, time::Duration};

use sluice_events::{MovementKind, StockMoved};
use sluice_inventory::{
    Adjustment, AdjustmentBegin, AdjustmentId, AdjustmentLog as _, AdjustmentState, Figures, GateSource as _, Ledger as _, Listing,
    StockGate as _,
};
use sluice_kernel::{OrderNo, PaymentId, RefundId, ReservationId, SkuId, Timestamp};
use sluice_order::{
    Applied, CancelReason, CommitOutcome, Order, OrderRepository as _, OrderState, RefundRecord, StockStep, Transition,
    testing::{new_order, plain_transition},
};
use sluice_storage_sql::{SqlAdjustmentLog, SqlLedger, SqlOrderRepository, SqlReconciler, SqlStockGate, SqlTraces, StockMode};

use super::order_fixture::{Engine, STORE, now, on_each_engine};

on_each_engine!(
    a_replayed_movement_is_harmless,
    a_long_batch_with_one_told_before_counts_each_once,
    a_movement_waits_for_its_predecessor,
    concurrent_recorders_count_once,
    adjustments_stand_once,
    a_write_off_is_done_or_refused_whoever_asks,
    a_snapshot_equals_the_figures,
);

const SKU: SkuId = SkuId(7);
const LISTED: Listing = Listing { buyable: true, revision: 3 };

fn moved(order: i64, kind: MovementKind, quantity: i64) -> StockMoved {
    let order_no = OrderNo::from_id(order);
    StockMoved {
        movement_id: ReservationId::first(order_no).to_string(),
        store_id: STORE,
        sku_id: SKU,
        kind,
        quantity,
        order_no: Some(order_no),
        reason: None,
        at: now(),
    }
}

async fn ledger(engine: &Engine) -> SqlLedger {
    engine.claim_gate("redis").await;
    engine.put_sku(StockMode::Reserved, STORE, SKU, 10, LISTED).await;
    SqlLedger::new(engine.database.clone(), StockMode::Reserved)
}

async fn a_replayed_movement_is_harmless(engine: Engine) {
    let ledger = ledger(&engine).await;
    let batch = [moved(1, MovementKind::Reserve, 2), moved(2, MovementKind::Reserve, 3), moved(1, MovementKind::Sell, 2)];
    for _ in 0..3 {
        ledger.record(&batch).await.unwrap();
        ledger.record(&batch[..1]).await.unwrap();
    }
    assert_eq!(engine.stock(SKU).await, (5, 3, 2));
    let trace = ledger.trace(STORE, SKU, 3).await.unwrap().unwrap();
    assert!(trace.adds_up && trace.truncated);
    assert_eq!(trace.movements.len(), 3);
    assert_eq!(trace.computed, Figures { usable: 5, locked: 3, sold: 2, received: 10 });
    assert_eq!(ledger.trace(sluice_kernel::StoreId(2), SKU, 3).await.unwrap(), None);
}

/// Longer than one statement: what was written before the repetition was found is undone and told again.
async fn a_long_batch_with_one_told_before_counts_each_once(engine: Engine) {
    engine.claim_gate("redis").await;
    engine.put_sku(StockMode::Reserved, STORE, SKU, 1_000, LISTED).await;
    let ledger = SqlLedger::new(engine.database.clone(), StockMode::Reserved);
    let batch: Vec<StockMoved> = (1..=150).map(|order| moved(order, MovementKind::Reserve, 1)).collect();
    ledger.record(&batch[98..99]).await.unwrap();
    ledger.record(&batch).await.unwrap();
    assert_eq!(engine.stock(SKU).await, (850, 150, 0));
    assert!(ledger.trace(STORE, SKU, 10).await.unwrap().unwrap().adds_up);
}

async fn a_movement_waits_for_its_predecessor(engine: Engine) {
    let ledger = ledger(&engine).await;
    ledger.record(&[moved(1, MovementKind::Release, 4)]).await.unwrap();
    assert_eq!(engine.stock(SKU).await, (10, 0, 0));
    let waiting = ledger.trace(STORE, SKU, 10).await.unwrap().unwrap();
    assert!(!waiting.movements[0].applied);
    assert_eq!(SqlReconciler::new(engine.database.clone()).differences().await.unwrap()[0].waiting, 1);

    ledger.record(&[moved(1, MovementKind::Reserve, 4)]).await.unwrap();
    assert_eq!(engine.stock(SKU).await, (10, 0, 0));
    let settled = ledger.trace(STORE, SKU, 10).await.unwrap().unwrap();
    assert!(settled.movements.iter().all(|movement| movement.applied) && settled.adds_up);
    // A sale ahead of its reservation, while another order's units are locked.
    ledger.record(&[moved(2, MovementKind::Sell, 1), moved(3, MovementKind::Reserve, 1)]).await.unwrap();
    ledger.record(&[moved(2, MovementKind::Reserve, 1)]).await.unwrap();
    assert_eq!(engine.stock(SKU).await, (8, 1, 1));
}

async fn concurrent_recorders_count_once(engine: Engine) {
    let ledger = ledger(&engine).await;
    let batch: Vec<StockMoved> = (1..=10).map(|order| moved(order, MovementKind::Reserve, 1)).collect();
    let recorders: Vec<_> = (0..8)
        .map(|n| {
            let (ledger, batch) = (ledger.clone(), batch[n..].to_vec());
            tokio::spawn(async move { ledger.record(&batch).await.unwrap() })
        })
        .collect();
    for recorder in recorders {
        recorder.await.unwrap();
    }
    assert_eq!(engine.stock(SKU).await, (0, 10, 0));
}

fn adjustment(name: &str, delta: i64) -> Adjustment {
    Adjustment { id: AdjustmentId(name.to_owned()), store: STORE, sku: SKU, delta, reason: "broken".to_owned(), at: now() }
}

/// Two processes finish the same write-off, and units come between what they are told.
async fn a_write_off_is_done_or_refused_whoever_asks(engine: Engine) {
    let epoch = engine.claim_gate("database").await;
    engine.put_sku(StockMode::InCommit, STORE, SKU, 5, LISTED).await;
    let gate = SqlStockGate::new(engine.database.clone());
    let log = SqlAdjustmentLog::new(engine.database.clone(), StockMode::InCommit);
    let adjust = async |asked: &Adjustment| gate.adjust(STORE, &asked.id, SKU, asked.delta, now()).await.unwrap();
    let done = async |asked: &Adjustment| {
        assert_eq!(log.begin(asked).await.unwrap(), AdjustmentBegin::Begun);
        assert_eq!(adjust(asked).await, Ok(epoch));
        assert!(log.complete(asked, epoch).await.unwrap());
    };

    // The first is told no, the second yes: the first can refuse it no more.
    let taken = adjustment("taken", -10);
    assert_eq!(log.begin(&taken).await.unwrap(), AdjustmentBegin::Begun);
    assert!(adjust(&taken).await.is_err());
    done(&adjustment("receipt", 10)).await;
    assert_eq!(adjust(&taken).await, Ok(epoch));
    assert!(!log.reject(&taken, epoch).await.unwrap());
    assert!(log.complete(&taken, epoch).await.unwrap());
    assert_eq!(log.state(&taken.id).await.unwrap(), Some(AdjustmentState::Done));

    // The first refuses it: the second is told no, too, whatever is there by now.
    let refused = adjustment("refused", -10);
    assert_eq!(log.begin(&refused).await.unwrap(), AdjustmentBegin::Begun);
    assert!(adjust(&refused).await.is_err());
    assert!(log.reject(&refused, epoch).await.unwrap());
    done(&adjustment("another receipt", 10)).await;
    assert!(adjust(&refused).await.is_err());
    assert!(log.reject(&refused, epoch).await.unwrap());
    assert!(!log.complete(&refused, epoch).await.unwrap());
    assert_eq!(log.state(&refused.id).await.unwrap(), Some(AdjustmentState::Rejected));

    assert_eq!(engine.stock(SKU).await, (15, 0, 0));
    assert_eq!(SqlReconciler::new(engine.database.clone()).differences().await.unwrap(), vec![]);
}

async fn adjustments_stand_once(engine: Engine) {
    let epoch = engine.claim_gate("database").await;
    engine.put_sku(StockMode::InCommit, STORE, SKU, 10, LISTED).await;
    let gate = SqlStockGate::new(engine.database.clone());
    let log = SqlAdjustmentLog::new(engine.database.clone(), StockMode::InCommit);
    let less = adjustment("less", -4);
    let begin = async |adjustment: &Adjustment| log.begin(adjustment).await.unwrap();
    assert_eq!(begin(&less).await, AdjustmentBegin::Begun);
    assert_eq!(begin(&less).await, AdjustmentBegin::Unfinished);
    assert_eq!(begin(&adjustment("less", -3)).await, AdjustmentBegin::KeyReused);
    let later = Timestamp::from_millis(now().as_millis() + 1);
    assert_eq!(log.unfinished(later, now(), 10).await.unwrap(), std::slice::from_ref(&less));
    assert_eq!(log.unfinished(now(), now(), 10).await.unwrap(), vec![]);
    assert_eq!(gate.adjust(STORE, &less.id, SKU, less.delta, now()).await.unwrap(), Ok(epoch));
    let outbox = async || engine.number("SELECT COUNT(*) FROM outbox").await;
    let before = outbox().await;
    assert!(!log.complete(&less, epoch + 1).await.unwrap());
    for _ in 0..2 {
        assert!(log.complete(&less, epoch).await.unwrap());
    }
    assert_eq!(begin(&less).await, AdjustmentBegin::Done);
    assert_eq!(begin(&adjustment("less", -3)).await, AdjustmentBegin::KeyReused);
    assert_eq!(outbox().await, before + 1);
    assert_eq!(log.unfinished(later, now(), 10).await.unwrap(), vec![]);
    let rejected = adjustment("too much", -7);
    assert_eq!(begin(&rejected).await, AdjustmentBegin::Begun);
    assert!(gate.adjust(STORE, &rejected.id, SKU, rejected.delta, now()).await.unwrap().is_err());
    assert_eq!(log.state(&rejected.id).await.unwrap(), Some(AdjustmentState::Pending));
    // One that can't be finished steps aside, and a time that a wrong clock wrote is not believed.
    for (until, hidden) in [(Duration::from_secs(5), true), (Duration::from_hours(1), false)] {
        log.put_off(&rejected.id, now().plus(until)).await.unwrap();
        assert_eq!(log.unfinished(later, now(), 10).await.unwrap().is_empty(), hidden);
    }
    assert!(!log.reject(&rejected, epoch + 1).await.unwrap(), "counted anew meanwhile: ask the new gate");
    assert!(log.reject(&rejected, epoch).await.unwrap());
    assert_eq!(log.state(&rejected.id).await.unwrap(), Some(AdjustmentState::Rejected));
    // Nothing ever happens under its id, whatever is asked.
    assert_eq!(begin(&rejected).await, AdjustmentBegin::Rejected);
    assert_eq!(begin(&adjustment("too much", -1)).await, AdjustmentBegin::Rejected);
    assert_eq!(log.state(&less.id).await.unwrap(), Some(AdjustmentState::Done));
    assert_eq!(log.unfinished(later, now(), 10).await.unwrap(), vec![]);
    assert_eq!(engine.stock(SKU).await, (6, 0, 0));
    let ledger = SqlLedger::new(engine.database.clone(), StockMode::InCommit);
    let trace = ledger.trace(STORE, SKU, 10).await.unwrap().unwrap();
    assert_eq!(trace.movements[0].reason.as_deref(), Some("broken"));
    assert!(trace.adds_up);
    assert_eq!(SqlReconciler::new(engine.database.clone()).differences().await.unwrap(), vec![]);
    assert_eq!(SqlTraces::new(engine.database.clone()).of_sku(SKU).await.unwrap().len(), 5);
}

/// Numbers from a fixed seed: every run does the same.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Orders are placed, paid, cancelled, paid late, refunded with and without restock, in any order; counted from orders and
/// receipts alone, the figures are those of the stock rows.
async fn a_snapshot_equals_the_figures(engine: Engine) {
    engine.claim_gate("database").await;
    let skus = [SkuId(1), SkuId(2), SkuId(3)];
    for sku in skus {
        engine.put_sku(StockMode::InCommit, STORE, sku, 40, LISTED).await;
    }
    let writer = engine.writer(StockMode::InCommit).await;
    let orders = Arc::new(SqlOrderRepository::new(engine.database.clone(), StockMode::InCommit));
    let mut dice = Dice(42);
    let mut placed: Vec<OrderNo> = Vec::new();
    for step in 0..400 {
        if placed.is_empty() || dice.roll(4) == 0 {
            let lines: Vec<(SkuId, i64)> = skus.into_iter().filter(|_| dice.roll(2) == 0).map(|sku| (sku, 1)).collect();
            if lines.is_empty() {
                continue;
            }
            let order = new_order(1_000 + step * 10, &lines);
            let order_no = order.order_no;
            if writer.commit(order.into()).await.unwrap() == CommitOutcome::Committed {
                placed.push(order_no);
            }
            continue;
        }
        let order_no = placed[usize::try_from(dice.roll(u64::try_from(placed.len()).unwrap())).unwrap()];
        let order = orders.find(STORE, order_no).await.unwrap().unwrap();
        let Some(transition) = some_change(&order, step, &mut dice) else { continue };
        let outcome = orders.apply(&transition).await.unwrap();
        assert!(matches!(outcome, Applied::Done | Applied::Short), "{outcome:?}");
    }
    let snapshot = engine.source().snapshot().await.unwrap();
    let counted: HashMap<SkuId, Figures> = snapshot.skus.iter().map(|(_, sku, figures, _)| (*sku, *figures)).collect();
    let ledger = SqlLedger::new(engine.database.clone(), StockMode::InCommit);
    assert_eq!(counted, ledger.figures(STORE, &skus).await.unwrap());
    assert!(counted.values().all(|figures| figures.hold() && figures.locked > 0 && figures.sold > 0), "{counted:?}");
    let held: i64 = snapshot.held.iter().flat_map(|(_, _, lines, _)| lines).map(|line| line.quantity).sum();
    assert_eq!(held, counted.values().map(|figures| figures.locked).sum::<i64>());
    assert!(snapshot.skus.iter().all(|(_, _, _, listing)| *listing == LISTED));
    assert_eq!(SqlReconciler::new(engine.database.clone()).differences().await.unwrap(), vec![]);
}

fn some_change(order: &Order, step: i64, dice: &mut Dice) -> Option<Transition> {
    let payment = PaymentId(format!("payment-{}", order.order_no));
    let reservation = order.reservation;
    let change = |to: OrderState, stock| plain_transition(order, to, stock);
    match &order.state {
        OrderState::Unpaid if dice.roll(2) == 0 => Some(change(OrderState::Paid { payment }, StockStep::Sell(reservation))),
        OrderState::Unpaid => {
            Some(change(OrderState::Cancelled { reason: CancelReason::Expired }, StockStep::Release(reservation)))
        }
        OrderState::Cancelled { .. } if dice.roll(2) == 0 => {
            let reservation = ReservationId { attempt: reservation.attempt + 1, ..reservation };
            Some(change(OrderState::Paid { payment }, StockStep::LateSell { reservation, epoch: None, terms: order.late_terms() }))
        }
        OrderState::Cancelled { .. } => Some(change(OrderState::PaidAfterClose { payment }, StockStep::None)),
        OrderState::Paid { .. } | OrderState::Refunded { .. } | OrderState::PaidAfterClose { .. } => {
            let left = order.terms.total.amount - order.refunded;
            let amount = if dice.roll(2) == 0 { left } else { left.min(500) };
            if amount == 0 {
                return None;
            }
            let to = if amount == left { OrderState::Refunded { payment } } else { order.state.clone() };
            let restock: Vec<(SkuId, i64)> = order.items.iter().map(|item| (item.line.sku_id, 1)).collect();
            let record = RefundRecord { id: RefundId(format!("refund-{step}")), amount, restock };
            let stock = if dice.roll(2) == 0 { StockStep::Restock(record.clone()) } else { StockStep::None };
            Some(Transition { refund: Some(record), ..change(to, stock) })
        }
        OrderState::Confirming | OrderState::Fulfilled { .. } | OrderState::Completed { .. } | OrderState::Failed => None,
    }
}
