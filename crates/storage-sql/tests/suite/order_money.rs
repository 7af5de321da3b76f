//! Money that is stored and the cancellation of its order meet in one row; what was settled waits until its order has taken it.

use std::{sync::Arc, time::Duration};

use sluice_inventory::Listing;
use sluice_kernel::{Currency, Money, OrderNo, PaymentId, ReservationId, SkuId, Timestamp, UserId};
use sluice_order::{
    Applied, CancelReason, CommitOutcome, Order, OrderRepository as _, OrderState, OrderStatus, Settlements as _, StockStep,
    Transition,
    testing::{new_order, plain_transition},
};
use sluice_pay::{InsertAnswer, Notice, NoticeAnswer, NoticeStatus, Payment, PaymentRepository as _, PaymentStatus};
use sluice_storage_sql::{SqlOrderRepository, SqlPaymentRepository, SqlSettlements, StockMode};

use super::order_fixture::{Engine, STORE, now, on_each_engine};

on_each_engine!(
    stored_money_and_a_cancellation_never_both_win,
    a_settlement_waits_until_its_order_has_taken_it,
    confirming_orders_are_claimed_by_one_worker_each,
);

const SKU: SkuId = SkuId(7);
const LISTED: Listing = Listing { buyable: true, revision: 3 };

struct Stage {
    engine: Engine,
    orders: Arc<SqlOrderRepository>,
    payments: Arc<SqlPaymentRepository>,
    settlements: SqlSettlements,
}

impl Stage {
    async fn set(engine: Engine) -> Self {
        engine.claim_gate("database").await;
        engine.put_sku(StockMode::InCommit, STORE, SKU, 1_000, LISTED).await;
        let orders = Arc::new(SqlOrderRepository::new(engine.database.clone(), StockMode::InCommit));
        let payments = Arc::new(SqlPaymentRepository::new(engine.database.clone()));
        let settlements = SqlSettlements::new(engine.database.clone());
        Self { engine, orders, payments, settlements }
    }

    /// An unpaid order of one unit with its pending payment.
    async fn placed(&self, number: i64) -> (Order, Payment) {
        let writer = self.engine.writer(StockMode::InCommit).await;
        let new = new_order(number, &[(SKU, 1)]);
        let order_no = new.order_no;
        assert_eq!(writer.commit(new.into()).await.unwrap(), CommitOutcome::Committed);
        let order = self.orders.find(STORE, order_no).await.unwrap().unwrap();
        let payment = Payment {
            id: PaymentId(format!("pay-{number}")),
            provider: "sandbox".to_owned(),
            store: STORE,
            user: UserId::from("42"),
            order_no,
            amount: order.terms.total,
            status: PaymentStatus::Pending,
            url: None,
            expires_at: order.terms.expires_at,
            created_at: now(),
            refunded: 0,
        };
        assert_eq!(self.payments.insert(&payment).await.unwrap(), InsertAnswer::Inserted);
        (order, payment)
    }

    async fn status(&self, order: OrderNo) -> OrderStatus {
        self.orders.statuses(&[order]).await.unwrap()[0].1
    }

    async fn waiting(&self, payment: &Payment) -> i64 {
        self.engine.number(&format!("SELECT COUNT(*) FROM order_settlements WHERE settlement_id = '{}/paid'", payment.id)).await
    }
}

fn money(payment: &Payment) -> Notice {
    Notice {
        event_id: format!("event-{}", payment.id),
        payment_id: payment.id.clone(),
        order_no: payment.order_no.to_string(),
        status: NoticeStatus::Paid,
        amount: payment.amount.amount,
        currency: payment.amount.currency.to_string(),
        payee: STORE.to_string(),
    }
}

fn cancelled(order: &Order) -> Transition {
    plain_transition(order, OrderState::Cancelled { reason: CancelReason::User }, StockStep::Release(order.reservation))
}

fn paid(order: &Order, payment: &Payment, stock: StockStep) -> Transition {
    let to = OrderState::Paid { payment: payment.id.clone() };
    Transition { settles: Some(format!("{}/paid", payment.id)), paid_at: Some(now()), ..plain_transition(order, to, stock) }
}

