//! Contract suite of [`CatalogRepository`]. A case panics where the repository breaks its contract. The stores 1 and 2
//! stand before it runs; run it once per database, on a runtime with several threads.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a suite fails by panicking"
)]

use std::sync::Arc;

use sluice_kernel::{Changed, Currency, Money, PageRequest, ProductId, SkuId, StoreId, Timestamp};
use tokio::task::JoinSet;

use crate::{
    CatalogRepository, FormField, NewProduct, NewSku, Product, ProductChange, ProductSearch, ReceivingWay, Sku, SkuCard, SkuChange,
    StoreSettings,
};

const STORE: StoreId = StoreId(1);
const OTHER_STORE: StoreId = StoreId(2);

/// Runs every case.
pub async fn catalog_contract(catalog: Arc<dyn CatalogRepository>) {
    settings_are_compared_and_set(&*catalog).await;
    a_product_reads_back_as_it_was_created(&*catalog).await;
    lists_are_newest_first_and_hide_what_is_unlisted(&*catalog).await;
    every_change_raises_the_revision_of_what_it_touches(&*catalog).await;
    buyable_needs_sku_and_product(&*catalog).await;
    a_product_of_an_activity_is_not_on_the_shelf(&*catalog).await;
    a_search_finds_words_and_ids(&*catalog).await;
    stores_are_apart(&*catalog).await;
    one_of_many_changes_from_one_version_wins(catalog).await;
}

fn now() -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000)
}

fn sku(code: &str, price: i64) -> NewSku {
    NewSku {
        id: None,
        code: code.to_owned(),
        spec: "red / 64 GB".to_owned(),
        price: price.into(),
        points: 5,
        allotable_profit: 150,
        supplier_price: 900,
        listed: true,
    }
}

fn product(title: &str, skus: Vec<NewSku>) -> NewProduct {
    NewProduct {
        id: None,
        title: title.to_owned(),
        pictures: vec!["https://pictures.example/1.png".to_owned(), "https://pictures.example/2.png".to_owned()],
        delivery_place: "1".to_owned(),
        receiving_way: ReceivingWay::new(2).unwrap(),
        customer_product_id: Some("C-1".to_owned()),
        order_form_items: vec![FormField::Recipients, FormField::Tel],
        listed: true,
        offer_only: false,
        skus,
    }
}

async fn create(catalog: &dyn CatalogRepository, title: &str, skus: &[&str]) -> Product {
    let skus = skus.iter().map(|code| sku(code, 1_990)).collect();
    catalog.create_product(STORE, &product(title, skus), now()).await.unwrap()
}

async fn card(catalog: &dyn CatalogRepository, sku: SkuId) -> SkuCard {
    catalog.cards(STORE, &[sku]).await.unwrap().remove(0)
}

fn done<T>(changed: Changed<T>) -> T {
    match changed {
        Changed::Done(value) => value,
        Changed::Stale => panic!("stale"),
        Changed::Absent => panic!("absent"),
    }
}

async fn change(catalog: &dyn CatalogRepository, product: &Product, change: ProductChange) -> Product {
    done(catalog.change_product(STORE, product.id, product.version, &change).await.unwrap())
}

async fn change_sku(catalog: &dyn CatalogRepository, sku: &Sku, change: SkuChange) -> Sku {
    done(catalog.change_sku(STORE, sku.id, sku.version, &change).await.unwrap())
}

async fn settings_are_compared_and_set(catalog: &dyn CatalogRepository) {
    let store = catalog.find_store(STORE).await.unwrap().unwrap();
    let settings = StoreSettings {
        special: true,
        h5_redirect_type: Some("3".to_owned()),
        points_to_cash_ratio: Some([1, 100]),
        public_catalog: true,
    };
    let changed = done(catalog.save_settings(STORE, store.version, &settings).await.unwrap());
    assert_eq!((&changed.settings, changed.version), (&settings, store.version + 1));
    assert_eq!(catalog.find_store(STORE).await.unwrap(), Some(changed));
    assert_eq!(catalog.save_settings(STORE, store.version, &settings).await.unwrap(), Changed::Stale);
    assert_eq!(catalog.save_settings(StoreId(404), 1, &settings).await.unwrap(), Changed::Absent);
    assert_eq!(catalog.find_store(StoreId(404)).await.unwrap(), None);
}

