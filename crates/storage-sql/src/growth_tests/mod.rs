//! No list, sweeper, gauge, trace or deletion reads more the more is stored: what the adapters ask while their methods run
//! is recorded, and the database is asked for its plan of every statement. A lost index fails the test of what needs it.

mod judge;
mod seed;

use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use sea_orm::{DbBackend, Statement, Value};
use sluice_catalog::{CatalogRepository as _, ProductSearch};
use sluice_events::{DeadLetterStore as _, LetterQuery, OutboxStore as _, Topic};
use sluice_inventory::AdjustmentLog as _;
use sluice_kernel::{ManualClock, OrderNo, PageRequest, ProductId, SkuId, StoreId, Timestamp, UserId};
use sluice_order::{OrderKind, OrderQuery, OrderRepository as _, OrderSearch, OrderStatus, RefundState, Settlements as _};
use sluice_partner::{DeliveryQuery, DeliveryQueue as _, DeliveryState, SubscriptionId};
use sluice_pay::{ExceptionQuery, PaymentRepository as _, RefundRepository as _, RefundStatus, SandboxChannels as _};
use sluice_points::{PointsAccount as _, PointsTasks as _};
use sluice_promotion::PromotionRepository as _;

use crate::{
    Database, DatabaseSettings, SqlAdjustmentLog, SqlCatalogRepository, SqlDeadLetterStore, SqlDeliveryQueue, SqlHousekeeping,
    SqlOrderRepository, SqlOutboxStore, SqlPaymentRepository, SqlPointsLedger, SqlPointsTasks, SqlPromotionRepository,
    SqlRefundRepository, SqlSandboxChannels, SqlSettlements, SqlTraces, StockMode,
};

const STORE: StoreId = StoreId(1);

/// Statements with their values, in the order they were run.
type Recorded = Arc<Mutex<Vec<(String, Vec<Value>)>>>;

tokio::task_local! {
    /// What is asked in this task.
    static RECORDED: Recorded;
}

/// Called with every statement that an adapter runs.
pub(crate) fn record(sql: &str, values: &[Value]) {
    // Outside of a recording nobody listens.
    let _ = RECORDED.try_with(|statements| statements.lock().unwrap().push((sql.to_owned(), values.to_vec())));
}

/// What is asked while `work` runs, each statement once: its values decide over its plan as much as its text.
async fn recorded(backend: DbBackend, work: impl Future<Output = ()>) -> Vec<Statement> {
    let statements = Recorded::default();
    RECORDED.scope(statements.clone(), work).await;
    let mut asked: Vec<Statement> = Vec::new();
    for (sql, values) in statements.lock().unwrap().drain(..) {
        let plans = ["SELECT", "UPDATE", "DELETE"].iter().any(|verb| sql.starts_with(verb));
        let statement = Statement::from_sql_and_values(backend, sql, values);
        if plans && !asked.contains(&statement) {
            asked.push(statement);
        }
    }
    asked
}

fn now() -> Timestamp {
    Timestamp::from_millis(seed::NOW)
}

/// Few rows are put in order: those of one page, one order, one delivery.
const SORTS: &str = "USE TEMP B-TREE FOR ORDER BY";

/// What one kind of reader asks, and the statements whose growth is known and bounded otherwise.
struct Case {
    name: &'static str,
    /// What is no fault here: how the complaint begins, and a part of the statement.
    allowed: &'static [(&'static str, &'static str)],
    ask: fn(Database) -> BoxFuture<'static, ()>,
}

macro_rules! case {
    ($name:literal, $database:ident => $ask:block) => {
        case!($name, allowed [], $database => $ask)
    };
    ($name:literal, allowed [$($allowed:expr),*], $database:ident => $ask:block) => {
        Case { name: $name, allowed: &[$($allowed),*], ask: |$database| Box::pin(async move { $ask }) }
    };
}

