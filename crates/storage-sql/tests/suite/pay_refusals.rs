//! Refunds at a provider that refuses, or gives no answer: each steps aside, none without end, and staff see it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use sluice_kernel::{
    Clock as _, Currency, ManualClock, Money, OrderNo, PageRequest, PaymentId, RefundId, SequenceIds, StoreId, Timestamp, UserId,
};
use sluice_pay::{
    Attribution, Channel, ChannelState, CloseAnswer, ExceptionQuery, GatewayError, Notice, NoticeStatus, PayError, PayRefund,
    PayService as _, Payment, PaymentGateway, PaymentRepository as _, PaymentRequest, PaymentStatus, Payments, RefundRequest,
    RefundStatus, SignatureError, WebhookHeaders,
};
use sluice_storage_sql::{SqlPaymentRepository, SqlRefundRepository};

use crate::databases::{TestDatabase, on_every_database};

on_every_database!(
    a_refused_refund_is_not_taken_for_one_without_an_answer,
    a_hundred_failing_refunds_hide_no_later_one,
    a_refund_says_why,
    money_of_something_else_that_a_close_finds_pays_nothing,
    a_payment_that_its_provider_has_ended_is_not_handed_out_again,
);

const STORE: StoreId = StoreId(1);

/// Says what was lined up for a refund, else nothing.
#[derive(Default)]
struct Provider {
    says: Mutex<HashMap<RefundId, &'static str>>,
    asked: Mutex<Vec<RefundId>>,
    /// What a close finds, else nothing.
    found: Mutex<Option<Notice>>,
    /// Gives no answer to a close.
    silent: Mutex<bool>,
    /// When channels end that are opened, where it is before their orders do.
    ends: Mutex<Option<Timestamp>>,
}

#[async_trait]
impl PaymentGateway for Provider {
    fn provider(&self) -> &'static str {
        "bank"
    }

    fn instant(&self, _: &Payment) -> Option<Channel> {
        None
    }

    async fn open(&self, _: &Payment, _: &PaymentRequest, _: Option<&str>) -> Result<Channel, GatewayError> {
        Ok(Channel { url: "http://localhost".to_owned(), expires_at: *self.ends.lock().unwrap() })
    }

    async fn close(&self, _: &Payment) -> Result<ChannelState, GatewayError> {
        if *self.silent.lock().unwrap() {
            return Err(GatewayError::Unknown("no answer".into()));
        }
        Ok(self.found.lock().unwrap().clone().map_or(ChannelState::Closed, ChannelState::Paid))
    }

    async fn refund(&self, refund: &PayRefund) -> Result<(), GatewayError> {
        self.asked.lock().unwrap().push(refund.id.clone());
        match self.says.lock().unwrap().get(&refund.id) {
            Some(&"yes") => Ok(()),
            Some(no) => Err(GatewayError::Refused((*no).to_owned())),
            None => Err(GatewayError::Unknown("no answer".into())),
        }
    }

    fn verify(&self, _: &WebhookHeaders, _: &[u8], _: Timestamp) -> Result<Result<Notice, GatewayError>, SignatureError> {
        Err(SignatureError)
    }
}

struct Stage {
    pay: Payments,
    provider: Arc<Provider>,
    payments: Arc<SqlPaymentRepository>,
    clock: Arc<ManualClock>,
}

/// The provider says that it was paid.
fn notice_of(payment: &Payment) -> Notice {
    Notice {
        event_id: format!("event-{}", payment.id),
        payment_id: payment.id.clone(),
        order_no: payment.order_no.to_string(),
        status: NoticeStatus::Paid,
        amount: 1_990,
        currency: "CNY".to_owned(),
        payee: "1".to_owned(),
    }
}

