//! The suite of order's ports with the database gate, and the proof that stock, ledger and orders agree afterwards.

use sluice_storage_sql::{Database, SqlReconciler, SqlTraces};

use super::order_fixture::{Engine, Orders, on_each_engine};

on_each_engine!(order_contract);

async fn order_contract(engine: Engine) {
    let orders = Orders::over(engine).await;
    sluice_order::testing::order_contract(&orders).await;
    agree(&orders.engine.database).await;
    let last = orders.engine.number("SELECT MAX(order_no) FROM order_refunds").await;
    let trace = SqlTraces::new(orders.engine.database.clone()).of_order(sluice_kernel::OrderNo::from_id(last)).await.unwrap();
    for what in ["order", "key", "movement", "refund", "outbox"] {
        assert!(trace.iter().any(|line| line.what == what), "{what} is missing in {trace:?}");
    }
}

async fn agree(database: &Database) {
    assert_eq!(SqlReconciler::new(database.clone()).differences().await.unwrap(), vec![]);
}
