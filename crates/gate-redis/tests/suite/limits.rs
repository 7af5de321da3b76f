//! Users' limits in Redis: what a rebuild brings back, and names that look like lines.

use std::sync::Arc;

use sluice_gate_redis::RedisStockGate;
use sluice_inventory::{GateAnswer, ReserveLine, Settled, StockGate, TakenOfLimit, Terms, UserLimit};
use sluice_kernel::{ReservationId, StoreId, UserId};

use crate::{
    server::RedisServer,
    source::{Database, SKU, STORE, figures_of, now, one, open_gate, order, parts},
};

fn limit(user: &str, units: i64, most_orders: Option<i64>, most_units: Option<i64>) -> UserLimit {
    UserLimit { sku: SKU, user: UserId(user.to_owned()), units, most_orders, most_units }
}

async fn reserve(gate: &RedisStockGate, id: ReservationId, limit: UserLimit) -> GateAnswer {
    let line = ReserveLine { sku: SKU, quantity: limit.units, revision: None };
    gate.reserve(STORE, id, &[line], &Terms { window: None, limit: Some(limit) }, now()).await.unwrap()
}

fn taken(user: &str, orders: i64, units: i64) -> TakenOfLimit {
    TakenOfLimit { store: STORE, sku: SKU, user: UserId(user.to_owned()), orders, units }
}

/// As the database counts after two orders: one of ann's that holds three units, one of bob's that bought two.
fn two_orders() -> Arc<Database> {
    let database = Database::with_ten_units();
    {
        let mut snapshot = database.snapshot.lock().unwrap();
        snapshot.skus[0].2 = parts(5, 3, 2);
        let line = ReserveLine { sku: SKU, quantity: 3, revision: None };
        snapshot.held.push((STORE, order(1), vec![line], Some(limit("ann", 3, None, None))));
        snapshot.taken.extend([taken("ann", 1, 3), taken("bob", 1, 2)]);
        // Another store's user of the same name.
        snapshot.taken.push(TakenOfLimit { store: StoreId(2), ..taken("cat", 9, 9) });
    }
    database
}

#[tokio::test]
async fn a_rebuild_brings_back_what_users_have_taken_and_what_a_release_gives_back() {
    let server = RedisServer::start().await;
    let gate = open_gate(&server.url("shop:"), &two_orders()).await;
    assert_eq!(gate.taken(STORE).await.unwrap(), [taken("ann", 1, 3), taken("bob", 1, 2)]);
    assert_eq!(reserve(&gate, order(2), limit("ann", 1, Some(1), None)).await, GateAnswer::LimitReached);
    assert_eq!(reserve(&gate, order(2), limit("ann", 2, None, Some(4))).await, GateAnswer::LimitReached);
    assert_eq!(reserve(&gate, order(2), limit("bob", 1, Some(1), None)).await, GateAnswer::LimitReached);
    assert_eq!(reserve(&gate, order(2), limit("cat", 1, Some(1), Some(1))).await, GateAnswer::Reserved { epoch: 1 });

    for settled in [Settled::Done, Settled::Already] {
        assert_eq!(gate.release(STORE, order(1), now()).await.unwrap(), settled);
    }
    assert_eq!(reserve(&gate, order(3), limit("ann", 4, Some(1), Some(4))).await, GateAnswer::Reserved { epoch: 1 });
    assert_eq!(figures_of(&gate, SKU).await, parts(3, 5, 2));
}

#[tokio::test]
async fn limits_are_the_same_after_a_loss() {
    let mut server = RedisServer::start().await;
    let gate = open_gate(&server.url("shop:"), &two_orders()).await;
    // Taken at the gate, but its order never came: gone with the gate.
    assert_eq!(reserve(&gate, order(2), limit("dan", 1, Some(1), None)).await, GateAnswer::Reserved { epoch: 1 });
    server.stop();
    server.run().await;
    let lost = gate.reserve(STORE, order(2), &one(SKU), &Terms::default(), now()).await;
    assert!(lost.is_err(), "{lost:?}");
    gate.ensure_open().await.unwrap();
    assert_eq!(reserve(&gate, order(3), limit("ann", 1, Some(1), None)).await, GateAnswer::LimitReached);
    assert_eq!(reserve(&gate, order(3), limit("dan", 1, Some(1), None)).await, GateAnswer::Reserved { epoch: 2 });
}

