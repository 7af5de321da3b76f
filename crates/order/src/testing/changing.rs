//! Changes of placed orders: races, late money, refunds.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "a suite fails by panicking")]

use std::sync::Arc;

use sluice_events::{Fact, OrderRefunded, RestockLine};
use sluice_kernel::{Money, OrderNo, PaymentId, RefundId, RefundState, ReservationId, SkuId};

use super::fixture::{OrderFixture, REVISION, STORE, new_order, now, number, placed, plain_transition};
use crate::{Applied, CancelReason, Order, OrderState, OrderStatus, RefundRecord, StockStep, Transition};

fn payment() -> PaymentId {
    PaymentId::from("payment-1")
}

fn paid(order: &Order) -> Transition {
    let to = OrderState::Paid { payment: payment() };
    Transition { paid_at: Some(now()), ..plain_transition(order, to, StockStep::Sell(order.reservation)) }
}

fn cancelled(order: &Order) -> Transition {
    let to = OrderState::Cancelled { reason: CancelReason::User };
    plain_transition(order, to, StockStep::Release(order.reservation))
}

async fn again(fixture: &dyn OrderFixture, order: OrderNo) -> Order {
    fixture.orders().find(STORE, order).await.unwrap().unwrap()
}

/// Money and cancellation at the same moment, three hundred times: exactly one wins, and the units go one way.
pub async fn money_and_cancel_race(fixture: &dyn OrderFixture) {
    let (one, two) = (SkuId(13_101), SkuId(13_102));
    fixture.put_sku(STORE, one, 1_000, true, REVISION).await;
    fixture.put_sku(STORE, two, 1_000, true, REVISION).await;
    let (orders, mut sold) = (fixture.orders(), 0);
    for n in 0..300 {
        let order = placed(fixture, new_order(number(31, n), &[(one, 1), (two, 2)])).await;
        let race = [paid(&order), cancelled(&order), cancelled(&order)].map(|transition| {
            let orders = Arc::clone(&orders);
            tokio::spawn(async move { orders.apply(&transition).await.unwrap() })
        });
        let [money, user, timer] = race;
        let outcomes = [money.await.unwrap(), user.await.unwrap(), timer.await.unwrap()];
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Applied::Done).count(), 1, "{outcomes:?}");
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Applied::Lost).count(), 2, "{outcomes:?}");
        let order = orders.find(STORE, order.order_no).await.unwrap().unwrap();
        let money_won = outcomes[0] == Applied::Done;
        assert_eq!(order.status(), if money_won { OrderStatus::Paid } else { OrderStatus::Cancelled });
        assert_eq!(order.version, 1);
        sold += i64::from(money_won);
    }
    assert_eq!(fixture.figures(STORE, one).await, (1_000 - sold, 0, sold));
    assert_eq!(fixture.figures(STORE, two).await, (1_000 - 2 * sold, 0, 2 * sold));
}

/// Late money takes the units anew under a new attempt, all of them or none.
pub async fn late_money_reserves_anew_or_finds_too_little(fixture: &dyn OrderFixture) {
    let (one, two) = (SkuId(13_201), SkuId(13_202));
    fixture.put_sku(STORE, one, 2, true, REVISION).await;
    fixture.put_sku(STORE, two, 2, true, REVISION).await;
    let orders = fixture.orders();
    let order = placed(fixture, new_order(number(32, 0), &[(one, 2), (two, 1)])).await;
    assert_eq!(orders.apply(&cancelled(&order)).await.unwrap(), Applied::Done);
    assert_eq!(fixture.figures(STORE, one).await, (2, 0, 0));

    let other = placed(fixture, new_order(number(32, 1), &[(one, 1)])).await;
    let late = async || {
        let order = again(fixture, order.order_no).await;
        let reservation = ReservationId { attempt: order.reservation.attempt + 1, ..order.reservation };
        Transition { stock: StockStep::LateSell { reservation, epoch: None, terms: order.late_terms() }, ..paid(&order) }
    };
    assert_eq!(orders.apply(&late().await).await.unwrap(), Applied::Short);
    assert_eq!(again(fixture, order.order_no).await.status(), OrderStatus::Cancelled);
    assert_eq!(fixture.figures(STORE, two).await, (2, 0, 0));

    assert_eq!(orders.apply(&cancelled(&other)).await.unwrap(), Applied::Done);
    assert_eq!(orders.apply(&late().await).await.unwrap(), Applied::Done);
    let order = again(fixture, order.order_no).await;
    assert_eq!((order.status(), order.reservation.attempt, order.paid_at), (OrderStatus::Paid, 2, Some(now())));
    assert_eq!(order.cancel_reason, Some(CancelReason::User));
    assert_eq!(fixture.figures(STORE, one).await, (0, 0, 2));
    assert_eq!(fixture.figures(STORE, two).await, (1, 0, 1));
    assert_eq!(orders.apply(&late().await).await.unwrap(), Applied::Short);
}

