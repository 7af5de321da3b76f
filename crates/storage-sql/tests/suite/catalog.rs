//! The catalog's contract, the stock rows beside it, and seeding.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use sluice_catalog::{
    CatalogError, CatalogRepository as _, CatalogService as _, Catalogue, FormField, NewProduct, NewSku, ProductChange,
    ReceivingWay, SkuChange, Store, StoreSettings, StoreSettingsChange,
};
use sluice_inventory::{GateEffect, Listing};
use sluice_kernel::{Amount, Changed, Currency, ManualClock, Precondition, ProductId, SkuId, StoreId, Timestamp};
use sluice_storage_sql::{SeedProduct, SqlCatalogRepository};

use crate::databases::{TestDatabase, on_every_database};

on_every_database!(contract, stock_rows_follow, seeding, refusals_of_staff_changes, refusals_of_what_staff_write);

const STORE: StoreId = StoreId(1);

fn now() -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000)
}

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
        assert!(!catalog.create_store(&store).await.unwrap());
    }
    catalog
}

async fn contract(test: &TestDatabase) {
    sluice_catalog::testing::catalog_contract(Arc::new(with_stores(test, false).await)).await;
    let beside = test.beside().await;
    let apart = "SELECT COUNT(*) FROM skus s LEFT JOIN stock k ON k.sku_id = s.id AND k.store_id = s.store_id AND k.revision = s.revision \
        WHERE k.sku_id IS NULL";
    assert_eq!(beside.number(apart).await, 0);
    assert!(beside.number("SELECT COUNT(*) FROM skus").await > 10);
    assert_eq!(beside.number("SELECT COUNT(*) FROM gate_effects").await, 0);
}

/// A gate outside the database hears of every listing, in the order of the changes.
async fn stock_rows_follow(test: &TestDatabase) {
    let catalog = with_stores(test, true).await;
    let sku = |id: i64| NewSku {
        id: Some(SkuId(id)),
        code: "A".to_owned(),
        spec: String::new(),
        price: 1.into(),
        points: 0,
        allotable_profit: 0,
        supplier_price: 0,
        listed: true,
    };
    let product = NewProduct {
        id: None,
        title: "title".to_owned(),
        pictures: Vec::new(),
        delivery_place: "1".to_owned(),
        receiving_way: ReceivingWay::new(0).unwrap(),
        customer_product_id: None,
        order_form_items: Vec::new(),
        listed: true,
        offer_only: false,
        skus: vec![sku(7), sku(8)],
    };
    let made = catalog.create_product(STORE, &product, now()).await.unwrap();
    let off = ProductChange { listed: Some(false), ..ProductChange::default() };
    assert!(matches!(catalog.change_product(STORE, made.id, 1, &off).await.unwrap(), Changed::Done(_)));
    assert_eq!(catalog.change_product(STORE, made.id, 1, &off).await.unwrap(), Changed::Stale);

    let beside = test.beside().await;
    let effects: Vec<GateEffect> = beside
        .column::<String>("SELECT payload FROM gate_effects ORDER BY id")
        .await
        .iter()
        .map(|payload| serde_json::from_str(payload).unwrap())
        .collect();
    let listing =
        |sku: i64, buyable, revision| GateEffect::Listing { store: STORE, sku: SkuId(sku), listing: Listing { buyable, revision } };
    assert_eq!(effects, [listing(7, true, 1), listing(8, true, 1), listing(7, false, 2), listing(8, false, 2)]);
    assert_eq!(beside.number("SELECT COUNT(*) FROM stock WHERE NOT buyable AND revision = 2 AND received = 0").await, 2);
}

fn sku(code: &str) -> NewSku {
    NewSku {
        id: None,
        code: code.to_owned(),
        spec: String::new(),
        price: 1.into(),
        points: 0,
        allotable_profit: 0,
        supplier_price: 0,
        listed: true,
    }
}

fn product(skus: Vec<NewSku>) -> NewProduct {
    NewProduct {
        id: None,
        title: "title".to_owned(),
        pictures: Vec::new(),
        delivery_place: "1".to_owned(),
        receiving_way: ReceivingWay::default(),
        customer_product_id: None,
        order_form_items: Vec::new(),
        listed: true,
        offer_only: false,
        skus,
    }
}

fn pointer(error: CatalogError) -> String {
    match error {
        CatalogError::InvalidField(invalid) => invalid.pointer,
        error @ (CatalogError::NotFound | CatalogError::Stale | CatalogError::Port(_)) => panic!("{error}"),
    }
}

