//! Behind an outside gate messages of movements may be lost: the ledger gets what they told from the orders, once, and
//! what a gate is rebuilt from is right in between.

use std::{collections::HashMap, sync::Arc, time::Duration};

use sluice_events::{MovementKind, StockMoved};
use sluice_inventory::{
    Checked, Figures, GateEffects as _, GateSource as _, Ledger as _, Listing, RecordCheck as _, ReservationOutcomes as _,
};
use sluice_kernel::{OrderNo, PaymentId, RefundId, ReservationId, SkuId, Timestamp};
use sluice_order::{
    Applied, CancelReason, CommitOutcome, Order, OrderRepository as _, OrderState, RefundRecord, StockStep, Transition,
    testing::plain_transition,
};
use sluice_storage_sql::{
    SqlGateEffects, SqlLedger, SqlOrderRepository, SqlReconciler, SqlRecordCheck, SqlReservationOutcomes, StockMode,
};

use super::order_fixture::{Engine, STORE, now, on_each_engine, reserved_order};

on_each_engine!(
    a_movement_whose_message_was_lost_never_stays_out_of_the_ledger,
    what_the_ledger_lacks_is_never_missing_in_a_snapshot,
    a_closed_order_whose_outcome_is_forgotten_is_never_taken_for_an_orphan,
);

const SKU: SkuId = SkuId(7);
const LISTED: Listing = Listing { buyable: true, revision: 3 };

fn later(seconds: u64) -> Timestamp {
    now().plus(Duration::from_secs(seconds))
}

async fn placed(engine: &Engine, number: i64, units: i64, epoch: i64) -> Order {
    let writer = engine.writer(StockMode::Reserved).await;
    let order = reserved_order(number, &[(SKU, units)], epoch);
    let order_no = order.order_no;
    assert_eq!(writer.commit(order.into()).await.unwrap(), CommitOutcome::Committed);
    SqlOrderRepository::new(engine.database.clone(), StockMode::Reserved).find(STORE, order_no).await.unwrap().unwrap()
}

fn paid(order: &Order) -> Transition {
    let to = OrderState::Paid { payment: PaymentId(format!("payment-{}", order.order_no)) };
    Transition { paid_at: Some(now()), ..plain_transition(order, to, StockStep::Sell(order.reservation)) }
}

fn cancelled(order: &Order) -> Transition {
    plain_transition(order, OrderState::Cancelled { reason: CancelReason::Expired }, StockStep::Release(order.reservation))
}

async fn outcomes(engine: &Engine) -> i64 {
    engine.number("SELECT COUNT(*) FROM reservation_outcomes").await
}

