//! The points account's contracts.

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::ConnectionTrait as _;
use sluice_events::{Fact, PaymentSettled};
use sluice_kernel::{ManualClock, OrderNo, Timestamp};
use sluice_points::{PointsAccount, PointsTasks, testing::PointsFixture};
use sluice_storage_sql::{SqlPointsLedger, SqlPointsTasks};

use crate::databases::{Beside, TestDatabase, on_every_database};

on_every_database!(ledger, tasks);

fn ledger_of(test: &TestDatabase) -> SqlPointsLedger {
    SqlPointsLedger::new(test.database.clone(), Arc::new(ManualClock::at(Timestamp::from_millis(1_790_000_000_000))))
}

async fn ledger(test: &TestDatabase) {
    sluice_points::testing::points_account_contract(Arc::new(ledger_of(test))).await;
    the_ledger_adds_up(&test.beside().await).await;
}

/// Every balance is the sum of its entries, and no entry ever left less than nothing.
async fn the_ledger_adds_up(beside: &Beside) {
    let sums = "SELECT COUNT(*) FROM points_accounts a WHERE a.balance <> \
        (SELECT COALESCE(SUM(l.points), 0) FROM points_ledger l WHERE l.store_id = a.store_id AND l.user_id = a.user_id)";
    assert_eq!(beside.number(sums).await, 0);
    assert!(beside.number("SELECT COUNT(*) FROM points_accounts").await > 3);
    // The database itself keeps a balance from falling below zero.
    let broken = "UPDATE points_accounts SET balance = balance - 100000000";
    assert!(beside.connection().execute_unprepared(broken).await.is_err());
}

/// A worker that froze in the middle of a transaction holds its rows; the others take what is left, and wait for none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_worker_waits_for_points_tasks_that_another_one_holds() {
    use sea_orm::{Statement, TransactionTrait as _};
    let test = TestDatabase::mariadb().await;
    let beside = test.beside().await;
    for number in 1..=10 {
        let insert = "INSERT INTO points_tasks (kind, business_id, store_id, user_id, points, currency, reason, state, attempts, \
                      next_try_at, created_at) VALUES (1, ?, 1, 'u', 1, 'CNY', 'order', 1, 0, ?, 1)";
        beside.execute(insert, vec![format!("{number:02}").into(), i64::from(number).into()]).await;
    }
    let frozen = beside.connection().begin().await.unwrap();
    for number in 1..=4 {
        let held = format!("SELECT 1 FROM points_tasks WHERE kind = 1 AND business_id = '{number:02}' FOR UPDATE");
        frozen.query_all_raw(Statement::from_string(sea_orm::DbBackend::MySql, held)).await.unwrap();
    }

    let tasks = SqlPointsTasks::new(test.database.clone());
    let now = Timestamp::from_millis(1_000);
    let lease = tasks.lease(5, "other", now, now.plus(std::time::Duration::from_mins(1)));
    let taken = tokio::time::timeout(std::time::Duration::from_secs(5), lease).await.expect("nobody is waited for").unwrap();
    let names: Vec<&str> = taken.iter().map(|standing| standing.task.operation.business_id.as_str()).collect();
    assert_eq!(names, ["05", "06", "07", "08", "09"]);
    frozen.rollback().await.unwrap();
}

struct Fixture {
    tasks: SqlPointsTasks,
    ledger: SqlPointsLedger,
    beside: Beside,
}

#[async_trait]
impl PointsFixture for Fixture {
    fn tasks(&self) -> Arc<dyn PointsTasks> {
        Arc::new(self.tasks.clone())
    }

    fn ledger(&self) -> Arc<dyn PointsAccount> {
        Arc::new(self.ledger.clone())
    }

    async fn settlements(&self, order: OrderNo) -> Vec<PaymentSettled> {
        let payloads = self.beside.column::<String>("SELECT payload FROM outbox ORDER BY id").await;
        let facts = payloads.iter().map(|payload| serde_json::from_str::<Fact>(payload).unwrap());
        let settled = facts.filter_map(|fact| if let Fact::PaymentSettled { payment } = fact { Some(payment) } else { None });
        settled.filter(|settled| settled.order_no == order).collect()
    }

    async fn told_to_staff(&self, order: OrderNo) -> Vec<String> {
        self.beside.column(&format!("SELECT detail FROM payment_exceptions WHERE order_no = '{order}' ORDER BY id")).await
    }
}

async fn tasks(test: &TestDatabase) {
    let fixture =
        Fixture { tasks: SqlPointsTasks::new(test.database.clone()), ledger: ledger_of(test), beside: test.beside().await };
    sluice_points::testing::points_tasks_contract(&fixture).await;
    the_ledger_adds_up(&fixture.beside).await;
}
