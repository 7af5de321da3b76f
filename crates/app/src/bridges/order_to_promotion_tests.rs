use sluice_catalog::{ProductChange, StoreSettings, StoreSettingsChange};
use sluice_kernel::{FormField, ManualClock, NodeIds, PayType, SkuId, Timestamp, Window};
use sluice_promotion::{ActivityChange, CampaignFields, ChangeListener as _, NewCampaign, OfferChange};

use super::*;
use crate::{
    Config, Environment, OpenOptions, OpenShop, Secrets, Shop,
    bridges::{CatalogToInventory, ChangeNotifier},
};

const STORE: StoreId = StoreId(1);
const SALE: ActivityId = ActivityId(1);

struct Demo {
    open: OpenShop,
    clock: Arc<ManualClock>,
    rules: Arc<RulesCache>,
    desk: OrderToPromotion,
    _folder: tempfile::TempDir,
}

async fn demo() -> Demo {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { data_dir: folder.path().to_owned(), ..Config::default() };
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_800_000_000_000)));
    let ids = Arc::new(NodeIds::new(clock.clone(), 0));
    let secrets = Secrets::resolve(&config, &*ids).unwrap();
    let environment = Environment { clock: Some(clock.clone()), ids: Some(ids) };
    let options = OpenOptions { migrate: true, demo: true, ..OpenOptions::default() };
    let open = Box::pin(OpenShop::open_in(&config, &secrets, "http://127.0.0.1:1", options, environment)).await.unwrap();
    let rules = Arc::new(RulesCache::default());
    let Shop { promotion, catalog, .. } = open.shop.clone();
    Demo { desk: OrderToPromotion::new(promotion, catalog, rules.clone()), clock, rules, open, _folder: folder }
}

impl Demo {
    async fn look(&self, store: i64, activity: i64, product: i64) -> OfferLookup {
        self.desk.find_offer(StoreId(store), ActivityId(activity), ProductId(product)).await.unwrap()
    }