async fn a_product_reads_back_as_it_was_created(catalog: &dyn CatalogRepository) {
    let created = create(catalog, "数据线", &["A", "B"]).await;
    assert_eq!(created.skus.len(), 2);
    assert_eq!(catalog.find_product(STORE, created.id).await.unwrap().as_ref(), Some(&created));
    assert_eq!(catalog.find_sku(STORE, created.skus[1].id).await.unwrap().as_ref(), Some(&created.skus[1]));

    let chosen =
        NewProduct { id: Some(ProductId(900_001)), ..product("chosen", vec![NewSku { id: Some(SkuId(900_002)), ..sku("C", 0) }]) };
    let chosen = catalog.create_product(STORE, &chosen, now()).await.unwrap();
    assert_eq!((chosen.id, chosen.skus[0].id), (ProductId(900_001), SkuId(900_002)));

    let first = card(catalog, created.skus[0].id).await;
    assert_eq!((&*first.title, &*first.code, first.price), ("数据线", "A", Money::new(1_990, Currency::CNY)));
    assert_eq!(first.picture.as_deref(), Some("https://pictures.example/1.png"));
    assert_eq!(*first.order_form_items, [FormField::Recipients, FormField::Tel]);
    assert!(first.buyable && first.on_the_shelf());
    assert_eq!((first.receiving_way.get(), first.customer_product_id.as_deref(), first.pictures.len()), (2, Some("C-1"), 2));

    let added = catalog.create_sku(STORE, created.id, &sku("D", 5), now()).await.unwrap().unwrap();
    assert_eq!(catalog.find_product(STORE, created.id).await.unwrap().unwrap().skus.last(), Some(&added));
    assert_eq!(catalog.create_sku(STORE, ProductId(404_404), &sku("E", 5), now()).await.unwrap(), None);
}

async fn lists_are_newest_first_and_hide_what_is_unlisted(catalog: &dyn CatalogRepository) {
    let mut made = Vec::new();
    for title in ["one", "two", "three"] {
        made.push(create(catalog, title, &["A", "B"]).await);
    }
    change(catalog, &made[1], ProductChange { listed: Some(false), ..ProductChange::default() }).await;
    change_sku(catalog, &made[2].skus[0], SkuChange { listed: Some(false), ..SkuChange::default() }).await;
    change_sku(catalog, &made[0].skus[1], SkuChange { deleted: Some(true), ..SkuChange::default() }).await;

    let titles = |products: &[Product]| products.iter().map(|product| product.title.clone()).collect::<Vec<_>>();
    // One more than asked for says that there is more.
    let page = catalog.list_products(STORE, true, PageRequest::first(1)).await.unwrap();
    assert_eq!(titles(&page), ["three", "one"]);
    assert_eq!(page[0].skus.len(), 1);
    assert_eq!(page[1].skus.len(), 1);
    let rest = PageRequest { limit: 1, after: Some(made[2].id.0) };
    let all = catalog.list_products(STORE, false, rest).await.unwrap();
    assert_eq!(titles(&all), ["two", "one"]);
    assert_eq!(all[0].skus.len(), 2);
}