impl Stage {
    fn set(test: &TestDatabase) -> Self {
        let provider = Arc::new(Provider::default());
        let payments = Arc::new(SqlPaymentRepository::new(test.database.clone()));
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_795_305_600_000)));
        let pay = Payments {
            payments: payments.clone(),
            refunds: Arc::new(SqlRefundRepository::new(test.database.clone())),
            gateways: vec![provider.clone()],
            clock: clock.clone(),
            ids: Arc::new(SequenceIds::starting_at(1)),
        };
        Self { pay, provider, payments, clock }
    }

    fn pending(&self, order: i64) -> Payment {
        Payment {
            id: PaymentId(format!("bank-{order}")),
            provider: "bank".to_owned(),
            store: STORE,
            user: UserId::from("42"),
            order_no: OrderNo::from_id(order),
            amount: Money::new(1_990, Currency::CNY),
            status: PaymentStatus::Pending,
            url: None,
            expires_at: self.clock.now(),
            created_at: self.clock.now(),
            refunded: 0,
        }
    }

    async fn paid(&self, order: i64) -> Payment {
        let payment = self.pending(order);
        self.payments.insert(&payment).await.unwrap();
        self.payments.settle(&payment, &notice_of(&payment), self.clock.now()).await.unwrap();
        payment
    }

    async fn ask(&self, id: &str, payment: &Payment, amount: i64) -> Result<PayRefund, PayError> {
        self.ask_because(id, payment, amount, "returned").await
    }

    async fn ask_because(&self, id: &str, payment: &Payment, amount: i64, reason: &str) -> Result<PayRefund, PayError> {
        let request = RefundRequest {
            id: RefundId::from(id),
            store: STORE,
            order_no: payment.order_no,
            payment_id: payment.id.clone(),
            amount: Some(amount),
            reason: reason.to_owned(),
            restock: Vec::new(),
            fingerprint: None,
        };
        self.pay.refund(request).await
    }

    fn says(&self, id: &str, answer: &'static str) {
        self.provider.says.lock().unwrap().insert(RefundId::from(id), answer);
    }

    async fn exceptions(&self) -> Vec<String> {
        let all = ExceptionQuery { store: STORE, resolved: None, kind: None, order_no: None, page: PageRequest::first(100) };
        let kept = self.pay.exceptions(all).await.unwrap();
        kept.data.into_iter().map(|kept| format!("{}: {}", kept.kind, kept.detail)).collect()
    }

    async fn later(&self, pause: Duration) -> usize {
        self.clock.set(self.clock.now().plus(pause));
        self.pay.retry_refunds(100).await.unwrap()
    }
}

async fn a_refused_refund_is_not_taken_for_one_without_an_answer(test: &TestDatabase) {
    let stage = Stage::set(test);
    let payment = stage.paid(1).await;
    stage.says("r-1", "the account is closed");
    for _ in 0..2 {
        let refused = stage.ask("r-1", &payment, 1_990).await.unwrap_err();
        assert!(matches!(&refused, PayError::RefundRefused(reason) if reason == "the account is closed"), "{refused:?}");
    }
    let seen = stage.exceptions().await;
    assert!(seen.len() == 1 && seen[0].starts_with("refund_refused") && seen[0].contains("the account is closed"), "{seen:?}");
    // It ends there: nobody asks again by himself, and the money may be asked back anew.
    assert_eq!(stage.later(Duration::from_hours(1)).await, 0);
    assert_eq!(stage.ask("r-2", &payment, 990).await.unwrap().status, RefundStatus::Pending);
    // The no of a provider that had given no answer at first.
    stage.says("r-2", "not this month");
    assert_eq!(stage.later(Duration::from_mins(1)).await, 1);
    let refunds = stage.pay.refunds(STORE, payment.order_no).await.unwrap();
    assert!(refunds.iter().all(|refund| refund.status == RefundStatus::Refused), "{refunds:?}");
    assert_eq!(stage.exceptions().await.len(), 2);
    stage.says("r-1", "yes");
    assert_eq!(stage.ask("r-1", &payment, 1_990).await.unwrap().status, RefundStatus::Done);
}

async fn a_hundred_failing_refunds_hide_no_later_one(test: &TestDatabase) {
    let stage = Stage::set(test);
    let payment = stage.paid(2).await;
    for number in 0..100 {
        assert_eq!(stage.ask(&format!("fails-{number}"), &payment, 1).await.unwrap().status, RefundStatus::Pending);
    }
    assert_eq!(stage.later(Duration::from_secs(11)).await, 100);
    assert_eq!(stage.ask("later", &payment, 1).await.unwrap().status, RefundStatus::Pending);
    stage.says("later", "yes");
    let asked = || stage.provider.asked.lock().unwrap().iter().filter(|id| id.as_str() == "fails-7").count();
    for _ in 0..3 {
        stage.later(Duration::from_secs(11)).await;
    }
    let refunds = stage.pay.refunds(STORE, payment.order_no).await.unwrap();
    let done: Vec<&str> =
        refunds.iter().filter(|refund| refund.status == RefundStatus::Done).map(|refund| refund.id.as_str()).collect();
    assert_eq!(done, ["later"]);
    // Pauses grow, and staff are told of those that never come to an end.
    let before = asked();
    assert!((3..=5).contains(&before), "asked {before} times in 44 s");
    for _ in 0..12 {
        stage.later(Duration::from_mins(11)).await;
    }
    assert!(stage.exceptions().await.iter().any(|seen| seen.starts_with("refund_unanswered")));
}

