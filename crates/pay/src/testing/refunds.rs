//! Refunds: the sum of them never exceeds the payment, and each takes effect once.

#![allow(clippy::unwrap_used, clippy::panic, clippy::missing_panics_doc, reason = "a suite fails by panicking")]

use std::sync::Arc;

use sluice_events::RestockLine;
use sluice_kernel::{Page, PageRequest, RefundId, SkuId, StoreId};
use tokio::task::JoinSet;

use super::{STORE, at, notice, payment};
use crate::{
    NoticeStatus, PayRefund, Payment, PaymentRepository, RefundBegin, RefundRepository, RefundRequest, RefundStatus, RestockAsk,
};

/// Runs every case of [`RefundRepository`]. Leaves three refunds finished.
pub async fn refund_contract(payments: &dyn PaymentRepository, refunds: Arc<dyn RefundRepository>) {
    amounts_are_taken_from_what_is_left(payments, &*refunds).await;
    only_paid_payments_are_refunded(payments, &*refunds).await;
    begun_at_once_they_never_exceed_the_payment(payments, Arc::clone(&refunds)).await;
    finished_at_once_it_is_finished(payments, Arc::clone(&refunds)).await;
    begun_at_once_they_never_return_a_unit_twice(payments, Arc::clone(&refunds)).await;
    a_name_stands_for_one_request(payments, &*refunds).await;
    a_refused_refund_leaves_its_money_and_may_begin_anew(payments, &*refunds).await;
    staff_see_the_refunds_of_their_store(payments, &*refunds).await;
    those_that_fail_step_aside_and_each_has_one_claim(payments, refunds).await;
}

async fn paid(payments: &dyn PaymentRepository, id: &str, order: i64) -> Payment {
    let pending = payment(id, order);
    payments.insert(&pending).await.unwrap();
    payments.settle(&pending, &notice(&pending, &format!("{id}-paid"), NoticeStatus::Paid), at(1)).await.unwrap();
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
        restock: vec![RestockAsk { sku_id: SkuId(1), wanted: Some(1), ordered: 1_000 }],
        fingerprint: None,
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

    refunds.finish(&part.id, at(5)).await.unwrap();
    refunds.finish(&part.id, at(6)).await.unwrap();
    refunds.finish(&rest.id, at(6)).await.unwrap();
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
            refunds.finish(&refund.id, at(9)).await.unwrap();
        });
    }
    race.join_all().await;
    assert_eq!(refunds.find(&RefundId::from("r-finish")).await.unwrap().unwrap().status, RefundStatus::Done);
    assert_eq!(payments.find(&payment.id).await.unwrap().unwrap().refunded, 1_990);
}

/// Three refunds at once that return the same three units: one of them does, and what is recorded is what came back.
async fn begun_at_once_they_never_return_a_unit_twice(payments: &dyn PaymentRepository, refunds: Arc<dyn RefundRepository>) {
    for (order, wanted) in [(50_010, Some(3)), (50_011, None)] {
        let payment = paid(payments, &format!("restock-{order}"), order).await;
        let mut race = JoinSet::new();
        for number in 0..3 {
            let refunds = Arc::clone(&refunds);
            let mut asked = request(&format!("r-restock-{order}-{number}"), &payment, Some(100));
            asked.restock = vec![RestockAsk { sku_id: SkuId(7), wanted, ordered: 3 }];
            race.spawn(async move { begin(&*refunds, &asked).await });
        }
        let answers = race.join_all().await;
        let begun: Vec<&PayRefund> = answers
            .iter()
            .filter_map(|answer| match answer {
                RefundBegin::Begun(refund) => Some(refund),
                RefundBegin::RestockTooLarge { sku, left } => {
                    assert_eq!((*sku, *left), (SkuId(7), 0));
                    None
                }
                RefundBegin::TooLarge { .. } | RefundBegin::KeyReused | RefundBegin::NotPaid => panic!("{answer:?}"),
            })
            .collect();
        // Who names units is refused where they are gone; who wants what is left gets nothing.
        assert_eq!(begun.len(), if wanted.is_some() { 1 } else { 3 });
        let returned: Vec<&RestockLine> = begun.iter().flat_map(|refund| &refund.restock).collect();
        assert_eq!(returned, [&RestockLine { sku_id: SkuId(7), quantity: 3 }]);
    }
}

async fn a_name_stands_for_one_request(payments: &dyn PaymentRepository, refunds: &dyn RefundRepository) {
    let payment = paid(payments, "refund-named", 50_012).await;
    let asked = RefundRequest { fingerprint: Some([1; 32]), ..request("r-named", &payment, Some(100)) };
    let first = begun(refunds, &asked).await;
    assert_eq!(begun(refunds, &asked).await, first);
    let other = RefundRequest { fingerprint: Some([2; 32]), amount: Some(200), ..asked };
    assert_eq!(begin(refunds, &other).await, RefundBegin::KeyReused);
    assert_eq!(payments.find(&payment.id).await.unwrap().unwrap().refunded, 100);
}

