//! Money that waits, comes late, or is not asked for; and keys whose look-up fails.

use std::{sync::Arc, time::Duration};

use sluice_events::{Fact, PaymentSettled, SettledStatus};
use sluice_kernel::{Classified as _, Currency, Money, PayType, PaymentId, ReservationId};

use crate::{
    Applied, CancelReason, CommitOutcome, Order, OrderService as _, OrderState, OrderStatus, Replay, ReserveAnswer, StockRefusal,
    StockStep, WaitingSettlement,
    fakes::{STORE, World, command, found, now, offer},
};

async fn placed(world: World) -> (Arc<World>, Order) {
    let world = Arc::new(world);
    let order = world.service().place_activity(command(PayType::Cash)).await.unwrap().order;
    *world.order.lock().unwrap() = Some(order.clone());
    (world, order)
}

fn paid(order: &Order) -> PaymentSettled {
    PaymentSettled {
        order_no: order.order_no,
        store_id: STORE,
        payment_id: PaymentId::from("p1"),
        provider: "sandbox".to_owned(),
        status: SettledStatus::Paid,
        amount: order.terms.total,
        points: None,
        refund_id: None,
        restock: Vec::new(),
        at: now(),
    }
}

fn close(world: &World) {
    world.order.lock().unwrap().as_mut().unwrap().state = OrderState::Cancelled { reason: CancelReason::Expired };
}

fn status(world: &World) -> OrderStatus {
    world.order.lock().unwrap().as_ref().unwrap().status()
}

/// Whether the money is seen when the channel is closed or only by the cancellation's own transaction.
#[tokio::test]
async fn an_order_whose_money_is_stored_is_cancelled_by_nobody() {
    for seen_early in [true, false] {
        let (world, order) = placed(World::new(PayType::Cash)).await;
        let service = world.service();
        for user in [Some(&order.user), None] {
            *world.money_is_stored.lock().unwrap() = seen_early;
            world.changes.lock().unwrap().push_back(Applied::MoneyStored);
            let refused = service.cancel(STORE, user, order.order_no).await.unwrap_err();
            assert_eq!(refused.code(), "order_not_cancellable");
        }
        world.clock.set(order.terms.expires_at.plus(Duration::from_hours(1)));
        let closed =
            sluice_events::PaymentWindowClosed { order_no: order.order_no, store_id: STORE, expires_at: order.terms.expires_at };
        world.changes.lock().unwrap().push_back(Applied::MoneyStored);
        service.expire(&closed).await.unwrap();
        assert_eq!(status(&world), OrderStatus::Unpaid);
        world.changes.lock().unwrap().clear();
        service.settle(&paid(&order)).await.unwrap();
        assert_eq!(status(&world), OrderStatus::Paid);
    }
}

/// Its process died and the sweeper gave the units back: they are there, under the next name.
#[tokio::test]
async fn late_money_whose_reservation_is_gone_is_not_refunded_while_units_are_there() {
    let (world, order) = placed(World { outside_gate: true, ..World::new(PayType::Cash) }).await;
    close(&world);
    world.reserved.lock().unwrap().clear();
    world.gate.lock().unwrap().extend([ReserveAnswer::Gone, ReserveAnswer::Held { epoch: 7 }, ReserveAnswer::Held { epoch: 7 }]);
    // The second one was taken for an orphan by the sweeper before its commit.
    world.changes.lock().unwrap().extend([Applied::EpochMoved, Applied::Done]);
    world.service().settle(&paid(&order)).await.unwrap();
    assert_eq!(status(&world), OrderStatus::Paid);
    let names = [2, 3, 4].map(|attempt| ReservationId { attempt, ..order.reservation });
    assert_eq!(*world.reserved.lock().unwrap(), names);
    let transitions = world.transitions.lock().unwrap();
    assert!(matches!(&transitions.last().unwrap().stock, StockStep::LateSell { reservation, .. } if *reservation == names[2]));
    assert!(world.money_back.lock().unwrap().is_empty());
}

/// An order that could not be written for a day: each try reserved under a new name, which the sweeper took back.
#[tokio::test]
async fn late_money_goes_on_behind_the_names_that_earlier_tries_used_up() {
    let (world, order) = placed(World { outside_gate: true, ..World::new(PayType::Cash) }).await;
    close(&world);
    world.reserved.lock().unwrap().clear();
    *world.last_attempt.lock().unwrap() = 1_440;
    world.gate.lock().unwrap().extend([ReserveAnswer::Gone, ReserveAnswer::Held { epoch: 7 }]);
    world.service().settle(&paid(&order)).await.unwrap();
    assert_eq!(status(&world), OrderStatus::Paid);
    assert_eq!(*world.reserved.lock().unwrap(), [2, 1_441].map(|attempt| ReservationId { attempt, ..order.reservation }));
}

#[tokio::test]
async fn late_money_is_not_refunded_while_every_reservation_is_gone() {
    let (world, order) = placed(World { outside_gate: true, ..World::new(PayType::Cash) }).await;
    close(&world);
    world.gate.lock().unwrap().extend(std::iter::repeat_n(ReserveAnswer::Gone, 8));
    world.service().settle(&paid(&order)).await.unwrap();
    assert_eq!((status(&world), world.waiting.lock().unwrap().len()), (OrderStatus::Cancelled, 1));
    world.clock.set(now().plus(Duration::from_mins(1)));
    assert_eq!(world.service().settle_waiting(10).await.unwrap(), 1);
    assert_eq!((status(&world), world.waiting.lock().unwrap().len()), (OrderStatus::Paid, 0));
}

