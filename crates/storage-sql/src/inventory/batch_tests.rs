//! A batch of reservations under limits, decided one after the other over rows that are locked once.

use sluice_events::MovementKind;
use sluice_inventory::{AdjustmentId, Listing, ReserveLine, StockGate as _, Terms, UserLimit};
use sluice_kernel::{SkuId, StoreId, Timestamp, UserId};

use super::{
    SqlStockGate,
    limits::LimitKey,
    stock::{Cause, LockedStock, Refusal},
};
use crate::{
    Database, DatabaseSettings,
    error::{IntoPort as _, StoreResult},
    unit_of_work::UnitOfWork,
};

const STORE: StoreId = StoreId(1);
const SKU: SkuId = SkuId(7);
/// More than one statement carries.
const USERS: i64 = 70;

fn now() -> Timestamp {
    Timestamp::from_millis(1_795_305_600_000)
}

fn key(user: i64) -> LimitKey {
    LimitKey { sku: SKU, user: UserId(format!("user-{user}")) }
}

fn cause(movement_id: &str) -> Cause<'_> {
    Cause { store: STORE, movement_id, order_no: None, at: now() }
}

/// One unit, one order a user.
fn take(stock: &mut LockedStock, movement_id: &str, user: i64) -> StoreResult<Result<(), Refusal>> {
    let LimitKey { sku, user } = key(user);
    let terms = Terms { window: None, limit: Some(UserLimit { sku, user, units: 1, most_orders: Some(1), most_units: None }) };
    stock.take(&cause(movement_id), &[ReserveLine { sku: SKU, quantity: 1, revision: None }], &terms, now())
}

async fn locked(unit: &UnitOfWork) -> StoreResult<LockedStock> {
    // Any order, and twice: as orders come.
    let keys = (0..USERS).rev().chain(0..USERS).map(key).collect();
    LockedStock::lock_with_limits(unit, vec![SKU, SKU], keys).await
}

/// What a batch answered. Looked at after its transaction: a test that fails inside one would leave its locks behind.
type Answers = Vec<Result<(), Refusal>>;

/// Every user twice, then one whose counter was not read.
async fn first_batch(unit: &UnitOfWork) -> StoreResult<(Answers, bool)> {
    let mut stock = locked(unit).await?;
    let mut answers = Answers::new();
    for user in 0..USERS {
        answers.push(take(&mut stock, &format!("a-{user}"), user)?);
        answers.push(take(&mut stock, &format!("b-{user}"), user)?);
    }
    let unread_fails = take(&mut stock, "nobody read it", USERS).is_err();
    stock.write(unit).await?;
    Ok((answers, unread_fails))
}

/// Every user again; ten give back what they took, as often as they can; one of these takes again.
async fn second_batch(unit: &UnitOfWork) -> StoreResult<(Answers, usize)> {
    let mut stock = locked(unit).await?;
    let mut answers = Answers::new();
    for user in 0..USERS {
        answers.push(take(&mut stock, &format!("c-{user}"), user)?);
    }
    let mut freed = 0;
    for user in 0..10 {
        freed += usize::from(stock.move_units(&cause(&format!("a-{user}")), MovementKind::Release, SKU, 1));
        for store in [StoreId(2), STORE, STORE] {
            freed += usize::from(stock.free_limit(store, &key(user), 1).is_ok());
        }
    }
    answers.push(take(&mut stock, "d-3", 3)?);
    stock.write(unit).await?;
    Ok((answers, freed))
}

async fn release_again(unit: &UnitOfWork) -> StoreResult<bool> {
    let mut stock = locked(unit).await?;
    let moved = stock.move_units(&cause("a-3"), MovementKind::Release, SKU, 1);
    stock.free_limit(STORE, &key(3), 1)?;
    stock.write(unit).await?;
    Ok(moved)
}

async fn a_batch_keeps_every_limit(database: Database) {
    database.migrate().await.unwrap();
    let gate = SqlStockGate::new(database.clone());
    gate.set_listing(STORE, SKU, Listing { buyable: true, revision: 1 }).await.unwrap();
    gate.adjust(STORE, &AdjustmentId("receipt".to_owned()), SKU, 100, now()).await.unwrap().unwrap();
    let users = usize::try_from(USERS).unwrap();
    let counted = async || {
        let taken = gate.taken(STORE).await.unwrap();
        assert!(taken.iter().all(|taken| (taken.orders, taken.units) == (1, 1)), "{taken:?}");
        taken.len()
    };

    let first = database.transact(|unit, _| Box::pin(first_batch(unit))).await.into_port("the first batch");
    let twice: Answers = (0..users).flat_map(|_| [Ok(()), Err(Refusal::LimitReached)]).collect();
    assert_eq!(first.unwrap(), (twice, true));
    assert_eq!(counted().await, users);

    // The next batch sees all of them, and what is freed in it is taken in it.
    let second = database.transact(|unit, _| Box::pin(second_batch(unit))).await.into_port("the second batch");
    let mut expected = vec![Err(Refusal::LimitReached); users];
    expected.push(Ok(()));
    assert_eq!(second.unwrap(), (expected, 20));
    assert_eq!(counted().await, users - 9);
    let figures = gate.figures(STORE, &[SKU]).await.unwrap()[&SKU];
    assert_eq!((figures.usable, figures.locked), (100 - USERS + 9, USERS - 9));

    // Its unique ledger row stands against a second release, whoever asks for it.
    assert!(database.transact(|unit, _| Box::pin(release_again(unit))).await.into_port("a second release").is_err());
    assert_eq!(counted().await, users - 9);
}

#[tokio::test]
async fn a_batch_keeps_every_limit_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    a_batch_keeps_every_limit(Database::connect(&DatabaseSettings::new(url)).await.unwrap()).await;
}

#[tokio::test]
async fn a_batch_keeps_every_limit_on_mariadb() {
    let fresh = sluice_testkit::fresh_database().await;
    a_batch_keeps_every_limit(Database::connect(&DatabaseSettings::new(fresh.url())).await.unwrap()).await;
}