/// What is wrong with a product, said of a new one and of a change to it, which has the same fields.
async fn refusals_of_what_staff_write(test: &TestDatabase) {
    let catalog = Catalogue::new(Arc::new(with_stores(test, false).await), Arc::new(ManualClock::at(now())));
    let (long, yen) = ("长".repeat(501), Amount { minor_units: 1, currency: "JPY".parse().ok() });
    let dear = Amount::from(1_000_000_000_001);

    let made = |change: &dyn Fn(&mut NewProduct)| {
        let mut product = product(vec![sku("A"), sku("B")]);
        change(&mut product);
        product
    };
    let twice = vec![FormField::Tel, FormField::IdCard, FormField::Tel];
    for (place, bad) in [
        ("/title", made(&|new| new.title = " ".into())),
        ("/title", made(&|new| new.title = "长".repeat(201))),
        ("/title", made(&|new| new.title = "a\u{7}".into())),
        ("/delivery_place", made(&|new| new.delivery_place = String::new())),
        ("/delivery_place", made(&|new| new.delivery_place = "长".repeat(65))),
        ("/pictures", made(&|new| new.pictures = vec!["/1.png".to_owned(); 21])),
        ("/pictures/1", made(&|new| new.pictures = vec!["/1.png".to_owned(), String::new()])),
        ("/pictures/0", made(&|new| new.pictures = vec![long.clone()])),
        ("/customer_product_id", made(&|new| new.customer_product_id = Some("长".repeat(65)))),
        ("/customer_product_id", made(&|new| new.customer_product_id = Some("a\nb".to_owned()))),
        ("/order_form_items/2", made(&|new| new.order_form_items.clone_from(&twice))),
        ("/skus", made(&|new| new.skus = vec![sku("A"); 101])),
        ("/skus/1/code", made(&|new| new.skus[1].code = String::new())),
        ("/skus/1/spec", made(&|new| new.skus[1].spec = "a\tb".into())),
        ("/skus/0/price", made(&|new| new.skus[0].price = (-1).into())),
        ("/skus/0/price", made(&|new| new.skus[0].price = dear)),
        ("/skus/0/price", made(&|new| new.skus[0].price = yen)),
        ("/skus/1/points", made(&|new| new.skus[1].points = -1)),
        ("/skus/1/allotable_profit", made(&|new| new.skus[1].allotable_profit = -1)),
        ("/skus/1/supplier_price", made(&|new| new.skus[1].supplier_price = i64::MAX)),
    ] {
        assert_eq!(pointer(catalog.create_product(STORE, bad).await.unwrap_err()), place);
    }
    let sound = made(&|new| {
        (new.title, new.customer_product_id) = ("长".repeat(200), Some(String::new()));
        new.pictures = vec!["长".repeat(500); 20];
        new.skus[0].price = Amount { minor_units: 1_000_000_000_000, currency: Some(Currency::CNY) };
    });
    let standing = catalog.create_product(STORE, sound).await.unwrap();

    // Before the product is read: whatever its version, and whether there is one.
    let none = ProductChange::default;
    for (place, bad) in [
        ("/title", ProductChange { title: Some(String::new()), ..none() }),
        ("/delivery_place", ProductChange { delivery_place: Some("a\0".to_owned()), ..none() }),
        ("/pictures/0", ProductChange { pictures: Some(vec![" ".to_owned()]), ..none() }),
        ("/customer_product_id", ProductChange { customer_product_id: Some(Some("长".repeat(65))), ..none() }),
        ("/order_form_items/2", ProductChange { order_form_items: Some(twice.clone()), ..none() }),
    ] {
        for id in [standing.id, ProductId(404_404)] {
            assert_eq!(pointer(catalog.change_product(STORE, id, 9.into(), bad.clone()).await.unwrap_err()), place);
        }
    }
    let none = SkuChange::default;
    for (place, bad) in [
        ("/code", SkuChange { code: Some(" ".to_owned()), ..none() }),
        ("/code", SkuChange { code: Some("长".repeat(65)), ..none() }),
        ("/spec", SkuChange { spec: Some("长".repeat(201)), ..none() }),
        ("/price", SkuChange { price: Some(dear), ..none() }),
        ("/points", SkuChange { points: Some(-1), ..none() }),
        ("/allotable_profit", SkuChange { allotable_profit: Some(-1), ..none() }),
        ("/supplier_price", SkuChange { supplier_price: Some(-1), ..none() }),
    ] {
        for id in [standing.skus[0].id, SkuId(404_404)] {
            assert_eq!(pointer(catalog.change_sku(STORE, id, 9.into(), bad.clone()).await.unwrap_err()), place);
        }
    }
    for (place, bad) in [
        ("/code", sku("")),
        ("/spec", NewSku { spec: "a\u{7}".to_owned(), ..sku("C") }),
        ("/price", NewSku { price: dear, ..sku("C") }),
        ("/price", NewSku { price: yen, ..sku("C") }),
        ("/points", NewSku { points: -1, ..sku("C") }),
    ] {
        assert_eq!(pointer(catalog.create_sku(STORE, standing.id, bad).await.unwrap_err()), place);
    }
    for kind in ["", "12345678901234567", "1\u{7}"] {
        let settings = StoreSettings { h5_redirect_type: Some(kind.to_owned()), ..StoreSettings::default() };
        let refused = catalog.change_settings(STORE, 9.into(), StoreSettingsChange { settings }).await.unwrap_err();
        assert_eq!(pointer(refused), "/h5_redirect_type", "{kind:?}");
    }
    let beside = test.beside().await;
    assert_eq!(beside.number("SELECT COUNT(*) FROM products").await, 1);
    assert_eq!(beside.number("SELECT COUNT(*) FROM skus").await, 2);
}

