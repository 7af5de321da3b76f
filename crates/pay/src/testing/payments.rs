//! Payments, notices, closures and exceptions.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "a suite fails by panicking")]

use std::{collections::HashSet, sync::Arc};

use sluice_kernel::{OrderNo, PageRequest, PaymentId, StoreId, UserId};
use tokio::task::JoinSet;

use super::{STORE, at, notice, payment};
use crate::{
    Channel, ExceptionQuery, InsertAnswer, NoticeAnswer, NoticeStatus, PayException, Payment, PaymentRepository, PaymentStatus,
    Resolution,
};

const OTHER_STORE: StoreId = StoreId(2);

/// Runs every case of [`PaymentRepository`].
pub async fn payment_contract(payments: Arc<dyn PaymentRepository>) {
    one_live_payment_an_order(&*payments).await;
    a_channel_is_noted_while_the_payment_is_pending(&*payments).await;
    a_notice_settles_once_and_money_wins(&*payments).await;
    a_closed_order_takes_no_payment(&*payments).await;
    stored_money_is_heard_of_and_opens_no_second_payment(&*payments).await;
    an_exception_is_kept_once(&*payments).await;
    fifty_at_once_for_one_order_leave_one_live(Arc::clone(&payments)).await;
    many_orders_at_once_all_get_theirs(Arc::clone(&payments)).await;
    callbacks_at_the_same_moment_settle_once(Arc::clone(&payments)).await;
    close_and_insert_never_miss_each_other(payments).await;
}

async fn status(payments: &dyn PaymentRepository, id: &PaymentId) -> PaymentStatus {
    payments.find(id).await.unwrap().unwrap().status
}

async fn insert(payments: &dyn PaymentRepository, payment: &Payment) -> InsertAnswer {
    payments.insert(payment).await.unwrap()
}

async fn one_live_payment_an_order(payments: &dyn PaymentRepository) {
    let (first, second) = (payment("live-1", 1), payment("live-2", 1));
    assert_eq!(insert(payments, &first).await, InsertAnswer::Inserted);
    assert_eq!(payments.find(&first.id).await.unwrap().as_ref(), Some(&first));
    assert_eq!(insert(payments, &second).await, InsertAnswer::Live(first.clone()));
    assert_eq!(payments.find(&second.id).await.unwrap(), None);

    // A failed payment makes room for another.
    let failed = notice(&first, "live-failed", NoticeStatus::Failed);
    assert_eq!(payments.settle(&first, &failed, at(1)).await.unwrap(), NoticeAnswer::Settled);
    assert_eq!(status(payments, &first.id).await, PaymentStatus::Failed);
    let later = Payment { created_at: at(2), ..second };
    assert_eq!(insert(payments, &later).await, InsertAnswer::Inserted);
    let all = payments.of_orders(STORE, &[later.order_no]).await.unwrap();
    assert_eq!(all.iter().map(|payment| payment.id.as_str()).collect::<Vec<_>>(), ["live-1", "live-2"]);
    assert_eq!(payments.of_orders(OTHER_STORE, &[later.order_no]).await.unwrap(), []);
}

async fn a_channel_is_noted_while_the_payment_is_pending(payments: &dyn PaymentRepository) {
    let opened = Payment { url: None, ..payment("channel-1", 2) };
    insert(payments, &opened).await;
    let later = Channel { url: "https://provider.example/1".to_owned(), expires_at: Some(at(1_000_000)) };
    assert!(payments.set_channel(&opened.id, &later).await.unwrap());
    let found = payments.find(&opened.id).await.unwrap().unwrap();
    assert_eq!((found.url.as_deref(), found.expires_at), (Some("https://provider.example/1"), at(900_000)));
    let earlier = Channel { url: "https://provider.example/2".to_owned(), expires_at: Some(at(60_000)) };
    assert!(payments.set_channel(&opened.id, &earlier).await.unwrap());
    assert_eq!(payments.find(&opened.id).await.unwrap().unwrap().expires_at, at(60_000));

    assert!(payments.mark_closed(&opened.id).await.unwrap());
    assert!(!payments.mark_closed(&opened.id).await.unwrap());
    assert!(!payments.set_channel(&opened.id, &earlier).await.unwrap());
}

async fn a_notice_settles_once_and_money_wins(payments: &dyn PaymentRepository) {
    let pending = payment("settle-1", 3);
    insert(payments, &pending).await;
    let settle = async |event: &str, status| {
        let notice = notice(&pending, event, status);
        payments.settle(&pending, &notice, at(1)).await.unwrap()
    };
    assert_eq!(settle("settle-failed", NoticeStatus::Failed).await, NoticeAnswer::Settled);
    assert_eq!(settle("settle-failed", NoticeStatus::Failed).await, NoticeAnswer::Repeated);
    // Money that comes after a failure, or after the close, is money.
    assert_eq!(settle("settle-paid", NoticeStatus::Paid).await, NoticeAnswer::Settled);
    assert_eq!(settle("settle-paid", NoticeStatus::Paid).await, NoticeAnswer::Repeated);
    assert_eq!(settle("settle-paid-again", NoticeStatus::Paid).await, NoticeAnswer::Repeated);
    assert_eq!(settle("settle-failed-late", NoticeStatus::Failed).await, NoticeAnswer::Repeated);
    assert_eq!(status(payments, &pending.id).await, PaymentStatus::Paid);
    assert!(!payments.mark_closed(&pending.id).await.unwrap());
}

