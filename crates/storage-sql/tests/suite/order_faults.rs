//! The group commit when things break: a poisoned order, and connections that die under it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sluice_inventory::Listing;
use sluice_kernel::{PaymentId, PortError, SkuId};
use sluice_order::{
    Applied, CancelReason, CommitOutcome, OrderRepository, OrderState, StockStep,
    testing::{new_order, plain_transition},
};
use sluice_storage_sql::{SqlOrderRepository, SqlReconciler, StockMode};

use super::{
    databases::TestDatabase,
    order_fixture::{Engine, STORE, on_each_engine},
};

on_each_engine!(a_hundred_orders_of_crossing_lines_all_commit, a_poisoned_order_fails_alone);

const SKU: SkuId = SkuId(7);
const LISTED: Listing = Listing { buyable: true, revision: 3 };

/// Its child's number is taken: the whole multi-row INSERT fails, and the batch is tried one by one.
async fn a_poisoned_order_fails_alone(engine: Engine) {
    engine.claim_gate("database").await;
    engine.put_sku(StockMode::InCommit, STORE, SKU, 100, LISTED).await;
    let writer = engine.writer(StockMode::InCommit).await;
    assert_eq!(writer.commit(new_order(100, &[(SKU, 1)]).into()).await.unwrap(), CommitOutcome::Committed);
    let mut poisoned = new_order(200, &[(SKU, 1)]);
    poisoned.terms.children = new_order(100, &[(SKU, 1)]).terms.children;
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..40 {
        let (writer, poisoned) = (writer.clone(), poisoned.clone());
        let order = if n == 20 { poisoned } else { new_order(1_000 + n * 10, &[(SKU, 1)]) };
        calls.spawn(async move { (n, writer.commit(order.into()).await) });
    }
    for (n, answer) in calls.join_all().await {
        if n == 20 {
            assert!(matches!(answer, Err(PortError::Internal { .. })), "{answer:?}");
        } else {
            assert_eq!(answer.unwrap(), CommitOutcome::Committed);
        }
    }
    assert_eq!(engine.rows_of(poisoned.order_no).await, 0);
    assert_eq!(engine.stock(SKU).await, (60, 40, 0));
    assert_eq!(SqlReconciler::new(engine.database.clone()).differences().await.unwrap(), vec![]);
}

/// At two processes at once, of the same SKUs in every order of lines, while earlier ones are paid and cancelled: nobody is
/// told of a deadlock.
async fn a_hundred_orders_of_crossing_lines_all_commit(engine: Engine) {
    const SKUS: [SkuId; 4] = [SkuId(7), SkuId(8), SkuId(9), SkuId(10)];
    engine.claim_gate("database").await;
    for sku in SKUS {
        engine.put_sku(StockMode::InCommit, STORE, sku, 1_000, LISTED).await;
    }
    let writers = [engine.writer(StockMode::InCommit).await, engine.writer(StockMode::InCommit).await];
    let orders: Arc<dyn OrderRepository> = Arc::new(SqlOrderRepository::new(engine.database.clone(), StockMode::InCommit));
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..100_i64 {
        let (writer, orders) = (writers[usize::from(n % 2 == 0)].clone(), orders.clone());
        calls.spawn(async move {
            let mut lines = SKUS.map(|sku| (sku, 1));
            lines.rotate_left(usize::try_from(n % 4).unwrap());
            if n % 3 == 0 {
                lines.reverse();
            }
            let placed = new_order(1_000 + n * 10, &lines);
            assert_eq!(writer.commit(placed.clone().into()).await.unwrap(), CommitOutcome::Committed);
            let order = orders.find(STORE, placed.order_no).await.unwrap().unwrap();
            let change = if n % 2 == 0 {
                let paid = OrderState::Paid { payment: PaymentId(format!("p-{n}")) };
                plain_transition(&order, paid, StockStep::Sell(order.reservation))
            } else {
                let cancelled = OrderState::Cancelled { reason: CancelReason::User };
                plain_transition(&order, cancelled, StockStep::Release(order.reservation))
            };
            assert_eq!(orders.apply(&change).await.unwrap(), Applied::Done);
        });
    }
    calls.join_all().await;
    for sku in SKUS {
        assert_eq!(engine.stock(sku).await, (950, 0, 50));
    }
    assert_eq!(SqlReconciler::new(engine.database.clone()).differences().await.unwrap(), vec![]);
}

/// Every connection is killed again and again while shoppers order and repeat what was not answered: what was
/// acknowledged exists, every key has one order, and not a unit is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn killed_connections_lose_and_double_nothing() {
    let engine = Arc::new(Engine::over(TestDatabase::mariadb().await).await);
    engine.claim_gate("database").await;
    engine.put_sku(StockMode::InCommit, STORE, SKU, 10_000, LISTED).await;
    let writer = engine.writer(StockMode::InCommit).await;
    let stop = Arc::new(AtomicBool::new(false));
    let killer = tokio::spawn({
        let (engine, stop) = (engine.clone(), stop.clone());
        async move {
            let mut killed = 0;
            while !stop.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_millis(15)).await;
                killed += engine.kill_other_connections().await;
            }
            killed
        }
    });
    let mut shoppers = tokio::task::JoinSet::new();
    for shopper in 0..32_i64 {
        let writer = writer.clone();
        shoppers.spawn(async move {
            for n in 0..20 {
                let first = 1_000_000 + shopper * 100_000 + n * 1_000;
                let key = new_order(first, &[(SKU, 1)]).key;
                let mut answer = None;
                for again in 0..90 {
                    let mut order = new_order(first + again * 10, &[(SKU, 1)]);
                    order.key = key.clone();
                    match writer.commit(order.into()).await {
                        Ok(given) => {
                            answer = Some(given);
                            break;
                        }
                        Err(error) => assert!(matches!(error, PortError::Unavailable { .. }), "{error:?}"),
                    }
                }
                assert!(matches!(answer, Some(CommitOutcome::Committed | CommitOutcome::Replayed(_))), "{answer:?}");
            }
        });
    }
    shoppers.join_all().await;
    stop.store(true, Ordering::Relaxed);
    assert!(killer.await.unwrap() > 0);
    assert_eq!(engine.number("SELECT COUNT(*) FROM orders").await, 640);
    assert_eq!(engine.number("SELECT COUNT(DISTINCT key_scope) FROM orders").await, 640);
    assert_eq!(engine.stock(SKU).await, (9_360, 640, 0));
    assert_eq!(SqlReconciler::new(engine.reconnected().await).differences().await.unwrap(), vec![]);
}