async fn a_movement_whose_message_was_lost_never_stays_out_of_the_ledger(engine: Engine) {
    let epoch = engine.claim_gate("redis").await;
    engine.put_sku(StockMode::Reserved, STORE, SKU, 20, LISTED).await;
    let orders = SqlOrderRepository::new(engine.database.clone(), StockMode::Reserved);
    let (sold, back, open) =
        (placed(&engine, 100, 3, epoch).await, placed(&engine, 110, 4, epoch).await, placed(&engine, 120, 5, epoch).await);
    assert_eq!(orders.apply(&paid(&sold)).await.unwrap(), Applied::Done);
    assert_eq!(orders.apply(&cancelled(&back)).await.unwrap(), Applied::Done);
    // The sale was told; the reserve it must follow was not, nor anything of the others.
    let ledger = SqlLedger::new(engine.database.clone(), StockMode::Reserved);
    let sale = StockMoved {
        movement_id: sold.reservation.to_string(),
        store_id: STORE,
        sku_id: SKU,
        kind: MovementKind::Sell,
        quantity: 3,
        order_no: Some(sold.order_no),
        reason: None,
        at: now(),
    };
    ledger.record(std::slice::from_ref(&sale)).await.unwrap();
    assert_eq!(engine.stock(SKU).await, (20, 0, 0), "it waits");

    let check = SqlRecordCheck::new(engine.database.clone());
    assert_eq!(check.check(Duration::from_mins(1), later(30), 100).await.unwrap(), Checked::default(), "not yet");
    let checked = check.check(Duration::from_mins(1), later(90), 100).await.unwrap();
    let mut kinds: Vec<&str> = checked.recorded.iter().map(|movement| movement.kind.as_str()).collect();
    kinds.sort_unstable();
    assert_eq!((checked.looked, kinds), (3, vec!["release", "reserve", "reserve", "reserve"]));
    assert_eq!(engine.stock(SKU).await, (12, 5, 3));
    assert_eq!(SqlReconciler::new(engine.database.clone()).differences().await.unwrap(), vec![]);
    // Closed orders are done with; the open one is looked at again later.
    assert_eq!(outcomes(&engine).await, 1);
    assert_eq!(check.check(Duration::from_mins(1), later(100), 100).await.unwrap(), Checked::default());

    // The message comes after all, and everything is looked at once more.
    ledger.record(&checked.recorded).await.unwrap();
    ledger.record(std::slice::from_ref(&sale)).await.unwrap();
    assert_eq!(orders.apply(&cancelled(&open)).await.unwrap(), Applied::Done);
    let checked = check.check(Duration::ZERO, later(200), 100).await.unwrap();
    assert_eq!((checked.looked, checked.recorded.len()), (1, 1));
    assert_eq!(engine.stock(SKU).await, (17, 0, 3));
    assert_eq!(outcomes(&engine).await, 0, "it does not grow with the orders");
    assert_eq!(SqlReconciler::new(engine.database.clone()).differences().await.unwrap(), vec![]);
}

async fn a_closed_order_whose_outcome_is_forgotten_is_never_taken_for_an_orphan(engine: Engine) {
    let epoch = engine.claim_gate("redis").await;
    engine.put_sku(StockMode::Reserved, STORE, SKU, 20, LISTED).await;
    let order = placed(&engine, 100, 3, epoch).await;
    let orders = SqlOrderRepository::new(engine.database.clone(), StockMode::Reserved);
    assert_eq!(orders.apply(&paid(&order)).await.unwrap(), Applied::Done);
    SqlRecordCheck::new(engine.database.clone()).check(Duration::ZERO, later(1), 100).await.unwrap();
    assert_eq!(outcomes(&engine).await, 0);
    let orphan = ReservationId::first(OrderNo::from_id(500));
    let never = ReservationId { attempt: 2, ..order.reservation };
    let held = [(STORE, order.reservation), (STORE, orphan), (STORE, never)];
    let abandoned = SqlReservationOutcomes::new(engine.database.clone()).abandon(&held, later(2)).await.unwrap();
    assert_eq!(abandoned, [(STORE, orphan), (STORE, never)]);
}