/// Money in time, money between the closing of the channel and the cancellation, and both at the same moment.
async fn stored_money_and_a_cancellation_never_both_win(engine: Engine) {
    let stage = Stage::set(engine).await;
    let (order, payment) = stage.placed(1).await;
    for pending in stage.payments.close_order(STORE, order.order_no, now()).await.unwrap() {
        assert!(stage.payments.mark_closed(&pending.id).await.unwrap());
    }
    assert_eq!(stage.payments.settle(&payment, &money(&payment), now()).await.unwrap(), NoticeAnswer::Settled);
    assert_eq!(stage.orders.apply(&cancelled(&order)).await.unwrap(), Applied::MoneyStored);
    assert_eq!((stage.status(order.order_no).await, stage.engine.stock(SKU).await), (OrderStatus::Unpaid, (999, 1, 0)));
    let taken = paid(&order, &payment, StockStep::Sell(order.reservation));
    assert_eq!(stage.orders.apply(&taken).await.unwrap(), Applied::Done);

    let (mut won, mut lost) = (0, 0);
    for number in 2..62 {
        let (order, payment) = stage.placed(number).await;
        let storing = tokio::spawn({
            let (payments, payment) = (Arc::clone(&stage.payments), payment.clone());
            async move { payments.settle(&payment, &money(&payment), now()).await.unwrap() }
        });
        let cancelling = tokio::spawn({
            let (orders, cancelled) = (Arc::clone(&stage.orders), cancelled(&order));
            async move { orders.apply(&cancelled).await.unwrap() }
        });
        assert_eq!(storing.await.unwrap(), NoticeAnswer::Settled);
        let applied = cancelling.await.unwrap();
        let present = stage.orders.find(STORE, order.order_no).await.unwrap().unwrap();
        let step = match applied {
            Applied::MoneyStored => {
                won += 1;
                StockStep::Sell(present.reservation)
            }
            Applied::Done => {
                lost += 1;
                let reservation = ReservationId { attempt: present.reservation.attempt + 1, ..present.reservation };
                StockStep::LateSell { reservation, epoch: None, terms: None }
            }
            other @ (Applied::Lost | Applied::Repeated | Applied::Short | Applied::EpochMoved) => panic!("{other:?}"),
        };
        assert_eq!(stage.waiting(&payment).await, 1, "money is never silent");
        assert_eq!(stage.orders.apply(&paid(&present, &payment, step)).await.unwrap(), Applied::Done);
        assert_eq!(stage.waiting(&payment).await, 0);
    }
    assert_eq!(won + lost, 60);
    assert_eq!(stage.engine.stock(SKU).await, (1_000 - 61, 0, 61));
}

async fn a_settlement_waits_until_its_order_has_taken_it(engine: Engine) {
    let stage = Stage::set(engine).await;
    let (order, payment) = stage.placed(1).await;
    stage.payments.settle(&payment, &money(&payment), now()).await.unwrap();
    let at = |seconds| now().plus(Duration::from_secs(seconds));
    assert!(stage.settlements.claim(10, at(1), at(30)).await.unwrap().is_empty(), "the event comes first");
    let claims = [at(10), at(10), at(10)].map(|moment| {
        let settlements = stage.settlements.clone();
        tokio::spawn(async move { settlements.claim(10, moment, moment.plus(Duration::from_secs(30))).await.unwrap() })
    });
    let mut claimed = Vec::new();
    for claim in claims {
        claimed.extend(claim.await.unwrap());
    }
    assert_eq!(claimed.len(), 1, "three workers never sweep one row three times");
    let waiting = claimed.remove(0);
    assert_eq!((waiting.id.as_str(), waiting.attempts, waiting.settled.amount), ("pay-1/paid", 1, order.terms.total));
    // Kept anew it stays as it is; put off it comes later, given up never.
    stage.settlements.keep(&waiting.settled, at(10)).await.unwrap();
    assert!(stage.settlements.claim(10, at(20), at(50)).await.unwrap().is_empty());
    stage.settlements.put_off(&waiting.id, Some(at(15)), 1).await.unwrap();
    assert_eq!(stage.settlements.claim(10, at(20), at(50)).await.unwrap()[0].attempts, 2);
    stage.settlements.put_off(&waiting.id, None, 2).await.unwrap();
    assert!(stage.settlements.claim(10, at(60), at(90)).await.unwrap().is_empty());
    // Given up and asked for again, as by a replay, it waits anew.
    stage.settlements.keep(&waiting.settled, at(65)).await.unwrap();
    assert_eq!(stage.settlements.claim(10, at(70), at(90)).await.unwrap()[0].attempts, 1);

    let lost = Transition { version: 99, ..paid(&order, &payment, StockStep::Sell(order.reservation)) };
    assert_eq!(stage.orders.apply(&lost).await.unwrap(), Applied::Lost);
    assert_eq!(stage.waiting(&payment).await, 1);
    let taken = paid(&order, &payment, StockStep::Sell(order.reservation));
    assert_eq!(stage.orders.apply(&taken).await.unwrap(), Applied::Done);
    assert_eq!(stage.waiting(&payment).await, 0);
    stage.settlements.taken(&waiting.id).await.unwrap();
}

async fn confirming_orders_are_claimed_by_one_worker_each(engine: Engine) {
    let stage = Stage::set(engine).await;
    let (order, _) = stage.placed(1).await;
    stage.engine.sql(&format!("UPDATE orders SET status = 2, due_at = 1000 WHERE order_no = {}", order.order_no.id())).await;
    let claims = [1, 2, 3].map(|_| {
        let orders = Arc::clone(&stage.orders);
        let until = Timestamp::from_millis(9_000);
        tokio::spawn(async move { orders.claim_confirming(Timestamp::from_millis(2_000), until, 10).await.unwrap() })
    });
    let mut claimed = Vec::new();
    for claim in claims {
        claimed.extend(claim.await.unwrap());
    }
    assert_eq!(claimed, [(order.order_no, STORE)]);
    assert_eq!(order.terms.total, Money::new(1990, Currency::CNY));
}