async fn refusals_of_staff_changes(test: &TestDatabase) {
    let catalog = Catalogue::new(Arc::new(with_stores(test, false).await), Arc::new(ManualClock::at(now())));
    // S1 rule 6: b points are worth a major units, and neither is nothing.
    for ratio in [[0, 100], [1, 0], [0, 0], [-1, 100], [1, -100], [i64::MIN, i64::MAX]] {
        let settings = StoreSettings { points_to_cash_ratio: Some(ratio), ..StoreSettings::default() };
        let refused = catalog.change_settings(STORE, 1.into(), StoreSettingsChange { settings }).await.unwrap_err();
        assert_eq!(pointer(refused), "/points_to_cash_ratio", "{ratio:?}");
    }
    let settings = StoreSettings { points_to_cash_ratio: Some([i64::MAX, 1]), ..StoreSettings::default() };
    assert_eq!(catalog.change_settings(STORE, 1.into(), StoreSettingsChange { settings }).await.unwrap().version, 2);

    // A product of an activity has one SKU, from its making on.
    let product = |skus: Vec<NewSku>| NewProduct { offer_only: true, ..product(skus) };
    for skus in [Vec::new(), vec![sku("A"), sku("B")]] {
        assert_eq!(pointer(catalog.create_product(STORE, product(skus)).await.unwrap_err()), "/skus");
    }
    let made = catalog.create_product(STORE, product(vec![sku("A")])).await.unwrap();
    assert_eq!(pointer(catalog.create_sku(STORE, made.id, sku("B")).await.unwrap_err()), "/skus");
    assert!(matches!(catalog.listed_product(STORE, made.id).await, Err(CatalogError::NotFound)));
    assert!(catalog.product(STORE, made.id).await.is_ok());

    // A change is made from a version that its Precondition admits, and a price is in the SKU's currency.
    let price = |currency| SkuChange { price: Some(Amount { minor_units: 2, currency }), ..SkuChange::default() };
    let id = made.skus[0].id;
    assert!(matches!(catalog.change_sku(STORE, id, 7.into(), price(None)).await, Err(CatalogError::Stale)));
    let yen = price(Some("JPY".parse().unwrap()));
    assert_eq!(pointer(catalog.change_sku(STORE, id, Precondition::Any, yen).await.unwrap_err()), "/price");
    let yuan = price(Some(Currency::CNY));
    assert_eq!(catalog.change_sku(STORE, id, Precondition::OneOf(vec![7, 1]), yuan).await.unwrap().version, 2);

    // A product is read whole, so it has an end.
    let plain = |skus| NewProduct { offer_only: false, ..product(skus) };
    let full = catalog.create_product(STORE, plain(vec![sku("A"); 100])).await.unwrap();
    assert_eq!(pointer(catalog.create_sku(STORE, full.id, sku("B")).await.unwrap_err()), "/skus");
    assert_eq!(pointer(catalog.create_product(STORE, plain(vec![sku("A"); 101])).await.unwrap_err()), "/skus");
}

async fn seeding(test: &TestDatabase) {
    let catalog = with_stores(test, false).await;
    let special = [SeedProduct { listed: false, ..SeedProduct::plain(15, 10) }, SeedProduct::plain(18, 0)];
    catalog.seed(STORE, &special, now()).await.unwrap();
    let seen = AtomicI64::new(0);
    for _ in 0..2 {
        // What stands is left alone, and seeding twice adds nothing.
        catalog.seed_plain(STORE, 1, 1_500, 100, now(), &|upto| seen.store(upto, Ordering::SeqCst)).await.unwrap();
    }
    assert_eq!(seen.load(Ordering::SeqCst), 1_500);

    let beside = test.beside().await;
    for table in ["products", "skus", "stock"] {
        assert_eq!(beside.number(&format!("SELECT COUNT(*) FROM {table}")).await, 1_500, "{table}");
    }
    for table in ["stock_adjustments", "stock_ledger"] {
        assert_eq!(beside.number(&format!("SELECT COUNT(*) FROM {table}")).await, 1_499, "{table}");
    }
    let apart = "SELECT COUNT(*) FROM stock k LEFT JOIN stock_ledger l ON l.sku_id = k.sku_id AND l.applied \
        LEFT JOIN stock_adjustments a ON a.sku_id = k.sku_id AND a.status = 1 \
        WHERE k.received <> COALESCE(l.quantity, 0) OR k.received <> COALESCE(a.delta, 0)";
    assert_eq!(beside.number(apart).await, 0);
    let cards = catalog.cards(STORE, &[SkuId(1), SkuId(15), SkuId(1_500)]).await.unwrap();
    assert_eq!(cards.iter().map(|card| (card.sku_id.0, card.buyable)).collect::<Vec<_>>(), [(1, true), (15, false), (1_500, true)]);
}
