//! What the points account's notices do to an order, and how its points go back.

use std::sync::Arc;

use sluice_events::{Fact, PaymentSettled, SettledStatus};
use sluice_kernel::{
    Amount, Classified as _, Currency, Money, PayType, PaymentId, Points, Quantity, RefundId, RefundState, ReservationId,
};

use crate::{
    Applied, CancelReason, IdempotencyKey, Order, OrderError, OrderService as _, OrderState, OrderStatus, RefundRequest,
    RestockChoice, StockStep,
    fakes::{SKU, STORE, World, command, now},
};

async fn placed(pay_type: PayType) -> (Arc<World>, Order) {
    let world = Arc::new(World::new(pay_type));
    let order = world.service().place_activity(command(pay_type)).await.unwrap().order;
    *world.order.lock().unwrap() = Some(order.clone());
    (world, order)
}

fn notice(order: &Order, status: SettledStatus) -> PaymentSettled {
    PaymentSettled {
        order_no: order.order_no,
        store_id: STORE,
        payment_id: PaymentId(format!("points-{}", order.order_no)),
        provider: "points".to_owned(),
        status,
        amount: Money::zero(Currency::CNY),
        points: Some(order.terms.points_total),
        refund_id: None,
        restock: Vec::new(),
        at: now(),
    }
}

async fn tell(world: &Arc<World>, notice: &PaymentSettled) -> Result<(), OrderError> {
    world.service().settle(notice).await
}

fn status(world: &World) -> OrderStatus {
    world.order.lock().unwrap().as_ref().unwrap().status()
}

#[tokio::test]
async fn rule_9_deducted_points_pay_the_order_once() {
    let (world, order) = placed(PayType::Points).await;
    let paid = notice(&order, SettledStatus::Paid);
    for _ in 0..3 {
        tell(&world, &paid).await.unwrap();
        // A late refusal finds the order paid.
        tell(&world, &notice(&order, SettledStatus::Failed)).await.unwrap();
    }
    assert_eq!(status(&world), OrderStatus::Paid);
    let transitions = world.transitions.lock().unwrap();
    assert_eq!(transitions.len(), 1);
    assert_eq!(transitions[0].stock, StockStep::Sell(order.reservation));
    let Some(Fact::OrderPaid { order: told, late: false, .. }) = &transitions[0].fact else { unreachable!("no fact") };
    assert_eq!((told.payment_id.clone(), told.points_total), (paid.payment_id, Points(800)));
    assert_eq!(told.activity, order.activity_fact());
}

#[tokio::test]
async fn rule_9_refused_points_fail_the_order_and_free_units_and_limit() {
    let (world, order) = placed(PayType::Points).await;
    for _ in 0..2 {
        tell(&world, &notice(&order, SettledStatus::Failed)).await.unwrap();
        tell(&world, &notice(&order, SettledStatus::Paid)).await.unwrap();
    }
    assert_eq!(status(&world), OrderStatus::Failed);
    let transitions = world.transitions.lock().unwrap();
    assert_eq!(transitions.len(), 1, "a failed order absorbs");
    assert_eq!(transitions[0].stock, StockStep::Release(order.reservation));
    let Some(Fact::OrderCancelled { order: told, .. }) = &transitions[0].fact else { unreachable!("no fact") };
    assert_eq!((told.status.as_str(), told.reason.as_deref()), ("failed", None));
    assert!(told.activity.is_some());
}

#[tokio::test]
async fn a_lost_race_is_decided_anew() {
    let (world, order) = placed(PayType::Points).await;
    world.changes.lock().unwrap().extend([Applied::Lost, Applied::Lost]);
    tell(&world, &notice(&order, SettledStatus::Paid)).await.unwrap();
    assert_eq!((status(&world), world.transitions.lock().unwrap().len()), (OrderStatus::Paid, 3));
}

#[tokio::test]
async fn notices_that_do_not_fit_their_order_change_nothing() {
    let (world, order) = placed(PayType::Points).await;
    for points in [None, Some(Points(799))] {
        let wrong = PaymentSettled { points, ..notice(&order, SettledStatus::Paid) };
        assert_eq!(tell(&world, &wrong).await.unwrap_err().code(), "order_state_refused");
    }
    // Money for an order in points goes back.
    let money = PaymentSettled {
        provider: "sandbox".to_owned(),
        payment_id: PaymentId::from("p9"),
        points: None,
        ..notice(&order, SettledStatus::Paid)
    };
    tell(&world, &money).await.unwrap();
    assert_eq!(status(&world), OrderStatus::Confirming);
    assert_eq!(world.money_back.lock().unwrap()[0].payment, PaymentId::from("p9"));

    // Points never pay an order that costs money.
    let (world, order) = placed(PayType::Cash).await;
    assert_eq!(tell(&world, &notice(&order, SettledStatus::Paid)).await.unwrap_err().code(), "order_state_refused");
    assert_eq!(status(&world), OrderStatus::Unpaid);
}