#[expect(clippy::too_many_lines, reason = "one list, a case each")]
fn cases() -> Vec<Case> {
    vec![
        case!("lists of orders", allowed [(SORTS, "FROM order_children WHERE main_no IN"), (SORTS, "AS status_")], database => {
            let orders = SqlOrderRepository::new(database, StockMode::InCommit);
            let user = Some(UserId::from("u4"));
            for (user, status) in
                [(user.clone(), None), (user, Some(OrderStatus::Unpaid)), (None, Some(OrderStatus::Unpaid)), (None, None)]
            {
                for after in [None, Some(2_000)] {
                    let page = PageRequest { limit: 20, after };
                    let found = orders.list(&OrderQuery { store: STORE, user: user.clone(), status, page }).await.unwrap();
                    assert!(!found.is_empty(), "{status:?}");
                }
            }
        }),
        // A filter with an index of its own reads what it shows.
        case!("orders by one filter", allowed [(SORTS, "FROM order_children WHERE main_no IN"), (SORTS, "AS looked_at_1")], database => {
            let orders = SqlOrderRepository::new(database, StockMode::InCommit);
            let all = OrderSearch::default();
            for search in [
                all.clone(),
                OrderSearch { order_no: Some(OrderNo::from_id(2_001)), ..all.clone() },
                OrderSearch { user: Some(UserId::from("u4")), ..all.clone() },
                OrderSearch { phone: Some("1380".to_owned()), ..all.clone() },
                OrderSearch { status: Some(OrderStatus::Unpaid), ..all.clone() },
                OrderSearch { from: Some(now().minus(std::time::Duration::from_hours(1))), ..all.clone() },
            ] {
                for after in [None, Some(3_000)] {
                    let found = orders.search(STORE, &search, PageRequest { limit: 20, after }).await.unwrap();
                    let by_time = search.from.is_some();
                    assert!(by_time || !found.data.is_empty(), "{search:?}");
                }
            }
        }),
        // The others look at a bounded number: here at all that the leading one names.
        case!("orders by several filters", allowed [
            (SORTS, "FROM order_children WHERE main_no IN"),
            (SORTS, "AS looked_at"),
            ("orders: ref by orders_of", "AS looked_at"),
            ("orders: range by orders_of", "AS looked_at")
        ], database => {
            let orders = SqlOrderRepository::new(database, StockMode::InCommit);
            let all = OrderSearch { status: Some(OrderStatus::Completed), kind: Some(OrderKind::Cart), ..OrderSearch::default() };
            for search in [
                all.clone(),
                OrderSearch { user: Some(UserId::from("u4")), sku: Some(SkuId(1)), ..all.clone() },
                OrderSearch { phone: Some("1380".to_owned()), user: Some(UserId::from("u0")), ..all.clone() },
                OrderSearch { sku: Some(SkuId(2)), ..all.clone() },
                OrderSearch { sku: Some(SkuId(1)), ..OrderSearch::default() },
                OrderSearch { kind: Some(OrderKind::Cart), ..OrderSearch::default() },
                OrderSearch { refund_state: Some(RefundState::None), ..OrderSearch::default() },
            ] {
                let found = orders.search(STORE, &search, PageRequest::first(20)).await.unwrap();
                assert!(!found.data.is_empty(), "{search:?}");
            }
            let none = OrderSearch { kind: Some(OrderKind::Activity), ..all };
            assert!(orders.search(STORE, &none, PageRequest::first(20)).await.unwrap().data.is_empty());
        }),
        case!("the auto-cancel timer", database => {
            let orders = SqlOrderRepository::new(database, StockMode::InCommit);
            let due = orders.due(now(), 64).await.unwrap();
            assert!(!due.is_empty());
            let numbers: Vec<OrderNo> = due.iter().map(|(order, ..)| *order).collect();
            orders.announce_again_at(&numbers, now().plus(std::time::Duration::from_secs(1))).await.unwrap();
        }),
        // Each ends at the bound of what is counted, which is above the seeded rows.
        case!("gauges", allowed [
            ("outbox: index by PRIMARY", "LIMIT ?"),
            ("SCAN outbox", "ORDER BY id LIMIT ?"),
            ("orders: range by orders_due", "LIMIT ?"),
            ("points_tasks: ref by points_tasks_by_age", "LIMIT ?"),
            ("webhook_deliveries: range by webhook_deliveries_since", "LIMIT ?")
        ], database => {
            SqlOutboxStore::new(database.clone()).stats(now()).await.unwrap();
            SqlOrderRepository::new(database.clone(), StockMode::InCommit).overdue(now()).await.unwrap();
            SqlPointsTasks::new(database.clone()).stats().await.unwrap();
            SqlDeliveryQueue::new(database).stats().await.unwrap();
        }),
        // In the order of the ids it ends as soon as it has enough.
        case!("the relay", allowed [("SCAN outbox", "ORDER BY id LIMIT ?")], database => {
            let outbox = SqlOutboxStore::new(database);
            assert_eq!(outbox.pending(&[1, 2, 3, 4, 5, 6, 7, 8], now(), 100).await.unwrap().len(), 100);
        }),
        case!("payments", allowed [(SORTS, "\"order_no\" IN")], database => {
            let payments = SqlPaymentRepository::new(database.clone());
            for (resolved, kind, order_no) in [
                (None, None, None),
                (Some(false), None, None),
                (Some(true), Some("paid_twice"), None),
                (None, Some("paid_twice"), None),
                (None, None, Some(OrderNo::from_id(7))),
            ] {
                let query = ExceptionQuery { store: STORE, resolved, kind, order_no, page: PageRequest::first(20) };
                payments.exceptions(&query).await.unwrap();
            }
            payments.of_orders(STORE, &[OrderNo::from_id(7), OrderNo::from_id(8)]).await.unwrap();
            SqlSandboxChannels::new(database).undelivered(now(), 100).await.unwrap();
        }),
        case!("refunds and settlements", database => {
            let until = now().plus(std::time::Duration::from_secs(1));
            let refunds = SqlRefundRepository::new(database.clone());
            for status in [None, Some(RefundStatus::Pending), Some(RefundStatus::Refused)] {
                refunds.list(STORE, status, PageRequest::first(20)).await.unwrap();
            }
            assert_eq!(refunds.claim(10, now(), until).await.unwrap().len(), 10);
            SqlSettlements::new(database).claim(10, now().minus(std::time::Duration::from_secs(1)), until).await.unwrap();
        }),
        case!("dead letters", database => {
            let letters = SqlDeadLetterStore::new(database);
            for (topic, store) in [(None, None), (None, Some(STORE)), (Some(Topic::OrderPaid), None), (Some(Topic::OrderPaid), Some(STORE))] {
                letters.list(LetterQuery { topic, store, state: None, after: None, limit: 20 }).await.unwrap();
            }
        }),
        case!("a user's unpaid orders", database => {
            let orders = SqlOrderRepository::new(database, StockMode::InCommit);
            assert!(orders.unpaid_of(STORE, &UserId::from("u4")).await.unwrap().orders > 0);
        }),
        case!("points", database => {
            let tasks = SqlPointsTasks::new(database.clone());
            assert_eq!(tasks.lease(100, "t", now(), now().plus(std::time::Duration::from_secs(1))).await.unwrap().len(), 100);
            let ledger = SqlPointsLedger::new(database, Arc::new(ManualClock::at(now())));
            ledger.entries(STORE, &UserId::from("u4"), PageRequest::first(20)).await.unwrap();
        }),
        case!("stock adjustments", database => {
            SqlAdjustmentLog::new(database, StockMode::InCommit).unfinished(now(), now(), 100).await.unwrap();
        }),
        // A search looks at the newest products, each of them by its key and its SKUs.
        case!("searches of products", allowed [
            (SORTS, "product_id IN"),
            ("products: ", "AS looked_at")
        ], database => {
            let catalog = SqlCatalogRepository::new(database, false);
            let page = PageRequest::first(20);
            for listed_only in [true, false] {
                for (text, ids) in [(Some("p"), None), (Some("nothing of the kind"), None), (None, Some(vec![ProductId(3)]))] {
                    let search = ProductSearch { text: text.map(str::to_owned), ids };
                    catalog.search_products(STORE, listed_only, &search, page).await.unwrap();
                }
            }
        }),
        case!("products", allowed [(SORTS, "product_id IN")], database => {
            let catalog = SqlCatalogRepository::new(database, false);
            for listed_only in [true, false] {
                let found = catalog.list_products(STORE, listed_only, PageRequest::first(20)).await.unwrap();
                assert_eq!(found.len(), 21);
            }
        }),
        // Those that are open are put in order; those that are over are not looked at.
        case!("promotions", allowed [(SORTS, "\"id\" + ?"), (SORTS, "\"activity_id\" IN")], database => {
            let promotion = SqlPromotionRepository::new(database, false);
            assert!(!promotion.open_activities(STORE, now(), PageRequest::first(20), 200).await.unwrap().0.is_empty());
            promotion.campaigns_ahead(STORE, now(), 100).await.unwrap();
        }),
        case!("staff's lists of promotions", database => {
            let promotion = SqlPromotionRepository::new(database, false);
            promotion.list_activities(STORE, PageRequest::first(20)).await.unwrap();
            promotion.list_campaigns(STORE, PageRequest::first(20)).await.unwrap();
            assert_eq!(promotion.list_redemptions(STORE, PageRequest::first(20)).await.unwrap().len(), 21);
        }),
        case!("pushes", allowed [(SORTS, "FROM webhook_subscriptions")], database => {
            let queue = SqlDeliveryQueue::new(database);
            for state in [None, Some(DeliveryState::Exhausted), Some(DeliveryState::Pending)] {
                let page = PageRequest::first(5);
                let query = DeliveryQuery { store: STORE, subscription: SubscriptionId(1), state, page };
                assert_eq!(queue.list(query).await.unwrap().len(), 6, "{state:?}");
            }
            queue.lease("l", now(), now().plus(std::time::Duration::from_secs(1)), 10).await.unwrap();
            queue.due(SubscriptionId(1), now(), 10).await.unwrap();
            queue.give_up(now(), 100).await.unwrap();
        }),
        // The lines of one order are few; a SKU's end at the bound of what is told.
        case!("traces", allowed [
            (SORTS, "order_no = ?"),
            (SORTS, "movement_id < ?"),
            ("stock_ledger: range by stock_ledger_sums", "ORDER BY id DESC LIMIT ?"),
            // The newest letters alone: a bounded range of ids.
            ("dead_letters: range by PRIMARY", "SELECT MAX(id) FROM dead_letters"),
            ("stock_adjustments: range by stock_adjustments_newest", "LIMIT ?"),
            ("outbox: range by PRIMARY", "LIMIT ?")
        ], database => {
            let traces = SqlTraces::new(database);
            let found = traces.of_order(OrderNo::from_id(seed::TRACED)).await.unwrap();
            for what in ["order", "movement", "payment", "notice", "exception", "refund", "points", "push"] {
                assert!(found.iter().any(|line| line.what == what), "{what}: {found:?}");
            }
            assert!(!traces.of_sku(SkuId(1)).await.unwrap().is_empty());
        }),
        case!("deletions", database => {
            let deleted = SqlHousekeeping::new(database).purge(now()).await.unwrap();
            assert_eq!(deleted.rows.len(), 13, "{:?}", deleted.rows);
        }),
    ]
}