/// Numbers from a fixed seed: every run does the same.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Orders are placed, paid, cancelled, paid late and refunded while every other message is lost and the queue is told now
/// and then: at any moment the snapshot is what all orders and receipts add up to.
async fn what_the_ledger_lacks_is_never_missing_in_a_snapshot(engine: Engine) {
    let epoch = engine.claim_gate("redis").await;
    engine.put_sku(StockMode::Reserved, STORE, SKU, 500, LISTED).await;
    let (orders, ledger, check, effects) = (
        Arc::new(SqlOrderRepository::new(engine.database.clone(), StockMode::Reserved)),
        SqlLedger::new(engine.database.clone(), StockMode::Reserved),
        SqlRecordCheck::new(engine.database.clone()),
        SqlGateEffects::new(engine.database.clone(), "test".to_owned()),
    );
    let mut dice = Dice(7);
    let mut numbers: Vec<OrderNo> = Vec::new();
    for step in 0..120_u64 {
        if numbers.len() < 5 || dice.roll(4) == 0 {
            let number = 1_000 + i64::try_from(step).unwrap() * 10;
            numbers.push(placed(&engine, number, 2, epoch).await.order_no);
            continue;
        }
        let at = usize::try_from(dice.roll(u64::try_from(numbers.len()).unwrap())).unwrap();
        let order = orders.find(STORE, numbers[at]).await.unwrap().unwrap();
        let Some(transition) = some_change(&order, step, epoch, &mut dice) else { continue };
        assert_eq!(orders.apply(&transition).await.unwrap(), Applied::Done);
        match dice.roll(6) {
            0 => {
                check.check(Duration::ZERO, later(step), 3).await.unwrap();
            }
            1 => ledger.record(&[reserve_of(&order)]).await.unwrap(),
            2 => tell(&effects, &ledger, later(step)).await,
            _ => {}
        }
        let snapshot = engine.source().snapshot().await.unwrap();
        let counted = HashMap::from([(SKU, snapshot.skus[0].2)]);
        assert!(counted[&SKU].hold(), "{counted:?}");
        let known = SqlReconciler::new(engine.database.clone()).differences().await.unwrap();
        // Where stock, ledger and orders agree nothing is missing.
        let by_orders = known.first().map_or(counted[&SKU], |difference| difference.orders);
        assert_eq!(counted[&SKU], by_orders, "step {step}");
    }
    while check.check(Duration::ZERO, later(10_000), 100).await.unwrap().looked > 0 {}
    for round in 0..10 {
        tell(&effects, &ledger, later(10_000 + round * 100)).await;
    }
    assert_eq!(SqlReconciler::new(engine.database.clone()).differences().await.unwrap(), vec![]);
    let figures: Figures = ledger.figures(STORE, &[SKU]).await.unwrap()[&SKU];
    assert!(figures.locked > 0 && figures.sold > 0, "{figures:?}");
}

fn reserve_of(order: &Order) -> StockMoved {
    StockMoved {
        movement_id: ReservationId::first(order.order_no).to_string(),
        store_id: STORE,
        sku_id: SKU,
        kind: MovementKind::Reserve,
        quantity: 2,
        order_no: Some(order.order_no),
        reason: None,
        at: now(),
    }
}

/// As the worker does: a restock is recorded before it leaves the queue.
async fn tell(effects: &SqlGateEffects, ledger: &SqlLedger, at: Timestamp) {
    for row in effects.claim(STORE, 100, at).await.unwrap() {
        if let Some(sluice_inventory::GateEffect::Restock { refund, lines, .. }) = &row.effect {
            let restock = |line: &sluice_events::RestockLine| StockMoved {
                movement_id: refund.clone(),
                store_id: STORE,
                sku_id: line.sku_id,
                kind: MovementKind::Restock,
                quantity: line.quantity,
                order_no: row.lane.parse().ok(),
                reason: None,
                at,
            };
            ledger.record(&lines.iter().map(restock).collect::<Vec<_>>()).await.unwrap();
        }
        effects.done(&[row.id]).await.unwrap();
    }
}

fn some_change(order: &Order, step: u64, epoch: i64, dice: &mut Dice) -> Option<Transition> {
    let payment = PaymentId(format!("payment-{}", order.order_no));
    match &order.state {
        OrderState::Unpaid if dice.roll(2) == 0 => Some(paid(order)),
        OrderState::Unpaid => Some(cancelled(order)),
        OrderState::Cancelled { .. } if dice.roll(2) == 0 => {
            let reservation = ReservationId { attempt: order.reservation.attempt + 1, ..order.reservation };
            let step = StockStep::LateSell { reservation, epoch: Some(epoch), terms: None };
            Some(Transition { paid_at: Some(now()), ..plain_transition(order, OrderState::Paid { payment }, step) })
        }
        OrderState::Cancelled { .. } => Some(plain_transition(order, OrderState::PaidAfterClose { payment }, StockStep::None)),
        OrderState::Paid { .. } | OrderState::PaidAfterClose { .. } => {
            let amount = order.terms.total.amount - order.refunded;
            let restock: Vec<(SkuId, i64)> = order.items.iter().map(|item| (item.line.sku_id, 1)).collect();
            let record = RefundRecord { id: RefundId(format!("refund-{step}")), amount, restock };
            let stock = if dice.roll(2) == 0 { StockStep::Restock(record.clone()) } else { StockStep::None };
            Some(Transition { refund: Some(record), ..plain_transition(order, OrderState::Refunded { payment }, stock) })
        }
        OrderState::Refunded { .. }
        | OrderState::Confirming
        | OrderState::Fulfilled { .. }
        | OrderState::Completed { .. }
        | OrderState::Failed => None,
    }
}

