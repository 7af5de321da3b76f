//! What the looks of workers, staff and customers cost in an empty database, and in one that has stored a lot.
//!
//! `cargo run -p sluice-storage-sql --example seed_growth -- URL [ORDERS] [OUTBOX]`: an empty MariaDB database of its own
//! (`mysql://root@localhost/growth?socket=PATH`); 5,000,000 orders and 1,000,000 waiting facts by default.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a measuring program"
)]

use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use sea_orm::{ConnectionTrait as _, DatabaseConnection};
use sluice_events::OutboxStore as _;
use sluice_inventory::AdjustmentLog as _;
use sluice_kernel::{Clock as _, OrderNo, PageRequest, SkuId, StoreId, SystemClock, Timestamp, UserId};
use sluice_order::{OrderKind, OrderQuery, OrderRepository as _, OrderSearch, OrderStatus, RefundState};
use sluice_partner::DeliveryQueue as _;
use sluice_pay::{ExceptionQuery, PaymentRepository as _, SandboxChannels as _};
use sluice_points::PointsTasks as _;
use sluice_storage_sql::{
    Database, DatabaseSettings, SqlAdjustmentLog, SqlDeliveryQueue, SqlHousekeeping, SqlOrderRepository, SqlOutboxStore,
    SqlPaymentRepository, SqlPointsTasks, SqlSandboxChannels, SqlTraces, StockMode,
};

const STORE: StoreId = StoreId(1);
/// Number of the first order.
const FIRST: i64 = 1_000_000_000_000;
/// The order that is traced.
const TRACED: i64 = FIRST + 4_242;
/// Rows that one INSERT makes.
const CHUNK: i64 = 100_000;
/// The median of so many looks is told.
const LOOKS: usize = 5;

#[derive(Clone)]
struct Shop {
    database: Database,
    orders: SqlOrderRepository,
    outbox: SqlOutboxStore,
    now: Timestamp,
}

type Look = (&'static str, fn(Shop) -> BoxFuture<'static, ()>);

macro_rules! look {
    ($name:literal, $shop:ident => $work:expr) => {
        ($name, |$shop| {
            Box::pin(async move {
                let _ = $work;
            })
        })
    };
}

fn looks() -> Vec<Look> {
    vec![
        look!("gauges, one turn", shop => {
            shop.outbox.stats(shop.now).await.unwrap();
            shop.orders.overdue(shop.now).await.unwrap();
            SqlPointsTasks::new(shop.database.clone()).stats().await.unwrap();
            SqlDeliveryQueue::new(shop.database).stats().await.unwrap();
        }),
        look!("auto-cancel timer, nothing due", shop => shop.orders.due(shop.now, 64).await.unwrap()),
        look!("points, nothing due", shop => {
            SqlPointsTasks::new(shop.database).lease(1_000, "look", shop.now, shop.now).await.unwrap()
        }),
        look!("pushes, nothing due", shop => {
            let queue = SqlDeliveryQueue::new(shop.database);
            queue.give_up(shop.now.minus(Duration::from_hours(72)), 256).await.unwrap();
            queue.lease("look", shop.now, shop.now, 64).await.unwrap();
        }),
        look!("owed callbacks, nothing due", shop => {
            SqlSandboxChannels::new(shop.database).undelivered(shop.now, 100).await.unwrap()
        }),
        look!("adjustments, nothing due", shop => {
            SqlAdjustmentLog::new(shop.database, StockMode::InCommit).unfinished(shop.now, shop.now, 100).await.unwrap()
        }),
        look!("deletions, nothing expired", shop => SqlHousekeeping::new(shop.database).purge(shop.now).await.unwrap()),
        look!("relay, next 1,000 facts", shop => {
            shop.outbox.pending(&(0..16).collect::<Vec<u16>>(), shop.now, 1_000).await.unwrap()
        }),
        look!("a user's orders, first page", shop => list(shop, Some("u17"), None).await),
        look!("staff's orders, first page", shop => list(shop, None, None).await),
        look!("staff's unpaid orders, first page", shop => list(shop, None, Some(OrderStatus::Unpaid)).await),
        look!("staff's paid orders, first page", shop => list(shop, None, Some(OrderStatus::Paid)).await),
        look!("staff's search, by phone", shop => search(shop, |search| search.phone = Some("1380017".to_owned())).await),
        look!("staff's search, by user", shop => search(shop, |search| search.user = Some(UserId::from("u17"))).await),
        look!("staff's search, by SKU", shop => search(shop, |search| search.sku = Some(SkuId(7))).await),
        look!("staff's search, by status", shop => search(shop, |search| search.status = Some(OrderStatus::Cancelled)).await),
        look!("staff's search, by kind", shop => search(shop, |search| search.kind = Some(OrderKind::Cart)).await),
        look!("staff's search, by refund", shop => search(shop, |search| search.refund_state = Some(RefundState::Partial)).await),
        look!("staff's search, by time", shop => {
            let now = shop.now;
            search(shop, |search| search.until = Some(now)).await;
        }),
        look!("staff's search, by SKU and status, none found", shop => {
            let asked = |search: &mut OrderSearch| (search.sku, search.status) = (Some(SkuId(7)), Some(OrderStatus::Failed));
            search(shop, asked).await;
        }),
        look!("staff's search, by status and kind, none found", shop => {
            let asked = |search: &mut OrderSearch| {
                (search.status, search.kind) = (Some(OrderStatus::Completed), Some(OrderKind::Activity));
            };
            search(shop, asked).await;
        }),
        look!("exceptions, first page", shop => {
            let open = ExceptionQuery { store: STORE, resolved: Some(false), kind: None, order_no: None, page: PageRequest::first(20) };
            SqlPaymentRepository::new(shop.database).exceptions(&open).await.unwrap()
        }),
        look!("trace of an order", shop => {
            SqlTraces::new(shop.database).of_order(OrderNo::from_id(TRACED)).await.unwrap()
        }),
        look!("trace of a SKU", shop => SqlTraces::new(shop.database).of_sku(SkuId(1)).await.unwrap()),
    ]
}