/// Every case on one database; all complaints together.
async fn no_work_grows_with_what_is_stored(url: &str) {
    let database = Database::connect(&DatabaseSettings::new(url)).await.unwrap();
    database.migrate().await.unwrap();
    let sqlite = database.is_sqlite();
    let beside = sea_orm::Database::connect(url).await.unwrap();
    seed::seed(&beside, sqlite).await;
    let mut all = Vec::new();
    for Case { name, allowed, ask } in cases() {
        let asked = recorded(beside.get_database_backend(), ask(database.clone())).await;
        assert!(!asked.is_empty(), "{name} asked nothing");
        for statement in asked {
            for complaint in judge::complaints(&beside, &statement, sqlite).await {
                let is_allowed = |(start, part): &(&str, &str)| complaint.starts_with(start) && statement.sql.contains(part);
                if !allowed.iter().any(is_allowed) {
                    all.push(format!("{name}: {complaint}\n    {}", statement.sql));
                }
            }
        }
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_work_grows_with_what_is_stored_in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    no_work_grows_with_what_is_stored(&format!("sqlite://{}", folder.path().join("test.db").display())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_work_grows_with_what_is_stored_in_mariadb() {
    let database = sluice_testkit::fresh_database().await;
    no_work_grows_with_what_is_stored(&database.url()).await;
}
