//! While a provider keeps us waiting no transaction is open and no row is held.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use sluice_kernel::{Currency, ManualClock, Money, OrderNo, SequenceIds, StoreId, Timestamp, UserId};
use sluice_pay::{
    Attribution, Channel, ChannelState, GatewayError, Notice, PayRefund, PayService as _, Payment, PaymentGateway, PaymentRequest,
    Payments, SignatureError, WebhookHeaders,
};
use sluice_storage_sql::{SqlPaymentRepository, SqlRefundRepository};
use tokio::sync::Semaphore;

use crate::databases::{TestDatabase, on_every_database};

on_every_database!(a_provider_that_hangs_holds_no_row_and_no_connection);

/// Never answers when a channel is to be opened.
struct Hangs {
    asked: Arc<Semaphore>,
}

#[async_trait]
impl PaymentGateway for Hangs {
    fn provider(&self) -> &'static str {
        "hangs"
    }

    fn instant(&self, _: &Payment) -> Option<Channel> {
        None
    }

    async fn open(&self, _: &Payment, _: &PaymentRequest, _: Option<&str>) -> Result<Channel, GatewayError> {
        self.asked.add_permits(1);
        std::future::pending().await
    }

    async fn close(&self, _: &Payment) -> Result<ChannelState, GatewayError> {
        Ok(ChannelState::Closed)
    }

    async fn refund(&self, _: &PayRefund) -> Result<(), GatewayError> {
        std::future::pending().await
    }

    fn verify(&self, _: &WebhookHeaders, _: &[u8], _: Timestamp) -> Result<Result<Notice, GatewayError>, SignatureError> {
        Err(SignatureError)
    }
}

fn request(order: i64) -> PaymentRequest {
    PaymentRequest {
        store: StoreId(1),
        user: UserId::from("42"),
        order_no: OrderNo::from_id(order),
        total: Money::new(1990, Currency::CNY),
        allotable_profit: 0,
        phone: None,
        store_code: None,
        attribution: Attribution::default(),
        redirect_type: "2".to_owned(),
        expires_at: Timestamp::from_millis(2_000),
        lines: Vec::new(),
    }
}

async fn a_provider_that_hangs_holds_no_row_and_no_connection(test: &TestDatabase) {
    let asked = Arc::new(Semaphore::new(0));
    let pay = Arc::new(Payments {
        payments: Arc::new(SqlPaymentRepository::new(test.database.clone())),
        refunds: Arc::new(SqlRefundRepository::new(test.database.clone())),
        gateways: vec![Arc::new(Hangs { asked: asked.clone() })],
        clock: Arc::new(ManualClock::at(Timestamp::from_millis(1_000))),
        ids: Arc::new(SequenceIds::starting_at(1)),
    });
    // More than there are connections.
    let mut waiting = tokio::task::JoinSet::new();
    for order in 1..=40 {
        let pay = pay.clone();
        waiting.spawn(async move { pay.prepare(&request(order), None).await.is_err() });
    }
    let _all = tokio::time::timeout(Duration::from_secs(20), asked.acquire_many(40)).await.unwrap().unwrap();
    // All of them wait for the provider, or have given it up by now; whatever concerns their orders goes on.
    for order in 1..=40 {
        let closing = pay.close(StoreId(1), OrderNo::from_id(order));
        tokio::time::timeout(Duration::from_secs(5), closing).await.unwrap().unwrap();
    }
    if !test.database.is_sqlite() {
        let open = "SELECT COUNT(*) FROM information_schema.INNODB_TRX t JOIN information_schema.PROCESSLIST p \
                    ON p.ID = t.trx_mysql_thread_id WHERE p.DB = DATABASE() AND p.ID <> CONNECTION_ID()";
        assert_eq!(test.beside().await.number(open).await, 0);
    }
    assert!(waiting.join_all().await.into_iter().all(|given_up| given_up), "within bounds");
}