    async fn revision(&self, sku: i64) -> i64 {
        self.open.shop.catalog.cards(STORE, &[SkuId(sku)]).await.unwrap()[&SkuId(sku)].revision
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_has_the_terms_that_apply() {
    let demo = demo().await;
    let offer = async |store, activity, product| demo.look(store, activity, product).await.offer.unwrap();
    let cash = offer(1, 1, 1_001).await;
    assert_eq!((cash.mode, cash.discount.to_string().as_str(), cash.most_units), (PayType::Cash, "0.8", None));
    assert_eq!((cash.shelf.price.amount, cash.shelf.allotable_profit, cash.shelf.buyable), (1_990, 150, true));
    assert_eq!(cash.customer_product_id.as_deref(), Some("CP-1001"));
    // The product's own mode wins over the activity's, and a plain sale has no discount.
    let points = offer(1, 1, 1_002).await;
    assert_eq!((points.mode, points.shelf.points.0, points.discount.to_string().as_str()), (PayType::Points, 500, "0.8"));
    assert_eq!(offer(1, 1, 1_003).await.discount.to_string(), "1");
    assert_eq!(offer(1, 1, 1_004).await.most_units, Some(1));
    assert_eq!(*offer(1, 1, 1_005).await.shelf.form, [FormField::OwnForm]);
    for (product, way, mode) in [
        (2_001, 0, PayType::Points),
        (2_002, 1, PayType::Points),
        (2_003, 3, PayType::Points),
        (2_004, 4, PayType::Points),
        (2_005, 2, PayType::Points),
        (2_006, 2, PayType::Cash),
    ] {
        let offer = offer(2, 3, product).await;
        assert_eq!((offer.receiving_way, offer.mode, offer.discount.to_string().as_str()), (way, mode, "1"), "{product}");
    }
    let special = demo.look(2, 3, 2_001).await.store;
    assert!(special.special);
    assert_eq!((special.points_to_cash_ratio, special.h5_redirect_type.as_ref()), (Some([1, 100]), None));
    assert_eq!(demo.look(3, 4, 3_001).await.store.points_to_cash_ratio, None);

    // What is missing, and of whom.
    let over = demo.look(1, 2, 1_001).await;
    assert!(over.offer.is_none() && !over.window.unwrap().holds(sluice_kernel::Clock::now(&*demo.clock)));
    assert!(demo.look(1, 1, 1).await.offer.is_none());
    for (store, activity) in [(1, 3), (2, 1), (1, 404), (404, 1)] {
        let nothing = demo.look(store, activity, 1_001).await;
        assert!(nothing.window.is_none() && nothing.offer.is_none(), "{store} {activity}");
    }
}

/// A kept look may be old; then its revision is, and the gate sends the order back.
#[tokio::test(flavor = "multi_thread")]
async fn every_change_makes_a_kept_look_outdated() {
    let demo = demo().await;
    let Shop { promotion, catalog, .. } = &demo.open.shop;
    let product = ProductId(1_001);
    let end = ActivityChange { ends_at: Some(Timestamp::from_millis(1_800_000_000_001)), ..ActivityChange::default() };
    for change in ["discount", "window", "title", "removal"] {
        let kept = demo.look(1, 1, 1_001).await.offer.unwrap();
        assert_eq!(kept.shelf.revision, demo.revision(1_001).await, "{change}");
        match change {
            "discount" => {
                let half = OfferChange { discount: Some("0.5".parse().unwrap()), ..OfferChange::default() };
                promotion.change_offer(STORE, product, 1.into(), half).await.map(|_| ()).unwrap();
            }
            "window" => promotion.change_activity(STORE, SALE, 1.into(), end.clone()).await.map(|_| ()).unwrap(),
            "title" => {
                let title = ProductChange { title: Some("Other".to_owned()), ..ProductChange::default() };
                catalog.change_product(STORE, product, 1.into(), title).await.map(|_| ()).unwrap();
            }
            _ => {
                let gone = OfferChange { deleted: Some(true), ..OfferChange::default() };
                promotion.change_offer(STORE, product, 2.into(), gone).await.map(|_| ()).unwrap();
            }
        }
        let old = demo.look(1, 1, 1_001).await.offer.unwrap();
        assert!(Arc::ptr_eq(&old, &kept) && old.shelf.revision < demo.revision(1_001).await, "{change}");
        demo.desk.forget(STORE, SALE, product).await;
    }
    let fresh = demo.look(1, 1, 1_001).await;
    assert_eq!((fresh.window.unwrap().ends_at, fresh.offer), (Timestamp::from_millis(1_800_000_000_001), None));
    // What is missing is not kept: put back, it is seen at once.
    let back = OfferChange { deleted: Some(false), ..OfferChange::default() };
    promotion.change_offer(STORE, product, 3.into(), back).await.unwrap();
    let offer = demo.look(1, 1, 1_001).await.offer.unwrap();
    assert_eq!((offer.discount.to_string().as_str(), &*offer.shelf.title), ("0.5", "Other"));
    // Off the shelf it is missing again, once the kept look is forgotten.
    let off = ProductChange { listed: Some(false), ..ProductChange::default() };
    catalog.change_product(STORE, product, 2.into(), off).await.unwrap();
    demo.desk.forget(STORE, SALE, product).await;
    assert!(demo.look(1, 1, 1_001).await.offer.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_settings_or_campaigns_counts_at_once_in_this_process() {
    let demo = demo().await;
    let notifier = ChangeNotifier { inventory: None, rules: demo.rules.clone() };
    let catalog = CatalogToInventory { catalog: demo.open.shop.catalog.clone(), notifier: notifier.clone() };
    assert!(!demo.look(1, 1, 1_001).await.store.special);
    let settings = StoreSettings { special: true, h5_redirect_type: Some("3".to_owned()), ..StoreSettings::default() };
    catalog.change_settings(STORE, 1.into(), StoreSettingsChange { settings }).await.unwrap();
    let rules = demo.look(1, 1, 1_001).await.store;
    assert_eq!((rules.special, rules.h5_redirect_type.as_deref(), rules.points_to_cash_ratio), (true, Some("3"), None));

    assert_eq!(rules.campaigns, []);
    let now = sluice_kernel::Clock::now(&*demo.clock);
    let window = Window { starts_at: now, ends_at: now.plus(Duration::from_secs(1)) };
    let new = NewCampaign { fields: CampaignFields { name: "Invite".to_owned(), window } };
    let campaign = demo.open.shop.promotion.create_campaign(STORE, new).await.unwrap();
    notifier.campaigns_changed(STORE).await;
    let rules = demo.look(1, 1, 1_001).await.store;
    assert_eq!(rules.campaigns, [(campaign.id, window)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_cart_takes_a_product_of_an_activity() {
    let demo = demo().await;
    let bridge = crate::bridges::OrderToCatalog::new(demo.open.shop.catalog.clone());
    let cards = sluice_order::Catalog::cards(&bridge, STORE, &[SkuId(1), SkuId(1_001)]).await.unwrap();
    assert!(cards[&SkuId(1)].buyable && !cards[&SkuId(1_001)].buyable);
    let user = sluice_kernel::UserId::from("42");
    let refused = demo.open.shop.cart.put(STORE, &user, SkuId(1_001), sluice_kernel::Quantity::new(1).unwrap(), true).await;
    assert!(matches!(refused, Err(sluice_cart::CartError::OffShelf)));
    assert!(demo.open.shop.catalog.listed_product(STORE, ProductId(1_001)).await.is_err());
}