async fn a_closed_order_takes_no_payment(payments: &dyn PaymentRepository) {
    let (first, second) = (payment("closed-1", 4), payment("closed-2", 4));
    insert(payments, &first).await;
    assert_eq!(payments.close_order(STORE, first.order_no, at(1)).await.unwrap(), std::slice::from_ref(&first));
    assert!(payments.mark_closed(&first.id).await.unwrap());
    assert_eq!(payments.close_order(STORE, first.order_no, at(2)).await.unwrap(), []);
    assert_eq!(insert(payments, &second).await, InsertAnswer::Closed);
    let all = payments.of_orders(STORE, &[first.order_no]).await.unwrap();
    assert!(all.iter().all(|payment| payment.status != PaymentStatus::Pending), "{all:?}");

    let late = notice(&first, "closed-late", NoticeStatus::Paid);
    assert_eq!(payments.settle(&first, &late, at(3)).await.unwrap(), NoticeAnswer::Settled);
    assert_eq!(status(payments, &first.id).await, PaymentStatus::Paid);
}

/// From the moment its notice is stored money counts: whoever closes the order hears of it, and no second payment opens.
async fn stored_money_is_heard_of_and_opens_no_second_payment(payments: &dyn PaymentRepository) {
    let (first, second) = (payment("stored-1", 6), payment("stored-2", 6));
    insert(payments, &first).await;
    let paid = notice(&first, "stored-paid", NoticeStatus::Paid);
    assert_eq!(payments.settle(&first, &paid, at(1)).await.unwrap(), NoticeAnswer::Settled);
    assert_eq!(insert(payments, &second).await, InsertAnswer::Closed);
    let known = payments.close_order(STORE, first.order_no, at(2)).await.unwrap();
    assert_eq!(known, [Payment { status: PaymentStatus::Paid, ..first }]);
}

async fn an_exception_is_kept_once(payments: &dyn PaymentRepository) {
    let exception = |kind: &str, payment: Option<&str>| PayException {
        id: 0,
        kind: kind.to_owned(),
        store_id: Some(STORE),
        order_no: Some("5".to_owned()),
        payment_id: payment.map(str::to_owned),
        detail: "amount 1 instead of 1990".to_owned(),
        at: at(1),
        resolution: None,
    };
    for _ in 0..3 {
        payments.keep_exception(&exception("payment_mismatch", Some("e-1"))).await.unwrap();
        payments.keep_exception(&exception("paid_twice", None)).await.unwrap();
        // What matches no order has no store; staff of a store do not see it.
        payments
            .keep_exception(&PayException { store_id: None, ..exception("payment_mismatch", Some(&"x".repeat(500))) })
            .await
            .unwrap();
    }
    // What says something else is kept too, a bounded number of times.
    for amount in 2..40 {
        let other =
            PayException { detail: format!("amount {amount} instead of 1990"), ..exception("payment_mismatch", Some("e-2")) };
        payments.keep_exception(&other).await.unwrap();
    }
    let of = |store: StoreId, page: PageRequest| ExceptionQuery { store, resolved: None, kind: None, order_no: None, page };
    let all = payments.exceptions(&of(STORE, PageRequest::first(100))).await.unwrap();
    assert_eq!(all.iter().filter(|kept| kept.payment_id.as_deref() == Some("e-2")).count(), 20);
    let kept: Vec<PayException> = all.into_iter().filter(|kept| kept.payment_id.as_deref() != Some("e-2")).collect();
    assert_eq!(kept.iter().map(|kept| kept.kind.as_str()).collect::<Vec<_>>(), ["paid_twice", "payment_mismatch"]);
    assert_eq!((&kept[0].payment_id, kept[1].payment_id.as_deref()), (&None, Some("e-1")));
    let rest = PageRequest { limit: 20, after: Some(kept[0].id) };
    assert_eq!(payments.exceptions(&of(STORE, rest)).await.unwrap(), kept[1..]);
    assert_eq!(payments.exceptions(&of(OTHER_STORE, PageRequest::first(20))).await.unwrap(), []);

    // What staff did stands with it, once, in their store alone.
    let resolution = |by: &str, note: &str| Resolution { at: at(9), by: UserId::from(by), note: note.to_owned() };
    let first = resolution("7", "gave it back by hand, 退款");
    assert_eq!(payments.resolve_exception(OTHER_STORE, kept[0].id, &first).await.unwrap(), None);
    assert_eq!(payments.resolve_exception(STORE, 404_404, &first).await.unwrap(), None);
    let resolved = PayException { resolution: Some(first.clone()), ..kept[0].clone() };
    for again in [first, resolution("8", "something else")] {
        assert_eq!(payments.resolve_exception(STORE, kept[0].id, &again).await.unwrap(), Some(resolved.clone()));
    }
    let all = of(STORE, PageRequest::first(100));
    let order_no = Some(OrderNo::from_id(5));
    for (query, count) in [
        (ExceptionQuery { resolved: Some(true), ..all.clone() }, 1),
        (ExceptionQuery { resolved: Some(false), ..all.clone() }, 21),
        (ExceptionQuery { kind: Some("paid_twice"), ..all.clone() }, 1),
        (ExceptionQuery { resolved: Some(false), kind: Some("paid_twice"), ..all.clone() }, 0),
        (ExceptionQuery { resolved: Some(false), kind: Some("payment_mismatch"), ..all.clone() }, 21),
        (ExceptionQuery { order_no, ..all }, 0),
    ] {
        assert_eq!(payments.exceptions(&query).await.unwrap().len(), count, "{query:?}");
    }
}