#[tokio::test]
async fn names_that_look_like_lines_or_limits_stay_names() {
    let server = RedisServer::start().await;
    let gate = open_gate(&server.url("shop:"), &Database::with_ten_units()).await;
    for (number, name) in (1..).zip(["16=5", "16=5|16 9 eve", "|", "16:t:eve", "a b\n16=1", "早上"]) {
        let once = limit(name, 2, Some(1), Some(2));
        assert_eq!(reserve(&gate, order(number), once.clone()).await, GateAnswer::Reserved { epoch: 1 });
        assert_eq!(figures_of(&gate, SKU).await, parts(8, 2, 0), "{name}");
        assert_eq!(gate.taken(STORE).await.unwrap(), [taken(name, 1, 2)]);
        assert_eq!(reserve(&gate, order(number + 100), once.clone()).await, GateAnswer::LimitReached);
        assert_eq!(gate.release(STORE, order(number), now()).await.unwrap(), Settled::Done);
        assert_eq!(figures_of(&gate, SKU).await, parts(10, 0, 0), "{name}");

        assert_eq!(reserve(&gate, order(number + 100), once.clone()).await, GateAnswer::Reserved { epoch: 1 });
        assert_eq!(gate.release(STORE, order(number + 100), now()).await.unwrap(), Settled::Done);
    }
    assert_eq!(reserve(&gate, order(50), limit("16=5", 1, None, None)).await, GateAnswer::Reserved { epoch: 1 });
    assert_eq!(gate.sell(STORE, order(50), now()).await.unwrap(), Settled::Done);
    assert_eq!(figures_of(&gate, SKU).await, parts(9, 0, 1));
    // Nobody took of eve's.
    assert_eq!(reserve(&gate, order(51), limit("eve", 1, Some(1), None)).await, GateAnswer::Reserved { epoch: 1 });
}

/// Nobody's limit is loaded whose orders are all closed: it is asked for when the user comes, once.
#[tokio::test]
async fn a_user_who_bought_before_the_gate_was_lost_never_gets_the_limit_again() {
    let server = RedisServer::start().await;
    let database = Database::with_ten_units();
    *database.users.lock().unwrap() = vec![taken("ann", 1, 3)];
    let gate = open_gate(&server.url("shop:"), &database).await;
    assert_eq!(reserve(&gate, order(1), limit("ann", 1, Some(1), None)).await, GateAnswer::LimitReached);
    assert_eq!(reserve(&gate, order(1), limit("ann", 2, None, Some(4))).await, GateAnswer::LimitReached);
    assert_eq!(reserve(&gate, order(1), limit("ann", 1, Some(2), Some(4))).await, GateAnswer::Reserved { epoch: 1 });
    let asked = || database.asked.load(std::sync::atomic::Ordering::SeqCst);
    let before = asked();
    // From here on the gate counts by itself, also after everything was given back.
    assert_eq!(gate.taken(STORE).await.unwrap(), [taken("ann", 2, 4)]);
    for number in [2, 3] {
        assert_eq!(reserve(&gate, order(number), limit("bob", 1, Some(1), None)).await, GateAnswer::Reserved { epoch: 1 });
        assert_eq!(gate.release(STORE, order(number), now()).await.unwrap(), Settled::Done);
    }
    assert_eq!(asked(), before + 1, "bob was asked for once");
    assert_eq!(gate.taken(STORE).await.unwrap(), [taken("ann", 2, 4)]);
}

#[tokio::test]
async fn a_sku_that_nobody_ever_took_costs_no_question() {
    let server = RedisServer::start().await;
    let database = Database::with_ten_units();
    database.snapshot.lock().unwrap().untouched.push((STORE, SKU));
    let gate = open_gate(&server.url("shop:"), &database).await;
    assert_eq!(reserve(&gate, order(1), limit("ann", 1, Some(1), None)).await, GateAnswer::Reserved { epoch: 1 });
    assert_eq!(reserve(&gate, order(2), limit("ann", 1, Some(1), None)).await, GateAnswer::LimitReached);
    // One that came after the gate was built, too.
    let late = sluice_kernel::SkuId(77);
    gate.set_listing(STORE, late, crate::source::LISTED).await.unwrap();
    let id = sluice_inventory::AdjustmentId("receipt".to_owned());
    gate.adjust(STORE, &id, late, 5, now()).await.unwrap().unwrap();
    let line = ReserveLine { sku: late, quantity: 1, revision: None };
    let terms = Terms { window: None, limit: Some(UserLimit { sku: late, ..limit("ann", 1, Some(1), None) }) };
    assert_eq!(gate.reserve(STORE, order(3), &[line], &terms, now()).await.unwrap(), GateAnswer::Reserved { epoch: 1 });
    assert_eq!(database.asked.load(std::sync::atomic::Ordering::SeqCst), 0);
}