async fn list(shop: Shop, user: Option<&str>, status: Option<OrderStatus>) {
    let query = OrderQuery { store: STORE, user: user.map(UserId::from), status, page: PageRequest::first(20) };
    shop.orders.list(&query).await.unwrap();
}

async fn search(shop: Shop, ask: impl FnOnce(&mut OrderSearch)) {
    let mut search = OrderSearch::default();
    ask(&mut search);
    shop.orders.search(STORE, &search, PageRequest::first(20)).await.unwrap();
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().expect("the URL of an empty MariaDB database");
    let mut count = |default| arguments.next().map_or(default, |count| count.parse().expect("a number of rows"));
    let (orders, outbox): (i64, i64) = (count(5_000_000), count(1_000_000));

    let database = Database::connect(&DatabaseSettings::new(&url)).await.unwrap();
    database.migrate().await.unwrap();
    let beside = sea_orm::Database::connect(&url).await.unwrap();
    let shop = Shop {
        orders: SqlOrderRepository::new(database.clone(), StockMode::InCommit),
        outbox: SqlOutboxStore::new(database.clone()),
        database,
        now: SystemClock.now(),
    };
    let empty = measure(&shop).await;
    let began = Instant::now();
    seed(&beside, shop.now.as_millis(), orders, outbox).await;
    println!("{orders} orders and {outbox} waiting facts were stored in {} s", began.elapsed().as_secs());
    let full = measure(&shop).await;
    println!("| | empty, ms | stored, ms |\n|---|---:|---:|");
    for ((name, empty), (_, full)) in empty.iter().zip(&full) {
        println!("| {name} | {} | {} |", millis(*empty), millis(*full));
    }
    deletions(&beside, &shop).await;
}

fn millis(time: Duration) -> String {
    format!("{}.{}", time.as_millis(), time.as_micros() % 1_000 / 100)
}

async fn measure(shop: &Shop) -> Vec<(&'static str, Duration)> {
    let mut measured = Vec::new();
    for (name, look) in looks() {
        let mut times = Vec::new();
        for _ in 0..=LOOKS {
            let began = Instant::now();
            look(shop.clone()).await;
            times.push(began.elapsed());
        }
        // The first one prepares its statements.
        times.remove(0);
        times.sort_unstable();
        measured.push((name, times[LOOKS / 2]));
    }
    measured
}

/// A million expired rows go in the turns of the housekeeping.
async fn deletions(beside: &DatabaseConnection, shop: &Shop) {
    const EXPIRED: i64 = 1_000_000;
    fill(beside, EXPIRED, "inbox", "consumer, event_id, at", "'cart', CONCAT('e-', {n}), 1000 + {n} DIV 10").await;
    let began = Instant::now();
    while SqlHousekeeping::new(shop.database.clone()).purge(shop.now).await.unwrap().more {}
    println!("{EXPIRED} expired inbox rows were deleted in {} s", began.elapsed().as_secs());
}

