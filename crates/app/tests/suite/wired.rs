//! A shop without HTTP, bus or worker: the test delivers facts itself, as often as it likes.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use sluice_app::{Config, Environment, OpenOptions, OpenShop, Secret, Secrets};
use sluice_events::{Fact, SLICES};
use sluice_kernel::{Clock as _, ManualClock, NodeIds, OrderNo, Quantity, SkuId, StoreId, Timestamp, UserId};
use sluice_order::{
    Attribution, CartRequest, Expected, IdempotencyKey, OrderInput, PlaceCartOrder, Placed, Recipient, RequestedLine,
};
use sluice_pay::{PayError, WebhookHeaders};
use sluice_testkit::{Database, MariaDb, Scratch};

pub const STORE: StoreId = StoreId(1);
pub const WINDOW: Duration = Duration::from_mins(15);
const SANDBOX_SECRET: &str = "a sandbox secret";

pub struct Wired {
    pub open: OpenShop,
    pub clock: Arc<ManualClock>,
    config: Config,
    _database: Option<Database>,
    _folder: Scratch,
}

async fn open_process(config: &Config, clock: &Arc<ManualClock>, node: i64) -> OpenShop {
    let secrets = Secrets { jwt: Secret::new("jwt"), sandbox: Secret::new(SANDBOX_SECRET), generated: false };
    let options = OpenOptions { migrate: true, demo: true, ..OpenOptions::default() };
    let ids = Arc::new(NodeIds::new(clock.clone(), node));
    let environment = Environment { clock: Some(clock.clone()), ids: Some(ids) };
    Box::pin(OpenShop::open_in(config, &secrets, "http://127.0.0.1:1", options, environment)).await.unwrap()
}

impl Wired {
    pub async fn on_sqlite() -> Self {
        Self::open_in(Scratch::new(), None, |_| {}).await
    }

    /// Points are kept by a platform at this address, which is waited for no longer than this.
    pub async fn on_sqlite_with_points_at(url: String, patience: Duration) -> Self {
        Self::open_in(Scratch::in_memory(), None, |config| {
            config.points.url = url;
            config.points.timeout = patience.into();
        })
        .await
    }

    pub async fn on_mariadb() -> Self {
        Self::open_in(Scratch::new(), Some(MariaDb::shared().await.fresh_database()), |_| {}).await
    }

    async fn open_in(folder: Scratch, database: Option<Database>, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config { data_dir: folder.path().join("data"), ..Config::default() };
        config.database.url = database.as_ref().map(|database| Secret::new(database.url()));
        change(&mut config);
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_800_000_000_000)));
        let open = open_process(&config, &clock, 0).await;
        Self { open, clock, config, _database: database, _folder: folder }
    }

    /// A second process of this shop: the same database and clock, caches of its own.
    pub async fn another_process(&self) -> Self {
        let open = open_process(&self.config, &self.clock, 1).await;
        Self { open, clock: self.clock.clone(), config: self.config.clone(), _database: None, _folder: Scratch::new() }
    }

    pub async fn place(&self, key: &str, sku: SkuId, units: i64) -> Placed {
        let user = UserId::from("42");
        let command = PlaceCartOrder {
            key: IdempotencyKey { route: "orders", store: STORE, user: user.clone(), key: key.to_owned(), fingerprint: [0; 32] },
            request: CartRequest {
                store: STORE,
                user,
                input: OrderInput::Items(vec![RequestedLine { sku: sku.to_string(), quantity: Quantity::new(units).unwrap() }]),
                recipient: Recipient::default(),
                verify_code: None,
                store_code: None,
                attribution: Attribution::default(),
                referrer: None,
                expected: Expected::default(),
            },
        };
        self.open.shop.orders.place(command).await.unwrap()
    }

    /// The provider says that the order's payment was paid.
    pub async fn money_arrives(&self, placed: &Placed) -> Result<(), PayError> {
        let payment = placed.payment.as_ref().unwrap();
        let body = json!({
            "payment_id": payment.payment_id,
            "order_no": placed.order.order_no,
            "status": "paid",
            "amount": placed.order.terms.total.amount,
            "currency": "CNY",
            "payee": STORE,
        })
        .to_string();
        let id = format!("event-{}", payment.payment_id);
        let seconds = self.clock.now().as_millis() / 1_000;
        let signature = sluice_gateways::sign(SANDBOX_SECRET.as_bytes(), &id, seconds, body.as_bytes());
        let headers = WebhookHeaders(vec![
            ("webhook-id".to_owned(), id),
            ("webhook-timestamp".to_owned(), seconds.to_string()),
            ("webhook-signature".to_owned(), signature),
        ]);
        self.open.shop.pay.receive("sandbox", &headers, body.as_bytes()).await
    }

    /// Delivers the settlements that the outbox holds for these orders, without taking them out: calling again delivers
    /// them again.
    pub async fn deliver_settlements(&self, of: &[OrderNo]) {
        let slices: Vec<u16> = (0..SLICES).collect();
        let rows = self.open.shop.outbox.pending(&slices, self.clock.now(), 100_000).await.unwrap();
        for row in rows {
            if let Fact::PaymentSettled { payment } = serde_json::from_str(&row.payload).unwrap()
                && of.contains(&payment.order_no)
            {
                self.open.shop.orders.settle(&payment).await.unwrap();
            }
        }
    }
}