fn refund(order: &Order, name: &str, amount: i64, restock: &[(SkuId, i64)]) -> Transition {
    let record = RefundRecord { id: RefundId(format!("{}-{name}", order.order_no)), amount, restock: restock.to_vec() };
    let full = order.refunded + amount >= order.terms.total.amount;
    let to = if full { OrderState::Refunded { payment: payment() } } else { order.state.clone() };
    let fact = Fact::OrderRefunded {
        order: OrderRefunded {
            order_no: order.order_no,
            kind: order.terms.kind,
            store_id: order.store,
            user_id: order.user.clone(),
            status: to.status().as_str().to_owned(),
            refund_status: RefundState::Partial,
            refund_id: record.id.clone(),
            amount: Money { amount, ..order.terms.total },
            restocked: restock.iter().map(|(sku_id, quantity)| RestockLine { sku_id: *sku_id, quantity: *quantity }).collect(),
            points: None,
            activity: order.activity_fact(),
            at: now(),
        },
    };
    let stock = if restock.is_empty() { StockStep::None } else { StockStep::Restock(record.clone()) };
    Transition { refund: Some(record), fact: Some(fact), ..plain_transition(order, to, stock) }
}

/// Partial restocks add up; two refunds that ask for the same units return them once.
pub async fn restocks_never_return_a_unit_twice(fixture: &dyn OrderFixture) {
    let (one, two) = (SkuId(13_301), SkuId(13_302));
    fixture.put_sku(STORE, one, 5, true, REVISION).await;
    fixture.put_sku(STORE, two, 5, true, REVISION).await;
    let orders = fixture.orders();
    let order = placed(fixture, new_order(number(33, 0), &[(one, 3), (two, 2)])).await;
    assert_eq!(orders.apply(&paid(&order)).await.unwrap(), Applied::Done);

    let order = again(fixture, order.order_no).await;
    assert_eq!(orders.apply(&refund(&order, "a", 100, &[(one, 1)])).await.unwrap(), Applied::Done);
    assert_eq!(fixture.figures(STORE, one).await, (3, 0, 2));
    let order = again(fixture, order.order_no).await;
    assert_eq!(orders.apply(&refund(&order, "b", 100, &[(one, 1), (two, 2)])).await.unwrap(), Applied::Done);
    assert_eq!(fixture.figures(STORE, one).await, (4, 0, 1));
    assert_eq!(fixture.figures(STORE, two).await, (5, 0, 0));
    // One unit is left of what is asked; another order's units stay sold.
    let order = again(fixture, order.order_no).await;
    assert_eq!(orders.apply(&refund(&order, "c", 100, &[(one, 3), (two, 2)])).await.unwrap(), Applied::Done);
    assert_eq!(fixture.figures(STORE, one).await, (5, 0, 0));
    assert_eq!(fixture.figures(STORE, two).await, (5, 0, 0));
    let order = again(fixture, order.order_no).await;
    assert_eq!(order.items.iter().map(|item| item.restocked).collect::<Vec<_>>(), [3, 2]);
    assert_eq!((order.refunded, order.refund_state), (300, RefundState::Partial));
}

/// A refund that is told again changes nothing; the one that returns the last of it makes the order refunded.
pub async fn refunds_count_once(fixture: &dyn OrderFixture) {
    let sku = SkuId(13_401);
    fixture.put_sku(STORE, sku, 5, true, REVISION).await;
    let orders = fixture.orders();
    let order = placed(fixture, new_order(number(34, 0), &[(sku, 2)])).await;
    assert_eq!(orders.apply(&paid(&order)).await.unwrap(), Applied::Done);
    let order = again(fixture, order.order_no).await;
    let first = refund(&order, "a", 1_000, &[(sku, 1)]);
    assert_eq!(orders.apply(&first).await.unwrap(), Applied::Done);
    assert_eq!(orders.apply(&first).await.unwrap(), Applied::Repeated);
    let order = again(fixture, order.order_no).await;
    assert_eq!(orders.apply(&refund(&order, "a", 1_000, &[(sku, 1)])).await.unwrap(), Applied::Repeated);
    assert_eq!((order.status(), order.refunded, order.refund_state), (OrderStatus::Paid, 1_000, RefundState::Partial));
    assert_eq!(fixture.figures(STORE, sku).await, (4, 0, 1));

    let rest = refund(&order, "b", order.terms.total.amount - 1_000, &[]);
    let race = [rest.clone(), rest.clone(), rest].map(|transition| {
        let orders = Arc::clone(&orders);
        tokio::spawn(async move { orders.apply(&transition).await.unwrap() })
    });
    let mut done = 0;
    for outcome in race {
        let outcome = outcome.await.unwrap();
        assert!(matches!(outcome, Applied::Done | Applied::Repeated), "{outcome:?}");
        done += u32::from(outcome == Applied::Done);
    }
    assert_eq!(done, 1);
    let order = again(fixture, order.order_no).await;
    assert_eq!((order.status(), order.refunded), (OrderStatus::Refunded, order.terms.total.amount));
    assert_eq!(order.refund_state, RefundState::Full);
    assert_eq!(fixture.figures(STORE, sku).await, (4, 0, 1));
}
