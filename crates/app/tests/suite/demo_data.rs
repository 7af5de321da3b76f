//! The demo's activities, on an empty database and on one that an earlier version filled.

use std::sync::Arc;

use sluice_app::{Config, Environment, OpenOptions, OpenShop, Secret, Secrets, demo};
use sluice_kernel::{ActivityId, ManualClock, NodeIds, ProductId, SkuId, StoreId, Timestamp, WindowStatus};
use sluice_promotion::PromotionService;
use sluice_storage_sql::{Database, DatabaseSettings, SqlCatalogRepository};
use sluice_testkit::Scratch;

async fn open(config: &Config, demo: bool) -> OpenShop {
    let secrets = Secrets { jwt: Secret::new("jwt"), sandbox: Secret::new("sandbox"), generated: false };
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_800_000_000_000)));
    let ids = Arc::new(NodeIds::new(clock.clone(), 0));
    let options = OpenOptions { migrate: true, demo, ..OpenOptions::default() };
    let environment = Environment { clock: Some(clock), ids: Some(ids) };
    OpenShop::open_in(config, &secrets, "http://127.0.0.1:1", options, environment).await.unwrap()
}

async fn products(promotion: &dyn PromotionService, store: i64, activity: i64) -> Vec<i64> {
    let found = promotion.activity(StoreId(store), ActivityId(activity)).await.unwrap();
    found.offers.iter().map(|offer| offer.product_id.0).collect()
}

async fn received(open: &OpenShop, store: i64, sku: i64) -> (i64, i64) {
    let stock = open.shop.inventory.stock(StoreId(store), SkuId(sku)).await.unwrap();
    (stock.gate.usable, stock.ledger.received)
}

async fn expect_whole(open: &OpenShop) {
    let promotion = &*open.shop.promotion;
    assert_eq!(products(promotion, 1, 1).await, [1_001, 1_002, 1_003, 1_004, 1_005]);
    assert_eq!(products(promotion, 1, 2).await, [0; 0]);
    assert_eq!(products(promotion, 2, 3).await, [2_001, 2_002, 2_003, 2_004, 2_005, 2_006]);
    assert_eq!(products(promotion, 3, 4).await, [3_001]);
    for (store, sku, units) in [(1, 1_001, 100_000), (1, 1_004, 10), (2, 2_006, 100_000), (3, 3_001, 100_000)] {
        assert_eq!(received(open, store, sku).await, (units, units), "{sku}");
    }
    let now = open.shop.clock.now();
    for (store, activity, status) in
        [(1, 1, WindowStatus::Running), (1, 2, WindowStatus::Over), (2, 3, WindowStatus::Running), (3, 4, WindowStatus::Running)]
    {
        let found = promotion.activity(StoreId(store), ActivityId(activity)).await.unwrap();
        assert_eq!(found.activity.window.status(now), status, "{activity}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_database_gets_activities_and_a_second_start_adds_nothing() {
    let folder = Scratch::new();
    let config = Config { data_dir: folder.path().join("data"), ..Config::default() };
    for _ in 0..2 {
        let shop = open(&config, true).await;
        expect_whole(&shop).await;
        shop.load_demo(&|| {}).await.unwrap();
        expect_whole(&shop).await;
        shop.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_of_an_earlier_version_gets_the_activities_it_lacks() {
    let folder = Scratch::new();
    let file = folder.path().join("data").join("sluice.db");
    let config = Config { data_dir: folder.path().join("data"), ..Config::default() };
    let shop = open(&config, false).await;
    let database = Database::connect(&DatabaseSettings::new(format!("sqlite://{}", file.display()))).await.unwrap();
    demo::load_stores(&SqlCatalogRepository::new(database, false)).await.unwrap();
    // A shop with plain products is no demo.
    assert!(!demo::lacks_activities(&shop.shop).await.unwrap());
    demo::load_products(&shop.shop, &|| {}).await.unwrap();
    assert!(demo::lacks_activities(&shop.shop).await.unwrap());
    assert!(shop.shop.promotion.offer(StoreId(1), ProductId(1_001)).await.is_err());
    shop.close().await;

    let shop = open(&config, true).await;
    expect_whole(&shop).await;
    assert!(!demo::lacks_activities(&shop.shop).await.unwrap());
    shop.close().await;
}
