//! What users have taken: counters beside the orders, and the snapshot an outside gate is rebuilt from.

use sluice_inventory::{
    GateAnswer, GateSource as _, Listing, ReserveLine, SaleWindow, Settled, StockGate as _, TakenOfLimit, Terms, UserLimit,
};
use sluice_kernel::{OrderNo, ReservationId, SkuId, UserId};
use sluice_order::{CommitOutcome, testing::new_order};
use sluice_storage_sql::{LimitDifference, SqlReconciler, SqlStockGate, StockMode};

use super::order_fixture::{Engine, STORE, now, on_each_engine};

on_each_engine!(a_refusal_leaves_no_counter, a_snapshot_counts_the_orders_of_activities, counters_are_compared_with_orders,);

const SKU: SkuId = SkuId(7);
const LISTED: Listing = Listing { buyable: true, revision: 3 };

fn ann() -> UserId {
    UserId("ann".to_owned())
}

fn limit(user: UserId, units: i64) -> UserLimit {
    UserLimit { sku: SKU, user, units, most_orders: Some(1), most_units: Some(units) }
}

fn reservation(number: i64) -> ReservationId {
    ReservationId::first(OrderNo::from_id(number))
}

async fn reserve(gate: &SqlStockGate, number: i64, units: i64, terms: &Terms) -> GateAnswer {
    let line = ReserveLine { sku: SKU, quantity: units, revision: None };
    gate.reserve(STORE, reservation(number), &[line], terms, now()).await.unwrap()
}

/// A flood of refusals writes nothing that stays, and a limit that was given back is counted down to nothing.
async fn a_refusal_leaves_no_counter(engine: Engine) {
    let epoch = engine.claim_gate("database").await;
    engine.put_sku(StockMode::InCommit, STORE, SKU, 3, LISTED).await;
    let gate = SqlStockGate::new(engine.database.clone());
    let counters = async || engine.number("SELECT COUNT(*) FROM limit_counters").await;
    let of_ann = async |column: &str| {
        engine.number(&format!("SELECT {column} FROM limit_counters WHERE sku_id = 7 AND user_id = 'ann' AND store_id = 1")).await
    };
    let over = SaleWindow { from: now().plus(std::time::Duration::from_millis(1)), until: now() };
    for (number, (units, window)) in (1..).zip([(4, None), (1, Some(over))]) {
        let refused = reserve(&gate, number, units, &Terms { window, limit: Some(limit(ann(), units)) }).await;
        assert!(matches!(refused, GateAnswer::Short(_) | GateAnswer::OutsideWindow), "{refused:?}");
    }
    assert_eq!(counters().await, 0);

    let terms = Terms { window: None, limit: Some(limit(ann(), 2)) };
    assert_eq!(reserve(&gate, 3, 2, &terms).await, GateAnswer::Reserved { epoch });
    assert_eq!(reserve(&gate, 4, 2, &terms).await, GateAnswer::LimitReached);
    assert_eq!((counters().await, of_ann("orders").await, of_ann("units").await), (1, 1, 2));
    // A reservation that took no limit frees none.
    assert_eq!(reserve(&gate, 5, 1, &Terms::default()).await, GateAnswer::Reserved { epoch });
    assert_eq!(gate.release(STORE, reservation(5), now()).await.unwrap(), Settled::Done);
    assert_eq!((of_ann("orders").await, of_ann("units").await), (1, 2));
    assert_eq!(gate.release(STORE, reservation(3), now()).await.unwrap(), Settled::Done);
    assert_eq!((of_ann("orders").await, of_ann("units").await), (0, 0));
    // A limit of other units than the line's could not be given back.
    assert!(
        gate.reserve(STORE, reservation(6), &[ReserveLine { sku: SKU, quantity: 1, revision: None }], &terms, now()).await.is_err()
    );
    assert_eq!(engine.stock(SKU).await, (3, 0, 0));
}

/// Status, cancel reason and attempt of an order, and whether it counts.
const STANDINGS: [(i16, Option<i16>, i16, bool); 10] = [
    (1, None, 1, true),
    (2, None, 1, true),
    (3, None, 1, true),
    (4, None, 1, true),
    (5, None, 1, true),
    (6, Some(2), 1, false),
    (7, None, 1, false),
    // Paid after its close, then refunded: its units had gone back.
    (9, Some(2), 1, false),
    // Paid after its close, reserved again, refunded.
    (9, Some(2), 2, true),
    // A refund gives no limit back.
    (9, None, 1, true),
];