/// Of one status or of all, newest first; those of one instant stand together.
async fn staff_see_the_refunds_of_their_store(payments: &dyn PaymentRepository, refunds: &dyn RefundRepository) {
    let payment = paid(payments, "refund-listed", 50_015).await;
    for (name, millis) in [("r-l1", 1_001), ("r-l2", 1_002), ("r-l3", 1_002), ("r-l4", 1_002), ("r-l5", 1_005)] {
        let asked = request(name, &payment, Some(10));
        assert!(matches!(refunds.begin(&asked, at(millis)).await.unwrap(), RefundBegin::Begun(_)));
    }
    refunds.refuse(&RefundId("r-l4".to_owned()), "closed", at(1_006)).await.unwrap();
    let ids = |page: &Page<PayRefund>| page.data.iter().map(|refund| refund.id.as_str().to_owned()).collect::<Vec<_>>();
    let list = async |status, page| refunds.list(STORE, status, page).await.unwrap();
    let first = list(None, PageRequest::first(2)).await;
    assert_eq!((ids(&first), first.has_more), (["r-l5", "r-l4", "r-l3", "r-l2"].map(str::to_owned).to_vec(), true));
    let after = PageRequest::parse_cursor(&first.next_cursor.unwrap()).ok();
    assert_eq!(ids(&list(None, PageRequest { limit: 1, after }).await), ["r-l1"]);
    let pending = list(Some(RefundStatus::Pending), PageRequest::first(2)).await;
    assert_eq!(ids(&pending), ["r-l5", "r-l3", "r-l2"]);
    let refused = list(Some(RefundStatus::Refused), PageRequest::first(1)).await;
    assert_eq!(ids(&refused), ["r-l4"]);
    assert_eq!(refunds.list(StoreId(2), None, PageRequest::first(9)).await.unwrap().data, []);
    for name in ["r-l1", "r-l2", "r-l3", "r-l5"] {
        refunds.finish(&RefundId(name.to_owned()), at(1_007)).await.unwrap();
    }
}

async fn a_refused_refund_leaves_its_money_and_may_begin_anew(payments: &dyn PaymentRepository, refunds: &dyn RefundRepository) {
    let payment = paid(payments, "refund-refused", 50_013).await;
    let asked = RefundRequest {
        restock: vec![RestockAsk { sku_id: SkuId(7), wanted: Some(3), ordered: 3 }],
        ..request("r-refused", &payment, None)
    };
    let refund = begun(refunds, &asked).await;
    for _ in 0..2 {
        refunds.refuse(&refund.id, "the account is closed", at(3)).await.unwrap();
        assert_eq!(refunds.find(&refund.id).await.unwrap().unwrap().status, RefundStatus::Refused);
        assert_eq!(payments.find(&payment.id).await.unwrap().unwrap().refunded, 0);
    }
    // Neither money nor units are taken by it: another one may have them, or the same one anew.
    let anew = RefundRequest { amount: Some(1_000), fingerprint: Some([9; 32]), ..asked.clone() };
    let again = begun(refunds, &anew).await;
    assert_eq!((again.status, again.amount.amount, again.restock.len()), (RefundStatus::Pending, 1_000, 1));
    assert_eq!(payments.find(&payment.id).await.unwrap().unwrap().refunded, 1_000);
    refunds.finish(&refund.id, at(4)).await.unwrap();
    refunds.refuse(&refund.id, "too late", at(5)).await.unwrap();
    assert_eq!(refunds.find(&refund.id).await.unwrap().unwrap().status, RefundStatus::Done);
    assert_eq!(payments.find(&payment.id).await.unwrap().unwrap().refunded, 1_000);
}

/// A hundred that fail hide no later one, and two workers never ask for the same one.
async fn those_that_fail_step_aside_and_each_has_one_claim(payments: &dyn PaymentRepository, refunds: Arc<dyn RefundRepository>) {
    // Whatever the cases before have left pending.
    let soon = at(100_000);
    for left in refunds.claim(1_000, soon, soon).await.unwrap() {
        refunds.finish(&left.id, soon).await.unwrap();
    }
    let payment = paid(payments, "refund-many", 50_014).await;
    for number in 0..100 {
        begun(&*refunds, &request(&format!("r-fails-{number}"), &payment, Some(1))).await;
    }
    let claims = |count| {
        let mut race = JoinSet::new();
        for _ in 0..3 {
            let refunds = Arc::clone(&refunds);
            race.spawn(async move { refunds.claim(count, soon, at(130_000)).await.unwrap() });
        }
        race
    };
    let mut claimed: Vec<PayRefund> = Vec::new();
    while claimed.len() < 100 {
        let some: Vec<PayRefund> = claims(60).join_all().await.into_iter().flatten().collect();
        assert!(!some.is_empty(), "{} of 100 were claimed", claimed.len());
        claimed.extend(some);
    }
    let ids: std::collections::HashSet<&str> = claimed.iter().map(|refund| refund.id.as_str()).collect();
    assert_eq!((claimed.len(), ids.len()), (100, 100));
    assert!(claimed.iter().all(|refund| refund.attempts == 1));
    for refund in &claimed {
        refunds.put_off(&refund.id, at(200_000)).await.unwrap();
    }
    begun(&*refunds, &request("r-later", &payment, Some(1))).await;
    let next = refunds.claim(10, soon, at(130_000)).await.unwrap();
    assert_eq!(next.iter().map(|refund| refund.id.as_str()).collect::<Vec<_>>(), ["r-later"]);
    assert_eq!(refunds.claim(1_000, at(200_000), at(300_000)).await.unwrap().len(), 101);
}