/// What a provider says while it closes is compared like its callbacks (promise P4).
async fn money_of_something_else_that_a_close_finds_pays_nothing(test: &TestDatabase) {
    let stage = Stage::set(test);
    let pending = async |order| {
        let payment = stage.pending(order);
        stage.payments.insert(&payment).await.unwrap();
        payment
    };
    let less = pending(61).await;
    *stage.provider.found.lock().unwrap() = Some(Notice { amount: 1, ..notice_of(&less) });
    assert_eq!(stage.pay.close(STORE, less.order_no).await.unwrap(), CloseAnswer::Closed);
    assert_eq!(stage.pay.find(&less.id).await.unwrap().status, PaymentStatus::Closed);
    let query = ExceptionQuery { store: STORE, resolved: None, kind: None, order_no: None, page: PageRequest::first(10) };
    let kept = stage.pay.exceptions(query).await.unwrap().data;
    assert_eq!((kept[0].kind.as_str(), kept[0].detail.as_str()), ("payment_mismatch", "amount 1 instead of 1990"));

    let whole = pending(62).await;
    *stage.provider.found.lock().unwrap() = Some(notice_of(&whole));
    assert_eq!(stage.pay.close(STORE, whole.order_no).await.unwrap(), CloseAnswer::Paid);
    assert_eq!(stage.pay.find(&whole.id).await.unwrap().status, PaymentStatus::Paid);
}

/// A provider may give a channel less time than the order has.
async fn a_payment_that_its_provider_has_ended_is_not_handed_out_again(test: &TestDatabase) {
    let stage = Stage::set(test);
    let minutes = |count| stage.clock.now().plus(Duration::from_mins(count));
    let prepare = async |order: i64, until: Timestamp| {
        let request = PaymentRequest {
            store: STORE,
            user: UserId::from("42"),
            order_no: OrderNo::from_id(order),
            total: Money::new(1_990, Currency::CNY),
            allotable_profit: 0,
            phone: None,
            store_code: None,
            attribution: Attribution::default(),
            redirect_type: "2".to_owned(),
            expires_at: until,
            lines: Vec::new(),
        };
        stage.pay.prepare(&request, None).await
    };
    let until = minutes(60);
    *stage.provider.ends.lock().unwrap() = Some(minutes(5));
    let first = prepare(71, until).await.unwrap();
    stage.clock.set(minutes(4));
    assert_eq!(prepare(71, until).await.unwrap().payment_id, first.payment_id, "it can still be paid");
    stage.clock.set(minutes(1));
    *stage.provider.ends.lock().unwrap() = Some(minutes(5));
    let second = prepare(71, until).await.unwrap();
    assert!(second.payment_id != first.payment_id && second.expires_at > stage.clock.now(), "{second:?}");
    assert_eq!(stage.pay.find(&first.payment_id).await.unwrap().status, PaymentStatus::Closed);
    assert_eq!(prepare(71, until).await.unwrap().payment_id, second.payment_id);

    // While nobody knows whether the ended one was paid, it is the one that is asked again.
    stage.clock.set(minutes(6));
    *stage.provider.silent.lock().unwrap() = true;
    assert!(matches!(prepare(71, until).await, Err(PayError::Port(_))));
    let paid = stage.pay.find(&second.payment_id).await.unwrap();
    assert_eq!(paid.status, PaymentStatus::Pending);
    *stage.provider.silent.lock().unwrap() = false;

    // Money that the provider knows of, while its callback is late: no second payment is opened.
    *stage.provider.found.lock().unwrap() = Some(notice_of(&paid));
    assert!(matches!(prepare(71, until).await, Err(PayError::Closed)));
    assert_eq!(stage.pay.find(&second.payment_id).await.unwrap().status, PaymentStatus::Paid);

    // A provider whose channels have ended before they began is no endless loop.
    *stage.provider.found.lock().unwrap() = None;
    *stage.provider.ends.lock().unwrap() = Some(stage.clock.now());
    prepare(72, until).await.unwrap();
    assert!(prepare(72, until).await.is_ok());
}

async fn a_refund_says_why(test: &TestDatabase) {
    let stage = Stage::set(test);
    let payment = stage.paid(1).await;
    for reason in ["", " ", "returned\u{7}", &*"x".repeat(201)] {
        match stage.ask_because("r-1", &payment, 100, reason).await {
            Err(PayError::InvalidField(invalid)) => assert_eq!(invalid.pointer, "/reason"),
            other => panic!("{reason:?}: {other:?}"),
        }
    }
    for amount in [0, -1, 1_991] {
        let refused = stage.ask("r-1", &payment, amount).await;
        assert!(matches!(refused, Err(PayError::RefundTooLarge { left: 1_990 })), "{amount}: {refused:?}");
    }
    assert!(stage.pay.refunds(STORE, payment.order_no).await.unwrap().is_empty());
    assert!(stage.provider.asked.lock().unwrap().is_empty());
}
