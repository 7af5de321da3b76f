//! Promotion's contract, what stands beside it in the catalog and at the gate, and the service's refusals.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use sluice_catalog::{CatalogRepository as _, FormField, ProductChange, Store, StoreSettings};
use sluice_inventory::{GateEffect, Listing};
use sluice_kernel::{
    ActivityId, Amount, CampaignId, Classified as _, Currency, ManualClock, PageRequest, PortResult, ProductId, SkuId, StoreId,
};
use sluice_promotion::{
    ActivityChange, ActivityFields, CampaignChange, CampaignFields, ChangeListener, Mode, NewActivity, NewCampaign, NewOffer,
    OfferChange, OfferField, PromotionError, PromotionPorts, PromotionService, Promotions, ReferrerSeal, Window,
    testing::{at, new_offer, promotion_contract, terms},
};
use sluice_storage_sql::{SqlCatalogRepository, SqlPromotionRepository};

use crate::databases::{TestDatabase, on_every_database};

on_every_database!(
    contract,
    an_offer_is_a_product_with_stock_and_terms,
    refusals_of_staff_changes,
    refusals_of_what_staff_write_of_an_offer,
    refusals_of_names,
);

const STORE: StoreId = StoreId(1);

async fn with_stores(test: &TestDatabase, outside_gate: bool) -> SqlCatalogRepository {
    let catalog = SqlCatalogRepository::new(test.database.clone(), outside_gate);
    for id in [1, 2] {
        let store = Store {
            id: StoreId(id),
            name: format!("Store {id}"),
            currency: Currency::CNY,
            settings: StoreSettings::default(),
            version: 1,
        };
        assert!(catalog.create_store(&store).await.unwrap());
    }
    catalog
}

/// Stock rows and catalog rows never differ in their revision.
async fn revisions_agree(test: &TestDatabase) {
    let apart = "SELECT COUNT(*) FROM skus s LEFT JOIN stock k ON k.sku_id = s.id AND k.store_id = s.store_id AND k.revision = s.revision \
        WHERE k.sku_id IS NULL";
    assert_eq!(test.beside().await.number(apart).await, 0);
}

async fn contract(test: &TestDatabase) {
    with_stores(test, false).await;
    promotion_contract(Arc::new(SqlPromotionRepository::new(test.database.clone(), false))).await;
    revisions_agree(test).await;
    assert_eq!(test.beside().await.number("SELECT COUNT(*) FROM gate_effects").await, 0);
    assert!(test.beside().await.number("SELECT COUNT(*) FROM activity_products").await > 10);
}

struct Nobody;

impl ReferrerSeal for Nobody {
    fn seal(&self, _: StoreId, promoter: &str) -> PortResult<String> {
        Ok(promoter.to_owned())
    }
    fn open(&self, _: StoreId, _: &str) -> Option<String> {
        None
    }
}

#[async_trait]
impl ChangeListener for Nobody {
    async fn revisions_raised(&self, _: StoreId) {}
    async fn campaigns_changed(&self, _: StoreId) {}
}

fn service(test: &TestDatabase, outside_gate: bool) -> Promotions {
    Promotions::new(PromotionPorts {
        repository: Arc::new(SqlPromotionRepository::new(test.database.clone(), outside_gate)),
        seal: Arc::new(Nobody),
        listener: Arc::new(Nobody),
        clock: Arc::new(ManualClock::at(at(0))),
    })
}

fn activity(from: i64, to: i64) -> NewActivity {
    let window = Window { starts_at: at(from), ends_at: at(to) };
    NewActivity { id: None, fields: ActivityFields { title: "Half price".to_owned(), window, mode: Mode::Cash } }
}