/// The consumer goes on at once, and the money is taken when the gate is open again.
#[tokio::test]
async fn late_money_behind_a_closed_gate_holds_no_other_money_up() {
    let (world, order) = placed(World { outside_gate: true, ..World::new(PayType::Cash) }).await;
    close(&world);
    *world.gate_is_closed.lock().unwrap() = true;
    let service = world.service();
    for _ in 0..3 {
        service.settle(&paid(&order)).await.unwrap();
    }
    assert_eq!(world.waiting.lock().unwrap().len(), 1);
    for minute in 1..=20 {
        world.clock.set(now().plus(Duration::from_mins(minute)));
        assert_eq!(service.settle_waiting(10).await.unwrap(), 1, "a closed gate is never a reason to give up");
    }
    *world.gate_is_closed.lock().unwrap() = false;
    world.clock.set(now().plus(Duration::from_hours(1)));
    service.settle_waiting(10).await.unwrap();
    assert_eq!((status(&world), world.waiting.lock().unwrap().len()), (OrderStatus::Paid, 0));
    assert!(world.money_back.lock().unwrap().is_empty());
}

#[tokio::test]
async fn money_whose_event_was_lost_is_not_silent() {
    let (world, order) = placed(World::new(PayType::Cash)).await;
    let settled = paid(&order);
    let row = WaitingSettlement { id: settled.id(), settled: settled.clone(), attempts: 0 };
    world.waiting.lock().unwrap().push((row, Some(now())));
    assert_eq!(world.service().settle_waiting(10).await.unwrap(), 1);
    assert_eq!((status(&world), world.waiting.lock().unwrap().len()), (OrderStatus::Paid, 0));
    // The event comes after all.
    world.service().settle(&settled).await.unwrap();
    assert_eq!((status(&world), world.transitions.lock().unwrap().len()), (OrderStatus::Paid, 1));
}

/// What the order never takes ends where staff see it, after a bounded number of tries.
#[tokio::test]
async fn a_settlement_that_its_order_refuses_is_not_tried_without_end() {
    let (world, order) = placed(World::new(PayType::Cash)).await;
    let wrong = PaymentSettled { provider: "points".to_owned(), ..paid(&order) };
    let row = WaitingSettlement { id: wrong.id(), settled: wrong, attempts: 0 };
    world.waiting.lock().unwrap().push((row, Some(now())));
    for hour in 1..=20 {
        world.clock.set(now().plus(Duration::from_hours(hour)));
        world.service().settle_waiting(10).await.unwrap();
    }
    let waiting = world.waiting.lock().unwrap();
    assert_eq!((waiting[0].0.attempts, waiting[0].1), (8, None));
    assert_eq!(*world.exceptions.lock().unwrap(), ["settlement_refused"]);
}

#[tokio::test]
async fn an_order_in_points_whose_message_was_lost_is_deducted_all_the_same() {
    let world = Arc::new(World::new(PayType::Points));
    let order = world.service().place_activity(command(PayType::Points)).await.unwrap().order;
    *world.order.lock().unwrap() = Some(order.clone());
    assert_eq!(world.service().deduct_waiting(10).await.unwrap(), 1);
    assert_eq!(*world.deducted.lock().unwrap(), [order.order_no]);
}

#[tokio::test]
async fn an_order_that_costs_nothing_waits_for_no_payment() {
    let mut free = offer(PayType::Cash);
    free.shelf.price = Money::zero(Currency::CNY);
    let world = World::new(PayType::Cash);
    *world.lookups.lock().unwrap() = (found(free.clone()), found(free));
    let world = Arc::new(world);
    // The process could not pay it: the fake knows no order so far.
    let first = world.service().place_activity(command(PayType::Cash)).await.unwrap();
    assert_eq!((first.order.status(), first.payment), (OrderStatus::Unpaid, None));
    let written = world.written.lock().unwrap()[0].clone();
    let free = written.free_settlement().unwrap();
    assert_eq!((written.first_payment, free.amount, free.provider.as_str()), (None, Money::zero(Currency::CNY), "none"));

    let order_no = first.order.order_no;
    *world.order.lock().unwrap() = Some(first.order);
    world.commits.lock().unwrap().push_back(CommitOutcome::Replayed(Replay { order_no, same_body: true }));
    let again = world.service().place_activity(command(PayType::Cash)).await.unwrap();
    assert_eq!((again.order.status(), again.payment, status(&world)), (OrderStatus::Paid, None, OrderStatus::Paid));
    assert_eq!(*world.prepared.lock().unwrap(), 0, "no provider is asked");
}

/// Whether the key owns an order is not known then: 503, and never a refusal.
#[tokio::test]
async fn a_key_whose_look_up_fails_is_not_refused() {
    let world = Arc::new(World::new(PayType::Cash));
    *world.look_up_is_away.lock().unwrap() = true;
    world.commits.lock().unwrap().push_back(CommitOutcome::Refused(StockRefusal::Short(vec![(crate::fakes::SKU, 0)])));
    let answer = world.service().place_activity(command(PayType::Cash)).await.unwrap_err();
    assert_eq!((answer.code(), answer.kind().is_transient()), ("unavailable", true));
}

#[tokio::test]
async fn a_paid_order_tells_that_it_took_its_settlement() {
    let (world, order) = placed(World::new(PayType::Cash)).await;
    world.service().settle(&paid(&order)).await.unwrap();
    let transitions = world.transitions.lock().unwrap();
    assert_eq!(transitions[0].settles.as_deref(), Some("p1/paid"));
    assert!(matches!(transitions[0].fact, Some(Fact::OrderPaid { .. })));
}