/// Writes an order in each of these standings, `n` units in the n-th, and tells units and attempts of those that count.
async fn place_in_every_standing(engine: &Engine) -> Vec<(OrderNo, i64)> {
    let writer = engine.writer(StockMode::InCommit).await;
    let mut counted = Vec::new();
    for (units, (status, reason, attempt, counts)) in (1..).zip(STANDINGS) {
        let order = new_order(1_000 + units * 10, &[(SKU, units)]);
        let order_no = order.order_no;
        assert_eq!(writer.commit(order.into()).await.unwrap(), CommitOutcome::Committed);
        let reason = reason.map_or_else(|| "NULL".to_owned(), |reason| reason.to_string());
        engine
            .sql(&format!(
                "UPDATE orders SET kind = 2, user_id = 'ann', status = {status}, cancel_reason = {reason}, attempt = {attempt} \
                 WHERE order_no = {}",
                order_no.id()
            ))
            .await;
        engine.sql(&format!("UPDATE order_items SET restocked = 1 WHERE main_no = {}", order_no.id())).await;
        if counts {
            counted.push((order_no, units));
        }
    }
    // An order of a cart counts towards no limit, whoever places it.
    let of_cart = new_order(9_000, &[(SKU, 1)]);
    let order_no = of_cart.order_no.id();
    assert_eq!(writer.commit(of_cart.into()).await.unwrap(), CommitOutcome::Committed);
    engine.sql(&format!("UPDATE orders SET user_id = 'ann' WHERE order_no = {order_no}")).await;
    counted
}

async fn a_snapshot_counts_the_orders_of_activities(engine: Engine) {
    engine.claim_gate("database").await;
    engine.put_sku(StockMode::InCommit, STORE, SKU, 100, LISTED).await;
    let counted = place_in_every_standing(&engine).await;
    let snapshot = engine.source().snapshot().await.unwrap();
    let orders = i64::try_from(counted.len()).unwrap();
    let units = counted.iter().map(|(_, units)| units).sum();
    assert_eq!(snapshot.taken, [TakenOfLimit { store: STORE, sku: SKU, user: ann(), orders, units }]);
    // Only the first two hold units; the order of the cart holds its unit without a limit.
    let unbounded = |units| UserLimit { most_orders: None, most_units: None, ..limit(ann(), units) };
    let held: Vec<_> = snapshot.held.iter().map(|(_, id, _, limit)| (id.order, limit.clone())).collect();
    let mut expected: Vec<_> = counted.iter().take(2).map(|(order, units)| (*order, Some(unbounded(*units)))).collect();
    expected.push((OrderNo::from_id(9_000), None));
    assert_eq!(held, expected);
}

async fn counters_are_compared_with_orders(engine: Engine) {
    engine.claim_gate("database").await;
    engine.put_sku(StockMode::InCommit, STORE, SKU, 100, LISTED).await;
    let reconciler = SqlReconciler::new(engine.database.clone());
    assert_eq!(reconciler.limit_differences().await.unwrap(), vec![]);
    let counted = place_in_every_standing(&engine).await;
    let orders = (i64::try_from(counted.len()).unwrap(), counted.iter().map(|(_, units)| units).sum());
    let missing = LimitDifference { store: STORE, sku: SKU, user: ann(), counter: (0, 0), orders };
    assert_eq!(reconciler.limit_differences().await.unwrap(), std::slice::from_ref(&missing));

    engine.sql(&format!("INSERT INTO limit_counters (sku_id, user_id, store_id, orders, units) VALUES (7, 'ann', 1, {}, {}), (7, 'bob', 1, 0, 0)", orders.0, orders.1)).await;
    assert_eq!(reconciler.limit_differences().await.unwrap(), vec![]);
    engine.sql("UPDATE limit_counters SET units = units + 1, orders = 3 WHERE user_id = 'bob'").await;
    let bob = LimitDifference { user: UserId("bob".to_owned()), counter: (3, 1), orders: (0, 0), ..missing };
    assert_eq!(reconciler.limit_differences().await.unwrap(), [bob]);
    // A gate outside the database counts by itself.
    engine.sql("UPDATE gate_state SET kind = 'redis'").await;
    assert_eq!(reconciler.limit_differences().await.unwrap(), vec![]);
}
