use std::collections::HashSet;

use sluice_kernel::{ManualClock, SequenceIds, Timestamp};
use sluice_storage_sql::DatabaseSettings;
use sluice_testkit::{MariaDb, Scratch};
use tokio::time::Instant;

use super::*;

const NOON: i64 = 1_800_000_000_000;
/// Within which orders go on.
const BOUND: Duration = Duration::from_secs(2);

/// A process that makes order numbers, with a clock of its own.
struct Process {
    ids: Arc<LeasedIds>,
    clock: Arc<ManualClock>,
    stop: CancellationToken,
    keeping: tokio::task::JoinHandle<()>,
}

async fn start(database: &Database, name: i64, at: i64) -> Process {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(at)));
    let names = SequenceIds::starting_at(name);
    let (ids, lease) = LeasedIds::acquire(database.clone(), clock.clone(), &names).await.unwrap();
    let stop = CancellationToken::new();
    let keeping = tokio::spawn(ids.clone().keep(lease, database.clone(), stop.clone()));
    Process { ids, clock, stop, keeping }
}

impl Process {
    /// Makes numbers as soon as that goes; none may have been made before.
    async fn go_on(&self, made: &mut HashSet<OrderNo>) {
        let began = Instant::now();
        while self.ids.order_no().is_err() {
            assert!(began.elapsed() < BOUND, "no order number for {:?}", began.elapsed());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for _ in 0..1_000 {
            assert!(made.insert(self.ids.order_no().unwrap()), "an order number was made twice");
        }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.keeping.await.unwrap();
    }
}

async fn sqlite(scratch: &Scratch) -> Database {
    opened(format!("sqlite://{}", scratch.path().join("ids.db").display())).await
}

async fn opened(url: String) -> Database {
    let database = Database::connect(&DatabaseSettings::new(url)).await.unwrap();
    database.migrate().await.unwrap();
    database
}

async fn step_back_ten_minutes(database: Database) {
    let mut made = HashSet::new();
    let process = start(&database, 1, NOON).await;
    process.go_on(&mut made).await;
    process.clock.set(Timestamp::from_millis(NOON - 600_000));
    process.go_on(&mut made).await;
    // Time comes to where it was before: the former number is not made use of again.
    let other = start(&database, 2, NOON - 600_000).await;
    for minutes in 0..12 {
        for one in [&process, &other] {
            one.clock.set(Timestamp::from_millis(NOON - 600_000 + minutes * 60_000));
            one.go_on(&mut made).await;
        }
    }
    process.stop().await;
    other.stop().await;
}

async fn an_hour_ahead_and_back(database: Database) {
    let mut made = HashSet::new();
    let (process, right) = (start(&database, 1, NOON).await, start(&database, 2, NOON).await);
    for one in [&process, &right] {
        one.go_on(&mut made).await;
    }
    process.clock.advance(Duration::from_hours(1));
    process.go_on(&mut made).await;
    process.clock.set(Timestamp::from_millis(NOON + 10_000));
    process.go_on(&mut made).await;
    process.stop().await;
    // An hour later other processes come to the instants for which numbers were made already.
    for seconds in [3_590, 3_600, 3_610, 3_640] {
        right.clock.set(Timestamp::from_millis(NOON + seconds * 1_000));
        right.go_on(&mut made).await;
        let newcomer = start(&database, 100 + seconds, NOON + seconds * 1_000).await;
        newcomer.go_on(&mut made).await;
        newcomer.stop().await;
    }
    right.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_do_not_stop_when_the_clock_steps_back_ten_minutes_on_sqlite() {
    let scratch = Scratch::new();
    step_back_ten_minutes(sqlite(&scratch).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_do_not_stop_when_the_clock_steps_back_ten_minutes_on_mariadb() {
    let fresh = MariaDb::shared().await.fresh_database();
    step_back_ten_minutes(opened(fresh.url()).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_ahead_for_ten_seconds_stops_no_orders_and_repeats_no_number_on_sqlite() {
    let scratch = Scratch::new();
    an_hour_ahead_and_back(sqlite(&scratch).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_ahead_for_ten_seconds_stops_no_orders_and_repeats_no_number_on_mariadb() {
    let fresh = MariaDb::shared().await.fresh_database();
    an_hour_ahead_and_back(opened(fresh.url()).await).await;
}
