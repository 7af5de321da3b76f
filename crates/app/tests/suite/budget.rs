//! What a request asks of the database does not grow with its lines: a fixed budget of statements.

use std::sync::Arc;

use sluice_app::{Config, Environment, OpenOptions, OpenShop, Secret, Secrets};
use sluice_kernel::{ManualClock, NodeIds, PageRequest, Quantity, SkuId, Timestamp, UserId};
use sluice_order::{
    Attribution, CartRequest, Expected, IdempotencyKey, OrderInput, OrderQuery, PlaceCartOrder, Recipient, RequestedLine,
};
use sluice_testkit::{Database, MariaDb, Scratch};

use crate::wired::STORE;

/// Lines come in statements of powers of two, so a hundred of them take some more than one.
const MAX_MORE: i64 = 12;
const MAX_PLACING: i64 = 20;
const MAX_READING: i64 = 6;

/// Statements that the server was asked since it started, those of the question itself left out.
struct Meter<'a> {
    database: &'a Database,
    own: i64,
}

impl<'a> Meter<'a> {
    fn new(database: &'a Database) -> Self {
        let mut meter = Self { database, own: 0 };
        meter.own = meter.asked();
        meter.own = meter.asked() - meter.own;
        meter
    }

    fn asked(&self) -> i64 {
        let line = &self.database.sql("SHOW GLOBAL STATUS LIKE 'Questions'")[0];
        line.split('\t').nth(1).unwrap().parse().unwrap()
    }

    async fn of(&self, work: impl Future) -> i64 {
        let before = self.asked();
        work.await;
        self.asked() - before - self.own
    }
}

fn order_of(skus: std::ops::Range<i64>) -> PlaceCartOrder {
    let user = UserId::from("42");
    let one = Quantity::new(1).unwrap();
    let key = format!("{skus:?}");
    let request = CartRequest {
        store: STORE,
        user: user.clone(),
        input: OrderInput::Items(skus.map(|sku| RequestedLine { sku: sku.to_string(), quantity: one }).collect()),
        recipient: Recipient::default(),
        verify_code: None,
        store_code: None,
        attribution: Attribution::default(),
        referrer: None,
        expected: Expected::default(),
    };
    PlaceCartOrder { key: IdempotencyKey { route: "orders", store: STORE, user, key, fingerprint: [0; 32] }, request }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_lines_cost_no_more_statements_than_a_few() {
    let server = MariaDb::start().await;
    let (database, folder) = (server.fresh_database(), Scratch::new());
    let mut config = Config { data_dir: folder.path().join("data"), ..Config::default() };
    config.database.url = Some(Secret::new(database.url()));
    // No second connection is opened, whose start would be counted, while the first is on its way back into the pool.
    config.database.max_connections = 1;
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_800_000_000_000)));
    let ids = Arc::new(NodeIds::new(clock.clone(), 0));
    let secrets = Secrets { jwt: Secret::new("jwt"), sandbox: Secret::new("sandbox"), generated: false };
    let environment = Environment { clock: Some(clock), ids: Some(ids) };
    let options = OpenOptions { migrate: true, demo: false, ..OpenOptions::default() };
    let open = Box::pin(OpenShop::open_in(&config, &secrets, "http://127.0.0.1:1", options, environment)).await.unwrap();
    open.seed_plain(400, 1_000, &|_| {}).await.unwrap();
    let (shop, meter) = (&open.shop, Meter::new(&database));
    let user = UserId::from("42");
    let place = async |skus: std::ops::Range<i64>| {
        let placed = shop.orders.place(order_of(skus)).await.unwrap();
        assert!(placed.payment.is_some());
    };
    // Connections are opened and statements prepared once.
    place(399..400).await;

    // None of these SKUs was asked for before: their cards come from the database, too.
    let one = meter.of(place(1..2)).await;
    let hundred = meter.of(place(100..200)).await;
    assert!(one <= MAX_PLACING && hundred <= one + MAX_MORE, "an order of one line took {one} statements, of a hundred {hundred}");

    let fill = async |skus: std::ops::Range<i64>| {
        for sku in skus {
            shop.cart.put(STORE, &user, SkuId(sku), Quantity::new(1).unwrap(), true).await.unwrap();
        }
    };
    let view = async || assert!(!shop.cart.view(STORE, &user).await.unwrap().items.is_empty());
    fill(200..201).await;
    let one = meter.of(view()).await;
    fill(201..240).await;
    let forty = meter.of(view()).await;
    assert!(one <= MAX_READING && forty <= one + 1, "a cart of one line took {one} statements, of forty {forty}");

    let list = async |limit| {
        let page = PageRequest { limit, after: None };
        let query = OrderQuery { store: STORE, user: Some(user.clone()), status: None, page };
        assert_eq!(shop.orders.list(query).await.unwrap().data.len(), usize::try_from(limit).unwrap());
    };
    let one = meter.of(list(1)).await;
    for sku in 300..317 {
        place(sku..sku + 1).await;
    }
    let twenty = meter.of(list(20)).await;
    assert!(one <= MAX_READING && twenty <= one + 1, "a list of one order took {one} statements, of twenty {twenty}");
    open.close().await;
}