#[tokio::test]
async fn a_confirming_order_is_cancelled_by_nobody() {
    let (world, order) = placed(PayType::Points).await;
    let service = world.service();
    for user in [Some(&order.user), None] {
        let refused = service.cancel(STORE, user, order.order_no).await.unwrap_err();
        assert_eq!(refused.code(), "order_not_cancellable");
    }
    world.clock.set(order.terms.expires_at.plus(std::time::Duration::from_hours(1)));
    let closed =
        sluice_events::PaymentWindowClosed { order_no: order.order_no, store_id: STORE, expires_at: order.terms.expires_at };
    service.expire(&closed).await.unwrap();
    assert_eq!(status(&world), OrderStatus::Confirming);
    let key = IdempotencyKey { route: "pay", ..command(PayType::Points).key };
    let refused = service.prepare_payment(STORE, &order.user, order.order_no, key).await.unwrap_err();
    assert_eq!(refused.code(), "payment_closed");
    assert!(world.transitions.lock().unwrap().is_empty());
}

fn ask(order: &Order, key: &str, amount: Option<i64>) -> RefundRequest {
    RefundRequest {
        store: STORE,
        order_no: order.order_no,
        key: IdempotencyKey { route: "refunds", key: key.to_owned(), ..command(PayType::Points).key },
        amount: amount.map(Amount::from),
        reason: "broken".to_owned(),
        restock: RestockChoice::Lines(vec![(SKU, Quantity::new(1).unwrap())]),
    }
}

#[tokio::test]
async fn points_go_back_whole_and_under_one_name() {
    let (world, order) = placed(PayType::Points).await;
    let service = world.service();
    assert_eq!(service.refund(ask(&order, "r1", None)).await.unwrap_err().code(), "order_not_refundable");
    tell(&world, &notice(&order, SettledStatus::Paid)).await.unwrap();
    let part = service.refund(ask(&order, "r1", Some(1))).await.unwrap_err();
    assert!(matches!(part, OrderError::InvalidField(invalid) if invalid.pointer == "/amount"));

    let first = service.refund(ask(&order, "r1", None)).await.unwrap();
    let second = service.refund(ask(&order, "r2", None)).await.unwrap();
    assert_eq!((first.points, first.amount, first.done), (Some(Points(800)), Money::zero(Currency::CNY), false));
    // Two requests at once name one refund: the points return once.
    assert_eq!(first.id, second.id);
    let asked = world.points_back.lock().unwrap()[0].clone();
    assert_eq!((asked.points, asked.user, asked.restock.len()), (Points(800), order.user.clone(), 1));
    assert!(world.money_back.lock().unwrap().is_empty());

    let returned = PaymentSettled { refund_id: Some(first.id), restock: asked.restock, ..notice(&order, SettledStatus::Refunded) };
    tell(&world, &returned).await.unwrap();
    assert_eq!(status(&world), OrderStatus::Refunded);
    let transitions = world.transitions.lock().unwrap();
    let last = transitions.last().unwrap();
    assert!(matches!(&last.stock, StockStep::Restock(refund) if refund.restock == [(SKU, 1)]));
    let Some(Fact::OrderRefunded { order: told }) = &last.fact else { unreachable!("no fact") };
    assert_eq!((told.refund_status, told.points), (RefundState::Full, Some(Points(800))));
    assert!(told.activity.is_some());
}

#[tokio::test]
async fn a_refund_of_another_payment_changes_nothing() {
    let (world, order) = placed(PayType::Points).await;
    tell(&world, &notice(&order, SettledStatus::Paid)).await.unwrap();
    let other = PaymentSettled {
        payment_id: PaymentId::from("points-of-another"),
        refund_id: Some(RefundId::from("r")),
        ..notice(&order, SettledStatus::Refunded)
    };
    tell(&world, &other).await.unwrap();
    assert_eq!(status(&world), OrderStatus::Paid);
}

/// Late money for a cancelled order needs room under the limit it was placed under; else it goes back.
#[tokio::test]
async fn late_money_takes_the_limit_anew_or_goes_back() {
    for (answer, became) in [(Applied::Done, OrderStatus::Paid), (Applied::Short, OrderStatus::PaidAfterClose)] {
        let (world, order) = placed(PayType::Cash).await;
        let closed = Order { state: OrderState::Cancelled { reason: CancelReason::Expired }, ..order.clone() };
        *world.order.lock().unwrap() = Some(closed);
        world.changes.lock().unwrap().push_back(answer);
        let money = PaymentSettled {
            provider: "sandbox".to_owned(),
            payment_id: PaymentId::from("p1"),
            amount: order.terms.total,
            points: None,
            ..notice(&order, SettledStatus::Paid)
        };
        tell(&world, &money).await.unwrap();
        assert_eq!(status(&world), became);
        let transitions = world.transitions.lock().unwrap();
        let StockStep::LateSell { reservation, terms: Some(terms), .. } = &transitions[0].stock else { unreachable!("no terms") };
        assert_eq!(*reservation, ReservationId { attempt: 2, ..order.reservation });
        assert_eq!((terms.window, terms.sku, terms.units), (None, SKU, 2));
        assert_eq!(world.money_back.lock().unwrap().len(), usize::from(became == OrderStatus::PaidAfterClose));
    }
}