async fn a_search_finds_words_and_ids(catalog: &dyn CatalogRepository) {
    let mut made = Vec::new();
    for (title, codes) in
        [("Grüner TEE 100% _pur_", vec!["ZQ-1", "zq_2"]), ("绿茶 \\ 🍵", vec!["ZQ-3"]), ("Green tea", vec!["zq%4", "hidden"])]
    {
        made.push(create(catalog, title, &codes).await);
    }
    change_sku(catalog, &made[2].skus[1], SkuChange { listed: Some(false), ..SkuChange::default() }).await;
    let places = |found: &[Product]| -> Vec<usize> {
        found.iter().map(|found| made.iter().position(|made| made.id == found.id).unwrap()).collect()
    };
    let page = PageRequest::first(10);
    let find = async |listed_only: bool, text: &str| {
        let search = ProductSearch { text: Some(text.to_owned()), ids: None };
        let found = catalog.search_products(STORE, listed_only, &search, page).await.unwrap();
        assert!(!found.has_more, "{text}");
        places(&found.data)
    };
    for (text, listed, all) in [
        ("tee", vec![0], vec![0]),
        ("  TEE\tGrüner ", vec![0], vec![0]),
        ("tea green", vec![2], vec![2]),
        ("tea grüner", vec![], vec![]),
        // A letter that means something to LIKE means itself.
        ("100%", vec![0], vec![0]),
        ("zq%", vec![2], vec![2]),
        ("zq_", vec![0], vec![0]),
        ("_pur_", vec![0], vec![0]),
        ("绿", vec![1], vec![1]),
        ("🍵 \\", vec![1], vec![1]),
        ("zq- ZQ", vec![1, 0], vec![1, 0]),
        ("' OR '1'='1", vec![], vec![]),
        ("hidden", vec![], vec![2]),
    ] {
        assert_eq!((find(true, text).await, find(false, text).await), (listed, all), "{text}");
    }

    let ids = vec![made[2].id, ProductId(404_404), made[0].id, made[0].id];
    let by_ids = ProductSearch { text: None, ids: Some(ids.clone()) };
    let found = catalog.search_products(STORE, true, &by_ids, PageRequest::first(1)).await.unwrap();
    assert_eq!((places(&found.data), found.has_more), (vec![2], true));
    let rest = PageRequest { limit: 1, after: PageRequest::parse_cursor(&found.next_cursor.unwrap()).ok() };
    let found = catalog.search_products(STORE, true, &by_ids, rest).await.unwrap();
    assert_eq!((places(&found.data), found.has_more), (vec![0], false));
    let none = ProductSearch { text: None, ids: Some(Vec::new()) };
    assert_eq!(catalog.search_products(STORE, true, &none, page).await.unwrap().data, []);
    let both = ProductSearch { text: Some("green".to_owned()), ids: Some(ids) };
    assert_eq!(places(&catalog.search_products(STORE, true, &both, page).await.unwrap().data), [2]);
    assert_eq!(catalog.search_products(OTHER_STORE, false, &both, page).await.unwrap().data, []);
    // A full page ends at its last entry.
    let zq = ProductSearch { text: Some("zq".to_owned()), ids: None };
    let found = catalog.search_products(STORE, true, &zq, PageRequest::first(2)).await.unwrap();
    assert_eq!((places(&found.data), found.has_more), (vec![2, 1], true));
    for made in &made[..2] {
        change(catalog, made, ProductChange { deleted: Some(true), ..ProductChange::default() }).await;
    }
    assert_eq!(find(true, "zq").await, [2]);
}

async fn every_change_raises_the_revision_of_what_it_touches(catalog: &dyn CatalogRepository) {
    let made = create(catalog, "revised", &["A", "B"]).await;
    let (one, two) = (made.skus[0].id, made.skus[1].id);
    let before = (card(catalog, one).await.revision, card(catalog, two).await.revision);

    let dearer = change_sku(catalog, &made.skus[0], SkuChange { price: Some(2_500.into()), ..SkuChange::default() }).await;
    assert_eq!((dearer.price.amount, dearer.version), (2_500, made.skus[0].version + 1));
    let after = (card(catalog, one).await.revision, card(catalog, two).await.revision);
    assert!(after.0 > before.0 && after.1 == before.1, "{before:?} {after:?}");

    let change_title =
        ProductChange { title: Some("renamed".to_owned()), customer_product_id: Some(None), ..ProductChange::default() };
    let renamed = change(catalog, &made, change_title.clone()).await;
    assert_eq!((renamed.title.as_str(), &renamed.customer_product_id), ("renamed", &None));
    assert_eq!(catalog.find_product(STORE, made.id).await.unwrap(), Some(renamed));
    let last = (card(catalog, one).await.revision, card(catalog, two).await.revision);
    assert!(last.0 > after.0 && last.1 > after.1, "{after:?} {last:?}");

    // A stale change changes nothing, revisions included.
    assert_eq!(catalog.change_product(STORE, made.id, made.version, &change_title).await.unwrap(), Changed::Stale);
    let stale = catalog.change_sku(STORE, one, made.skus[0].version, &SkuChange::default()).await.unwrap();
    assert_eq!(stale, Changed::Stale);
    assert_eq!(card(catalog, one).await.revision, last.0);
}