async fn an_offer_is_a_product_with_stock_and_terms(test: &TestDatabase) {
    let catalog = with_stores(test, true).await;
    let promotion = service(test, true);
    let activity = promotion.create_activity(STORE, activity(-10, 10)).await.unwrap();
    let offer = promotion.add_offer(STORE, activity.id, new_offer("Tea", terms("0.8"))).await.unwrap();

    let product = catalog.find_product(STORE, offer.product_id).await.unwrap().unwrap();
    assert!(product.offer_only && product.listed);
    assert_eq!((product.title.as_str(), product.receiving_way.get(), product.skus.len()), ("Tea", 2, 1));
    assert_eq!(product.order_form_items, [FormField::Recipients, FormField::OwnForm]);
    assert_eq!((product.skus[0].id, product.skus[0].price.amount, product.skus[0].points.0), (offer.sku_id, 1_990, 500));
    assert!(!catalog.cards(STORE, &[offer.sku_id]).await.unwrap()[0].on_the_shelf());
    let beside = test.beside().await;
    assert_eq!(beside.number("SELECT COUNT(*) FROM stock WHERE received = 0 AND buyable").await, 1);

    // Everything that changes what an order is placed under raises the revision, here, at the stock row, and for a gate
    // outside the database, in the order of the changes.
    let title = ProductChange { title: Some("Green tea".to_owned()), ..ProductChange::default() };
    catalog.change_product(STORE, offer.product_id, 1.into(), &title).await.unwrap();
    let end = ActivityChange { ends_at: Some(at(1)), ..ActivityChange::default() };
    promotion.change_activity(STORE, activity.id, 1.into(), end).await.unwrap();
    let limit = OfferChange { per_user_limit: Some(Some(1)), ..OfferChange::default() };
    promotion.change_offer(STORE, offer.product_id, 1.into(), limit).await.unwrap();
    let off = ProductChange { listed: Some(false), ..ProductChange::default() };
    catalog.change_product(STORE, offer.product_id, 2.into(), &off).await.unwrap();
    let none = OfferChange { per_user_limit: Some(None), ..OfferChange::default() };
    promotion.change_offer(STORE, offer.product_id, 2.into(), none).await.unwrap();

    revisions_agree(test).await;
    let effects: Vec<GateEffect> = beside
        .column::<String>("SELECT payload FROM gate_effects ORDER BY id")
        .await
        .iter()
        .map(|payload| serde_json::from_str(payload).unwrap())
        .collect();
    let listing = |(revision, buyable)| GateEffect::Listing {
        store: STORE,
        sku: SkuId(offer.sku_id.0),
        listing: Listing { buyable, revision },
    };
    assert_eq!(effects, [(1, true), (2, true), (3, true), (4, true), (5, false), (6, false)].map(listing));
    assert_eq!(catalog.cards(STORE, &[offer.sku_id]).await.unwrap()[0].revision, 6);
}

fn pointer(error: PromotionError) -> String {
    match error {
        PromotionError::InvalidField(invalid) => invalid.pointer,
        error @ (PromotionError::NotFound | PromotionError::Stale | PromotionError::Port(_)) => panic!("{error}"),
    }
}

async fn refusals_of_what_staff_write_of_an_offer(test: &TestDatabase) {
    with_stores(test, false).await;
    let promotion = service(test, false);
    let activity = promotion.create_activity(STORE, activity(-10, 10)).await.unwrap();
    let made = |change: &dyn Fn(&mut NewOffer)| {
        let mut offer = new_offer("x", terms("1"));
        change(&mut offer);
        offer
    };
    let yen = Amount { minor_units: 1, currency: "JPY".parse().ok() };
    for (place, bad) in [
        ("/title", made(&|new| new.goods.title = " ".into())),
        ("/title", made(&|new| new.goods.title = "长".repeat(201))),
        ("/pictures", made(&|new| new.goods.pictures = vec!["/1.png".to_owned(); 21])),
        ("/pictures/1", made(&|new| new.goods.pictures = vec!["/1.png".to_owned(), "a\u{7}".to_owned()])),
        ("/delivery_place", made(&|new| new.goods.delivery_place = "长".repeat(65))),
        ("/customer_product_id", made(&|new| new.goods.customer_product_id = Some(String::new()))),
        ("/order_form_items/1", made(&|new| new.goods.form = vec![OfferField::Tel, OfferField::Tel])),
        ("/code", made(&|new| new.goods.code = String::new())),
        ("/spec", made(&|new| new.goods.spec = "长".repeat(201))),
        ("/price", made(&|new| new.goods.price = (-1).into())),
        ("/price", made(&|new| new.goods.price = 1_000_000_000_001.into())),
        ("/price", made(&|new| new.goods.price = yen)),
        ("/points", made(&|new| new.goods.points = 1_000_000_000_001)),
        ("/allotable_profit", made(&|new| new.goods.allotable_profit = -1)),
        ("/supplier_price", made(&|new| new.goods.supplier_price = -1)),
        ("/per_user_limit", made(&|new| new.terms.per_user_limit = Some(0))),
        ("/per_user_limit", made(&|new| new.terms.per_user_limit = Some(1_000_001))),
    ] {
        assert_eq!(pointer(promotion.add_offer(STORE, activity.id, bad).await.unwrap_err()), place);
    }
    assert_eq!(test.beside().await.number("SELECT COUNT(*) FROM activity_products").await, 0);
    for limit in [1, 1_000_000] {
        promotion.add_offer(STORE, activity.id, made(&|new| new.terms.per_user_limit = Some(limit))).await.unwrap();
    }
    // Before the offer is read.
    let none = OfferChange { per_user_limit: Some(Some(0)), ..OfferChange::default() };
    assert_eq!(pointer(promotion.change_offer(STORE, ProductId(404_404), 9.into(), none).await.unwrap_err()), "/per_user_limit");
}

