//! Orders a second of the group commit alone, at 8, 64 and 256 submitters.
//!
//! `cargo run --release -p sluice-storage-sql --example commit_bench -- [URL] [SECONDS]`: a SQLite file in a
//! temporary folder, or an empty MySQL database (`mysql://root@localhost/bench?socket=PATH`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measuring program"
)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use sluice_inventory::{AdjustmentId, Listing, StockGate as _};
use sluice_kernel::{Currency, Money, OrderNo, Points, ProductId, Quantity, SkuId, StoreId, SystemClock, Timestamp, UserId};
use sluice_order::{
    Attribution, ChildOrder, CommitOutcome, IdempotencyKey, ItemLine, NewOrder, OrderKind, OrderTerms, OrderWriter as _, Recipient,
};
use sluice_storage_sql::{Database, DatabaseSettings, SqlOrderWriter, SqlStockGate, StockMode, WriterSettings};

const STORE: StoreId = StoreId(1);
const SKUS: i64 = 200;
const NOW_MILLIS: i64 = 1_795_305_600_000;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = tempfile::tempdir().unwrap();
    let url = arguments.next().filter(|url| url != "sqlite");
    let url = url.unwrap_or_else(|| format!("sqlite://{}/bench.db", folder.path().display()));
    let seconds = arguments.next().map_or(5, |seconds| seconds.parse().expect("SECONDS is a number"));

    let database = Database::connect(&DatabaseSettings::new(url)).await.unwrap();
    database.migrate().await.unwrap();
    let gate = SqlStockGate::new(database.clone());
    for sku in 1..=SKUS {
        gate.set_listing(STORE, SkuId(sku), Listing { buyable: true, revision: 1 }).await.unwrap();
        gate.adjust(STORE, &AdjustmentId(format!("bench-{sku}")), SkuId(sku), 1_000_000_000, now()).await.unwrap().unwrap();
    }
    let settings = WriterSettings::new(StockMode::InCommit);
    let writer = Arc::new(SqlOrderWriter::start(&database, settings, Arc::new(SystemClock)).await.unwrap());
    let numbers = Arc::new(AtomicI64::new(1));
    measure(&writer, &numbers, 256, Duration::from_secs(2)).await;
    for submitters in [8, 64, 256] {
        let rate = measure(&writer, &numbers, submitters, Duration::from_secs(seconds)).await;
        println!("{submitters:>4} submitters: {rate:>8} orders/s");
    }
}

async fn measure(writer: &Arc<SqlOrderWriter>, numbers: &Arc<AtomicI64>, submitters: usize, time: Duration) -> u128 {
    let stop = Arc::new(AtomicBool::new(false));
    let start = Instant::now();
    let tasks: Vec<_> = (0..submitters)
        .map(|_| {
            let (writer, numbers, stop) = (writer.clone(), numbers.clone(), stop.clone());
            tokio::spawn(async move {
                let mut committed = 0_u128;
                while !stop.load(Ordering::Relaxed) {
                    let answer = writer.commit(order(numbers.fetch_add(2, Ordering::Relaxed)).into()).await.unwrap();
                    assert_eq!(answer, CommitOutcome::Committed);
                    committed += 1;
                }
                committed
            })
        })
        .collect();
    tokio::time::sleep(time).await;
    stop.store(true, Ordering::Relaxed);
    let mut committed = 0;
    for task in tasks {
        committed += task.await.unwrap();
    }
    committed * 1_000 / start.elapsed().as_millis().max(1)
}

/// Two lines of one delivery place, a recipient, and a traceparent, as a shopper's order has them.
fn order(number: i64) -> NewOrder {
    let user = UserId(format!("user-{}", number % 1_000));
    let price = Money::new(1_990, Currency::CNY);
    let first = number * 7 % SKUS + 1;
    let second = first % SKUS + 1;
    let line = |sku: i64| ItemLine {
        sku_id: SkuId(sku),
        product_id: ProductId(sku),
        title: "A product with a title of usual length".into(),
        picture: None,
        spec: "red / 64 GB".into(),
        code: "SKU-1".into(),
        quantity: Quantity::new(1).unwrap(),
        unit_price: price,
        unit_points: Points(5),
        line_total: price,
        supplier_price: 1_000,
        allotable_profit: 150,
        delivery_place: "1".into(),
        revision: 1,
    };
    let total = Money::new(3_980, Currency::CNY);
    NewOrder {
        order_no: OrderNo::from_id(number),
        store: STORE,
        user: user.clone(),
        terms: OrderTerms {
            kind: OrderKind::Cart,
            total,
            points_total: Points(10),
            profit_total: 300,
            created_at: now(),
            expires_at: now().plus(Duration::from_mins(15)),
            recipient: Recipient { name: Some("Ada".into()), phone: Some("13800000000".into()), ..Recipient::default() },
            store_code: None,
            attribution: Attribution::default(),
            referrer: None,
            redirect_type: "2".into(),
            activity: None,
            children: vec![ChildOrder {
                order_no: OrderNo::from_id(number + 1),
                delivery_place: "1".into(),
                total,
                points_total: Points(10),
                profit_total: 300,
            }],
        },
        items: vec![line(first.min(second)), line(first.max(second))],
        key: IdempotencyKey { route: "orders", store: STORE, user, key: format!("key-{number}"), fingerprint: [1; 32] },
        cart_version: None,
        uses_code: None,
        first_payment: None,
        reserved_in_epoch: None,
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()),
    }
}

fn now() -> Timestamp {
    Timestamp::from_millis(NOW_MILLIS)
}