/// `values` speak of the row's number as `{n}`.
async fn fill(beside: &DatabaseConnection, rows: i64, table: &str, columns: &str, values: &str) {
    let values = values.replace("{n}", "(seq + {first})");
    for first in (0..rows).step_by(usize::try_from(CHUNK).unwrap()) {
        let last = CHUNK.min(rows - first) - 1;
        let values = values.replace("{first}", &first.to_string());
        let insert = format!("INSERT INTO {table} ({columns}) SELECT {values} FROM seq_0_to_{last}");
        beside.execute_unprepared(&insert).await.unwrap_or_else(|error| panic!("{error}: {insert}"));
    }
}

/// Orders of two stores and 100,000 users, nearly all completed; 60,000 are unpaid and end within the next ten minutes to
/// come, none is overdue. Each has an item, a payment with its notice, and two movements of one of a hundred SKUs.
async fn seed(beside: &DatabaseConnection, now: i64, orders: i64, outbox: i64) {
    let unpaid_from = orders - 60_000.min(orders / 2);
    let due = format!("CASE WHEN {{n}} >= {unpaid_from} THEN {now} + 60000 + {{n}} % 540000 ELSE {now} - 900000 END");
    let order = format!(
        "{FIRST} + {{n}}, 1 + ({{n}} % 10 = 0), CONCAT('u', {{n}} % 100000), 1, CASE WHEN {{n}} >= {unpaid_from} THEN 1 WHEN {{n}} % 20 = 0 \
         THEN 6 WHEN {{n}} % 100 = 1 THEN 3 ELSE 5 END, 1, 'CNY', 100, 0, 0, 0, 0, {now} - 1000000, {due}, {due}, '2', 0, CONCAT('p', {{n}}), 1, \
         CONCAT('13800', {{n}} % 100000)"
    );
    let columns = "order_no, store_id, user_id, kind, status, attempt, currency, total, points_total, profit_total, refunded, \
                   refund_state, created_at, expires_at, due_at, redirect_type, version, payment_id, cancel_reason, recipient_phone";
    fill(beside, orders, "orders", columns, &order).await;
    let columns = "main_no, sku_id, store_id, child_no, product_id, title, spec, code, quantity, unit_price, unit_points, line_total, \
                   supplier_price, allotable_profit, delivery_place, revision, restocked";
    let item = format!("{FIRST} + {{n}}, 1 + {{n}} % 100, 1, 0, 1, 't', 's', 'c', 1, 100, 0, 100, 0, 0, '1', 1, 0");
    fill(beside, orders, "order_items", columns, &item).await;
    let columns =
        "payment_id, provider, store_id, user_id, order_no, amount, currency, status, live, expires_at, created_at, refunded";
    let payment = format!("CONCAT('p', {{n}}), 'sandbox', 1, 'u', {FIRST} + {{n}}, 100, 'CNY', 2, NULL, {now}, {now}, 0");
    fill(beside, orders, "payments", columns, &payment).await;
    let notice = format!("'sandbox', CONCAT('e', {{n}}), CONCAT('p', {{n}}), 2, 100, 'CNY', {now}");
    fill(beside, orders, "payment_notices", "provider, event_id, payment_id, status, amount, currency, at", &notice).await;
    let columns = "store_id, sku_id, movement_id, kind, quantity, order_no, at, applied";
    for kind in [1, 2] {
        let movement = format!("1, 1 + {{n}} % 100, CONCAT({FIRST} + {{n}}, '-1'), {kind}, 1, {FIRST} + {{n}}, {now}, 1");
        fill(beside, orders, "stock_ledger", columns, &movement).await;
    }
    let fact =
        format!("{{n}} % 16, {now} - 1000, CONCAT('{{\"type\":\"order-placed\",\"order\":\"', {{n}}, REPEAT('x', 600), '\"}}')");
    fill(beside, outbox, "outbox", "slice, available_at, payload", &fact).await;
    for table in ["orders", "order_items", "payments", "payment_notices", "stock_ledger", "outbox"] {
        beside
            .query_one_raw(sea_orm::Statement::from_string(beside.get_database_backend(), format!("ANALYZE TABLE {table}")))
            .await
            .unwrap();
    }
}