/// Rows that all connections have read of this database's tables since the count began.
async fn rows_read(engine: &Engine) -> i64 {
    let sum = "SELECT CAST(COALESCE(SUM(ROWS_READ), 0) AS SIGNED) FROM information_schema.TABLE_STATISTICS WHERE TABLE_SCHEMA = DATABASE()";
    engine.number(sum).await
}

/// Fifty thousand closed orders cost a rebuild no row more than five thousand.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_never_reads_closed_orders() {
    let engine = Engine::over(super::databases::TestDatabase::mariadb().await).await;
    engine.sql("SET GLOBAL userstat = 1").await;
    let epoch = engine.claim_gate("redis").await;
    engine.put_sku(StockMode::Reserved, STORE, SKU, 100, LISTED).await;
    for number in 0..20 {
        placed(&engine, 9_000_000_000 + number * 10, 1, epoch).await;
    }
    let mut read = Vec::new();
    for (from, to) in [(1, 5_000), (5_001, 50_000)] {
        close_orders(&engine, from, to).await;
        let before = rows_read(&engine).await;
        let snapshot = engine.source().snapshot().await.unwrap();
        assert_eq!((snapshot.held.len(), snapshot.taken.len()), (20, 0));
        let sold = to;
        assert_eq!(snapshot.skus[0].2, Figures { usable: 80, locked: 20, sold, received: 100 + sold });
        read.push(rows_read(&engine).await - before);
    }
    assert!(read[0] > 20 && read[1] < 500, "{read:?}");
    assert_eq!(read[0], read[1], "rows read grow with closed orders");
}

/// Paid orders with all their movements recorded, an activity's among them.
async fn close_orders(engine: &Engine, from: i64, to: i64) {
    let seq = format!("seq_{from}_to_{to}");
    engine
        .sql(&format!(
            "INSERT INTO orders (order_no, store_id, user_id, kind, status, attempt, currency, total, points_total, profit_total, \
             refunded, refund_state, created_at, expires_at, due_at, redirect_type, version) \
             SELECT seq * 10, {STORE}, CONCAT('u', seq), IF(seq % 2, 1, 2), 3, 1, 'CNY', 1990, 5, 150, 0, 0, 0, 0, 0, '2', 1 FROM {seq}"
        ))
        .await;
    engine
        .sql(&format!(
            "INSERT INTO order_items (main_no, sku_id, store_id, child_no, product_id, title, spec, code, quantity, unit_price, \
             unit_points, line_total, supplier_price, allotable_profit, delivery_place, revision, restocked) \
             SELECT seq * 10, {SKU}, {STORE}, seq * 10 + 1, 1, 'Tea', 'red', 'T-1', 1, 1990, 5, 1990, 900, 150, '1', 1, 0 FROM {seq}"
        ))
        .await;
    engine
        .sql(&format!(
            "INSERT INTO stock_ledger (store_id, sku_id, movement_id, kind, quantity, order_no, at, applied) \
             SELECT {STORE}, {SKU}, CONCAT('old-', seq), kind, 1, seq * 10, 0, TRUE FROM {seq}, (SELECT 1 AS kind UNION SELECT 2) AS kinds"
        ))
        .await;
    engine.sql(&format!("UPDATE stock SET sold = {to}, received = received + {to} - {from} + 1 WHERE sku_id = {SKU}")).await;
}
