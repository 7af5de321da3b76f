//! Refunds: the sum of them never exceeds the payment, and each takes effect once.

#![allow(clippy::unwrap_used, clippy::panic, clippy::missing_panics_doc, reason = "a suite fails by panicking")]

use std::sync::Arc;

use sluice_events::RestockLine;
use sluice_kernel::{RefundId, SkuId, StoreId};
use tokio::task::JoinSet;

use super::{STORE, at, notice, payment};
use crate::{NoticeStatus, PayRefund, Payment, PaymentRepository, RefundBegin, RefundRepository, RefundRequest, RefundStatus};

/// Runs every case of [`RefundRepository`]. Leaves three refunds finished.
pub async fn refund_contract(payments: &dyn PaymentRepository, refunds: Arc<dyn RefundRepository>) {
    amounts_are_taken_from_what_is_left(payments, &*refunds).await;
    only_paid_payments_are_refunded(payments, &*refunds).await;
    begun_at_once_they_never_exceed_the_payment(payments, Arc::clone(&refunds)).await;
    finished_at_once_it_is_finished(payments, refunds).await;
}

async fn paid(payments: &dyn PaymentRepository, id: &str, order: i64) -> Payment {
    let pending = payment(id, order);
    payments.insert(&pending).await.unwrap();
    payments.settle(&pending, &notice(&pending, &format!("{id}-paid"), NoticeStatus::Paid), None, at(1)).await.unwrap();
    pending
}

fn request(id: &str, payment: &Payment, amount: Option<i64>) -> RefundRequest {
    RefundRequest {
        id: RefundId::from(id),
        store: STORE,
        order_no: payment.order_no,
        payment_id: payment.id.clone(),
        amount,
        reason: "returned".to_owned(),
        restock: vec![RestockLine { sku_id: SkuId(1), quantity: 1 }],
    }
}

async fn begin(refunds: &dyn RefundRepository, request: &RefundRequest) -> RefundBegin {
    refunds.begin(request, at(2)).await.unwrap()
}

async fn begun(refunds: &dyn RefundRepository, request: &RefundRequest) -> PayRefund {
    let answer = begin(refunds, request).await;
    let RefundBegin::Begun(refund) = answer else { panic!("{answer:?}") };
    refund
}

async fn amounts_are_taken_from_what_is_left(payments: &dyn PaymentRepository, refunds: &dyn RefundRepository) {
    let payment = paid(payments, "refund-1", 50_001).await;
    let part = begun(refunds, &request("r-part", &payment, Some(500))).await;
    assert_eq!((part.amount.amount, part.status), (500, RefundStatus::Pending));
    // The same refund again takes nothing more, whatever it asks for.
    assert_eq!(begun(refunds, &request("r-part", &payment, Some(900))).await, part);
    assert_eq!(payments.find(&payment.id).await.unwrap().unwrap().refunded, 500);
    assert_eq!(begin(refunds, &request("r-much", &payment, Some(1_491))).await, RefundBegin::TooLarge { left: 1_490 });
    assert_eq!(refunds.find(&RefundId::from("r-much")).await.unwrap(), None);

    let rest = begun(refunds, &request("r-rest", &payment, None)).await;
    assert_eq!(rest.amount.amount, 1_490);
    assert_eq!(begin(refunds, &request("r-more", &payment, None)).await, RefundBegin::TooLarge { left: 0 });

    let waiting = refunds.pending(at(3), 10).await.unwrap();
    assert_eq!(waiting.len(), 2);
    assert_eq!(refunds.pending(at(2), 10).await.unwrap(), []);
    refunds.finish(&part.id, None, at(5)).await.unwrap();
    refunds.finish(&part.id, None, at(6)).await.unwrap();
    refunds.finish(&rest.id, None, at(6)).await.unwrap();
    assert_eq!(refunds.pending(at(3), 10).await.unwrap(), []);
    let all = refunds.of_order(STORE, payment.order_no).await.unwrap();
    assert!(all.iter().all(|refund| refund.status == RefundStatus::Done), "{all:?}");
    assert_eq!(all.len(), 2);
    assert_eq!(refunds.of_order(StoreId(2), payment.order_no).await.unwrap(), []);
}

async fn only_paid_payments_are_refunded(payments: &dyn PaymentRepository, refunds: &dyn RefundRepository) {
    let pending = payment("refund-unpaid", 50_002);
    payments.insert(&pending).await.unwrap();
    assert_eq!(begin(refunds, &request("r-unpaid", &pending, None)).await, RefundBegin::NotPaid);
    assert_eq!(begin(refunds, &request("r-absent", &payment("nowhere", 50_003), None)).await, RefundBegin::NotPaid);
    let foreign = RefundRequest { store: StoreId(2), ..request("r-foreign", &paid(payments, "refund-2", 50_004).await, None) };
    assert_eq!(begin(refunds, &foreign).await, RefundBegin::NotPaid);
}

/// Thirty refunds of 100 at once from a payment of 1990: nineteen fit.
async fn begun_at_once_they_never_exceed_the_payment(payments: &dyn PaymentRepository, refunds: Arc<dyn RefundRepository>) {
    let payment = paid(payments, "refund-race", 50_005).await;
    let mut race = JoinSet::new();
    for number in 0..30 {
        let refunds = Arc::clone(&refunds);
        let request = request(&format!("r-race-{number}"), &payment, Some(100));
        race.spawn(async move { begin(&*refunds, &request).await });
    }
    let answers = race.join_all().await;
    assert_eq!(answers.iter().filter(|answer| matches!(answer, RefundBegin::Begun(_))).count(), 19);
    assert_eq!(payments.find(&payment.id).await.unwrap().unwrap().refunded, 1_900);
}

async fn finished_at_once_it_is_finished(payments: &dyn PaymentRepository, refunds: Arc<dyn RefundRepository>) {
    let payment = paid(payments, "refund-finish", 50_006).await;
    let mut race = JoinSet::new();
    for _ in 0..20 {
        let (refunds, request) = (Arc::clone(&refunds), request("r-finish", &payment, None));
        race.spawn(async move {
            let refund = begun(&*refunds, &request).await;
            refunds.finish(&refund.id, None, at(9)).await.unwrap();
        });
    }
    race.join_all().await;
    assert_eq!(refunds.find(&RefundId::from("r-finish")).await.unwrap().unwrap().status, RefundStatus::Done);
    assert_eq!(payments.find(&payment.id).await.unwrap().unwrap().refunded, 1_990);
}