async fn refusals_of_names(test: &TestDatabase) {
    with_stores(test, false).await;
    let promotion = service(test, false);
    let window = Window { starts_at: at(0), ends_at: at(1) };
    for bad in ["", " \u{200B}", "tab\tbed", &*"长".repeat(201)] {
        let mut new = activity(0, 1);
        new.fields.title = bad.to_owned();
        assert_eq!(pointer(promotion.create_activity(STORE, new).await.unwrap_err()), "/title", "{bad:?}");
        let new = NewCampaign { fields: CampaignFields { name: bad.to_owned(), window } };
        assert_eq!(pointer(promotion.create_campaign(STORE, new).await.unwrap_err()), "/name", "{bad:?}");
        // Before anything is read.
        let title = ActivityChange { title: Some(bad.to_owned()), ..ActivityChange::default() };
        let refused = promotion.change_activity(STORE, ActivityId(404_404), 9.into(), title).await.unwrap_err();
        assert_eq!(pointer(refused), "/title", "{bad:?}");
        let name = CampaignChange { name: Some(bad.to_owned()), ..CampaignChange::default() };
        let refused = promotion.change_campaign(STORE, CampaignId(404_404), 9.into(), name).await.unwrap_err();
        assert_eq!(pointer(refused), "/name", "{bad:?}");
        assert_eq!(pointer(promotion.seal_referrer(STORE, bad).await.unwrap_err()), "/promoter", "{bad:?}");
    }
    assert_eq!(pointer(promotion.seal_referrer(STORE, &"p".repeat(65)).await.unwrap_err()), "/promoter");
    assert!(promotion.seal_referrer(STORE, &"推".repeat(64)).await.is_ok());
    let elsewhere = promotion.create_activity(StoreId(404_404), activity(0, 1)).await.unwrap_err();
    assert!(matches!(elsewhere, PromotionError::NotFound));
}

async fn refusals_of_staff_changes(test: &TestDatabase) {
    with_stores(test, false).await;
    let promotion = service(test, false);
    // An inverted window, made or changed into; one instant is a window.
    assert_eq!(pointer(promotion.create_activity(STORE, activity(11, 10)).await.unwrap_err()), "/ends_at");
    let made = promotion.create_activity(STORE, activity(10, 10)).await.unwrap();
    let inverted = ActivityChange { ends_at: Some(at(9)), ..ActivityChange::default() };
    assert_eq!(pointer(promotion.change_activity(STORE, made.id, 1.into(), inverted.clone()).await.unwrap_err()), "/ends_at");
    assert_eq!(promotion.change_activity(STORE, made.id, 7.into(), inverted).await.unwrap_err().code(), "stale");
    let both =
        ActivityChange { starts_at: Some(at(1)), ends_at: Some(at(9)), mode: Some(Mode::Points), ..ActivityChange::default() };
    let changed = promotion.change_activity(STORE, made.id, 1.into(), both).await.unwrap();
    assert_eq!((changed.title.as_str(), changed.window.starts_at, changed.mode), ("Half price", at(1), Mode::Points));

    assert_eq!(promotion.activity(StoreId(2), made.id).await.unwrap_err().code(), "not_found");

    // Over for one instant more than its end.
    let open = promotion.open_activities(STORE, PageRequest::first(10)).await.unwrap();
    assert_eq!(open.data.len(), 1);
    let later = Promotions::new(PromotionPorts {
        repository: Arc::new(SqlPromotionRepository::new(test.database.clone(), false)),
        seal: Arc::new(Nobody),
        listener: Arc::new(Nobody),
        clock: Arc::new(ManualClock::at(at(9).plus(Duration::from_millis(1)))),
    });
    assert!(later.open_activities(STORE, PageRequest::first(10)).await.unwrap().data.is_empty());
}