async fn fifty_at_once_for_one_order_leave_one_live(payments: Arc<dyn PaymentRepository>) {
    let mut race = JoinSet::new();
    for number in 0..50 {
        let payments = Arc::clone(&payments);
        race.spawn(async move { insert(&*payments, &payment(&format!("fifty-{number}"), 10)).await });
    }
    let answers = race.join_all().await;
    let all = payments.of_orders(STORE, &[payment("", 10).order_no]).await.unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!(answers.iter().filter(|answer| **answer == InsertAnswer::Inserted).count(), 1);
    assert_eq!(answers.iter().filter(|answer| **answer == InsertAnswer::Live(all[0].clone())).count(), 49);
}

/// Three hundred orders, each asked for twice, in groups that overlap.
async fn many_orders_at_once_all_get_theirs(payments: Arc<dyn PaymentRepository>) {
    let mut race = JoinSet::new();
    for number in 0..600 {
        let payments = Arc::clone(&payments);
        let order = if number < 300 { 1_000 + number } else { 1_599 - number };
        race.spawn(async move { (order, insert(&*payments, &payment(&format!("many-{number}"), order)).await) });
    }
    let answers = race.join_all().await;
    let inserted: HashSet<i64> =
        answers.iter().filter(|(_, answer)| *answer == InsertAnswer::Inserted).map(|(order, _)| *order).collect();
    let asked_twice = answers.iter().filter(|(_, answer)| matches!(answer, InsertAnswer::Live(_))).count();
    assert_eq!((inserted.len(), asked_twice), (300, 300));
    for (order, answer) in &answers {
        if let InsertAnswer::Live(live) = answer {
            assert_eq!(live.order_no.id(), *order);
            assert!(inserted.contains(order));
        }
    }
}

async fn callbacks_at_the_same_moment_settle_once(payments: Arc<dyn PaymentRepository>) {
    let pending = payment("callbacks-1", 20);
    insert(&*payments, &pending).await;
    let mut race = JoinSet::new();
    for number in 0..20 {
        let (payments, pending) = (Arc::clone(&payments), pending.clone());
        // The provider repeats some notifications under one id and some under another.
        let notice = notice(&pending, &format!("callbacks-{}", number % 4), NoticeStatus::Paid);
        race.spawn(async move { payments.settle(&pending, &notice, at(1)).await.unwrap() });
    }
    let answers = race.join_all().await;
    assert_eq!(answers.iter().filter(|answer| **answer == NoticeAnswer::Settled).count(), 1);
    assert_eq!(status(&*payments, &pending.id).await, PaymentStatus::Paid);
}

/// Two hundred races: once both have finished, no live payment stands that the closer did not hear of.
async fn close_and_insert_never_miss_each_other(payments: Arc<dyn PaymentRepository>) {
    for number in 0..200 {
        let pending = payment(&format!("race-{number}"), 100_000 + number);
        let inserting = tokio::spawn({
            let (payments, pending) = (Arc::clone(&payments), pending.clone());
            async move { insert(&*payments, &pending).await }
        });
        let closing = tokio::spawn({
            let (payments, order) = (Arc::clone(&payments), pending.order_no);
            async move {
                let live = payments.close_order(STORE, order, at(1)).await.unwrap();
                for payment in &live {
                    payments.mark_closed(&payment.id).await.unwrap();
                }
                live.len()
            }
        });
        let (answer, heard_of) = (inserting.await.unwrap(), closing.await.unwrap());
        assert!(answer == InsertAnswer::Closed || heard_of == 1, "race {number}: {answer:?}, closed {heard_of}");
        let all = payments.of_orders(STORE, &[pending.order_no]).await.unwrap();
        assert!(all.iter().all(|payment| payment.status != PaymentStatus::Pending), "race {number}: {all:?}");
    }
}