async fn buyable_needs_sku_and_product(catalog: &dyn CatalogRepository) {
    let made = create(catalog, "on and off", &["A"]).await;
    let id = made.skus[0].id;
    let off = change(catalog, &made, ProductChange { listed: Some(false), ..ProductChange::default() }).await;
    assert!(!card(catalog, id).await.buyable);
    let unlisted = change_sku(catalog, &made.skus[0], SkuChange { listed: Some(false), ..SkuChange::default() }).await;
    let on = change(catalog, &off, ProductChange { listed: Some(true), ..ProductChange::default() }).await;
    assert!(!card(catalog, id).await.buyable);
    let listed = change_sku(catalog, &unlisted, SkuChange { listed: Some(true), ..SkuChange::default() }).await;
    assert!(card(catalog, id).await.buyable);
    let deleted = change_sku(catalog, &listed, SkuChange { deleted: Some(true), ..SkuChange::default() }).await;
    assert!(!card(catalog, id).await.buyable);
    change_sku(catalog, &deleted, SkuChange { deleted: Some(false), ..SkuChange::default() }).await;
    change(catalog, &on, ProductChange { deleted: Some(true), ..ProductChange::default() }).await;
    assert!(!card(catalog, id).await.buyable);
}

async fn a_product_of_an_activity_is_not_on_the_shelf(catalog: &dyn CatalogRepository) {
    let offer = NewProduct { offer_only: true, ..product("of an activity", vec![sku("A", 1_990)]) };
    let made = catalog.create_product(STORE, &offer, now()).await.unwrap();
    assert!(made.offer_only);
    let id = made.skus[0].id;
    let first = |products: Vec<Product>| products.first().map(|product| product.id);
    assert_ne!(first(catalog.list_products(STORE, true, PageRequest::first(1)).await.unwrap()), Some(made.id));
    assert_eq!(first(catalog.list_products(STORE, false, PageRequest::first(1)).await.unwrap()), Some(made.id));
    let before = card(catalog, id).await;
    assert!(before.buyable && before.offer_only && !before.on_the_shelf());
    // It can be changed like any other, and stays what it is.
    let renamed = change(catalog, &made, ProductChange { title: Some("renamed".to_owned()), ..ProductChange::default() }).await;
    assert!(renamed.offer_only && card(catalog, id).await.revision > before.revision);
    assert_eq!(catalog.find_product(STORE, made.id).await.unwrap(), Some(renamed));
}

async fn stores_are_apart(catalog: &dyn CatalogRepository) {
    let made = create(catalog, "mine", &["A"]).await;
    let sku = &made.skus[0];
    assert_eq!(catalog.find_product(OTHER_STORE, made.id).await.unwrap(), None);
    assert_eq!(catalog.find_sku(OTHER_STORE, sku.id).await.unwrap(), None);
    assert_eq!(catalog.cards(OTHER_STORE, &[sku.id]).await.unwrap(), []);
    let product_change = catalog.change_product(OTHER_STORE, made.id, made.version, &ProductChange::default()).await.unwrap();
    assert_eq!(product_change, Changed::Absent);
    let sku_change = catalog.change_sku(OTHER_STORE, sku.id, sku.version, &SkuChange::default()).await.unwrap();
    assert_eq!(sku_change, Changed::Absent);
    assert_eq!(catalog.list_products(OTHER_STORE, false, PageRequest::first(100)).await.unwrap(), []);

    // Known and unknown SKUs in a long list: the known ones come back, each once.
    let ids: Vec<SkuId> = (0..150).map(|number| SkuId(5_000_000 + number)).chain([sku.id]).collect();
    let cards = catalog.cards(STORE, &ids).await.unwrap();
    assert_eq!(cards.iter().map(|card| card.sku_id).collect::<Vec<_>>(), [sku.id]);
}

async fn one_of_many_changes_from_one_version_wins(catalog: Arc<dyn CatalogRepository>) {
    let made = create(&*catalog, "contested", &["A", "B"]).await;
    let before = card(&*catalog, made.skus[0].id).await.revision;
    let mut race = JoinSet::new();
    for number in 0..20 {
        let (catalog, id, version) = (Arc::clone(&catalog), made.id, made.version);
        race.spawn(async move {
            let change = ProductChange { title: Some(format!("title {number}")), ..ProductChange::default() };
            catalog.change_product(STORE, id, version, &change).await.unwrap()
        });
    }
    let outcomes = race.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, Changed::Done(_))).count(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Changed::Stale).count(), 19);
    assert_eq!(card(&*catalog, made.skus[0].id).await.revision, before + 1);
}
