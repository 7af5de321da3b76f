//! Contract suite of [`PromotionRepository`]. A case panics where the repository breaks its contract. The stores 1 and 2
//! stand before it runs; run it once per database, on a runtime with several threads.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a suite fails by panicking"
)]

use std::sync::Arc;

use sluice_kernel::{
    ActivityId, Amount, CampaignId, Changed, Currency, Money, OrderNo, PageRequest, Points, ProductId, ReceivingWay, StoreId,
    Timestamp, UserId,
};
use tokio::task::JoinSet;

use crate::{
    Activity, ActivityFields, AddedOffer, CampaignFields, Discount, Mode, NewActivity, NewCampaign, NewOffer, Offer, OfferField,
    OfferGoods, OfferTerms, PromotionRepository, Redemption, SalesStatus, Window,
};

const STORE: StoreId = StoreId(1);
const OTHER_STORE: StoreId = StoreId(2);
const MOST: u32 = 200;

/// Runs every case.
pub async fn promotion_contract(promotion: Arc<dyn PromotionRepository>) {
    an_activity_reads_back_as_it_was_created(&*promotion).await;
    changes_are_compared_and_set(&*promotion).await;
    lists_are_newest_first_and_open_ones_have_not_ended(&*promotion).await;
    an_offer_reads_back_with_its_terms(&*promotion).await;
    a_look_sees_one_instant(&*promotion).await;
    every_change_raises_the_revision_of_what_it_touches(&*promotion).await;
    stores_are_apart(&*promotion).await;
    campaigns_come_and_go(&*promotion).await;
    a_redemption_is_recorded_once_in_any_order(&*promotion).await;
    an_activity_has_as_many_offers_as_it_may(Arc::clone(&promotion)).await;
    one_of_many_changes_from_one_version_wins(promotion).await;
}

pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000 + seconds * 1_000)
}

fn window(from: i64, to: i64) -> Window {
    Window { starts_at: at(from), ends_at: at(to) }
}

fn fields(title: &str, window: Window) -> ActivityFields {
    ActivityFields { title: title.to_owned(), window, mode: Mode::Cash }
}

pub fn terms(discount: &str) -> OfferTerms {
    OfferTerms {
        mode: None,
        discount: Discount::new(discount.parse().unwrap()).unwrap(),
        sales_status: SalesStatus::Promotion,
        per_user_limit: None,
        deleted: false,
    }
}

/// An offer of a plain thing at 19.90.
pub fn new_offer(title: &str, terms: OfferTerms) -> NewOffer {
    let goods = OfferGoods {
        title: title.to_owned(),
        pictures: vec!["https://pictures.example/1.png".to_owned()],
        delivery_place: "1".to_owned(),
        receiving_way: ReceivingWay::new(2).unwrap(),
        customer_product_id: Some("C-1".to_owned()),
        form: vec![OfferField::Recipients, OfferField::OwnForm],
        code: "A".to_owned(),
        spec: "red".to_owned(),
        price: 1_990.into(),
        points: 500,
        allotable_profit: 150,
        supplier_price: 990,
    };
    NewOffer { id: None, goods, terms }
}

async fn create(promotion: &dyn PromotionRepository, title: &str, window: Window) -> Activity {
    promotion.create_activity(STORE, &NewActivity { id: None, fields: fields(title, window) }).await.unwrap().unwrap()
}

async fn add(promotion: &dyn PromotionRepository, activity: &Activity, title: &str) -> Offer {
    match promotion.add_offer(STORE, activity.id, &new_offer(title, terms("0.8")), MOST, at(0)).await.unwrap() {
        AddedOffer::Done(offer) => offer,
        AddedOffer::Full => panic!("full"),
        AddedOffer::ForeignPrice(currency) => panic!("not in {currency}"),
        AddedOffer::Absent => panic!("absent"),
    }
}

fn done<T>(changed: Changed<T>) -> T {
    match changed {
        Changed::Done(value) => value,
        Changed::Stale => panic!("stale"),
        Changed::Absent => panic!("absent"),
    }
}

async fn revision(promotion: &dyn PromotionRepository, activity: &Activity, offer: &Offer) -> i64 {
    promotion.look(STORE, activity.id, offer.product_id).await.unwrap().offer.unwrap().1
}

async fn an_activity_reads_back_as_it_was_created(promotion: &dyn PromotionRepository) {
    let created = create(promotion, "折扣", window(0, 10)).await;
    assert_eq!((created.title.as_str(), created.window, created.mode, created.version), ("折扣", window(0, 10), Mode::Cash, 1));
    let found = promotion.find_activity(STORE, created.id).await.unwrap().unwrap();
    assert_eq!((found.activity, found.offers.len()), (created, 0));
    let chosen = NewActivity { id: Some(ActivityId(900_001)), fields: fields("chosen", window(0, 0)) };
    let chosen = promotion.create_activity(STORE, &chosen).await.unwrap().unwrap();
    assert_eq!(chosen.id, ActivityId(900_001));
    assert_eq!(promotion.find_activity(STORE, ActivityId(404_404)).await.unwrap(), None);
    let nowhere = NewActivity { id: None, fields: fields("x", window(0, 10)) };
    assert_eq!(promotion.create_activity(StoreId(404_404), &nowhere).await.unwrap(), None);
}

async fn changes_are_compared_and_set(promotion: &dyn PromotionRepository) {
    let made = create(promotion, "first", window(0, 10)).await;
    let next = ActivityFields { title: "second".to_owned(), window: window(5, 20), mode: Mode::Points };
    let changed = done(promotion.save_activity(STORE, made.id, 1, &next).await.unwrap());
    assert_eq!((changed.title.as_str(), changed.window, changed.mode, changed.version), ("second", window(5, 20), Mode::Points, 2));
    assert_eq!(promotion.find_activity(STORE, made.id).await.unwrap().unwrap().activity, changed);
    assert_eq!(promotion.save_activity(STORE, made.id, 1, &next).await.unwrap(), Changed::Stale);
    assert_eq!(promotion.save_activity(STORE, ActivityId(404_404), 1, &next).await.unwrap(), Changed::Absent);
}

async fn lists_are_newest_first_and_open_ones_have_not_ended(promotion: &dyn PromotionRepository) {
    let mut made = Vec::new();
    for (title, window) in [("over", window(0, 99)), ("last instant", window(0, 100)), ("coming", window(200, 300))] {
        made.push(create(promotion, title, window).await);
    }
    let removed = add(promotion, &made[1], "removed").await;
    let kept = add(promotion, &made[1], "kept").await;
    let gone = OfferTerms { deleted: true, ..removed.terms };
    done(promotion.save_offer(STORE, removed.product_id, 1, &gone).await.unwrap());

    let (open, more) = promotion.open_activities(STORE, at(100), PageRequest::first(2), 200).await.unwrap();
    assert!(!more);
    // A page ends where its offers would become too many, and shows its first activity in any case.
    let (coming, more) = promotion.open_activities(STORE, at(100), PageRequest::first(2), 1).await.unwrap();
    assert_eq!((coming.len(), more), (1, true));
    let next = PageRequest { limit: 2, after: Some(made[2].id.0) };
    assert_eq!(promotion.open_activities(STORE, at(100), next, 1).await.unwrap(), (open[1..].to_vec(), false));
    let titles: Vec<&str> = open.iter().map(|found| found.activity.title.as_str()).collect();
    assert_eq!(titles, ["coming", "last instant"]);
    assert_eq!(open[1].offers, [kept]);
    let rest = PageRequest { limit: 1, after: Some(made[2].id.0) };
    let all = promotion.list_activities(STORE, rest).await.unwrap();
    // One more than asked for says that there is more.
    assert_eq!(all.iter().map(|activity| activity.title.as_str()).collect::<Vec<_>>(), ["last instant", "over"]);
    let offers = promotion.find_activity(STORE, made[1].id).await.unwrap().unwrap().offers;
    assert_eq!(offers.iter().map(|offer| offer.terms.deleted).collect::<Vec<_>>(), [true, false]);
}

async fn an_offer_reads_back_with_its_terms(promotion: &dyn PromotionRepository) {
    let activity = create(promotion, "offers", window(0, 10)).await;
    let whole = OfferTerms {
        mode: Some(Mode::Points),
        discount: Discount::new("0.3333".parse().unwrap()).unwrap(),
        sales_status: SalesStatus::PlainSale,
        per_user_limit: Some(1_000_000),
        deleted: false,
    };
    let chosen = NewOffer { id: Some(900_100), ..new_offer("chosen", whole) };
    let AddedOffer::Done(offer) = promotion.add_offer(STORE, activity.id, &chosen, MOST, at(0)).await.unwrap() else {
        panic!("not added")
    };
    assert_eq!((offer.product_id.0, offer.sku_id.0, offer.version), (900_100, 900_100, 1));
    assert_eq!((offer.activity_id, offer.terms), (activity.id, whole));
    assert_eq!(promotion.find_offer(STORE, offer.product_id).await.unwrap(), Some(offer));

    let plain = OfferTerms { mode: None, per_user_limit: None, ..whole };
    let changed = done(promotion.save_offer(STORE, offer.product_id, 1, &plain).await.unwrap());
    assert_eq!((changed.terms, changed.version), (plain, 2));
    assert_eq!(promotion.find_offer(STORE, offer.product_id).await.unwrap(), Some(changed));
    assert_eq!(promotion.save_offer(STORE, offer.product_id, 1, &whole).await.unwrap(), Changed::Stale);
    assert_eq!(promotion.save_offer(STORE, ProductId(404_404), 1, &whole).await.unwrap(), Changed::Absent);
    assert_eq!(promotion.find_offer(STORE, ProductId(404_404)).await.unwrap(), None);
    let nowhere = promotion.add_offer(STORE, ActivityId(404_404), &new_offer("x", whole), MOST, at(0)).await.unwrap();
    assert_eq!(nowhere, AddedOffer::Absent);

    let mut foreign = new_offer("foreign", whole);
    foreign.goods.price = Amount { minor_units: 1_990, currency: "JPY".parse().ok() };
    let refused = promotion.add_offer(STORE, activity.id, &foreign, MOST, at(0)).await.unwrap();
    assert_eq!(refused, AddedOffer::ForeignPrice(Currency::CNY));
    foreign.goods.price.currency = Some(Currency::CNY);
    let added = promotion.add_offer(STORE, activity.id, &foreign, MOST, at(0)).await.unwrap();
    assert!(matches!(added, AddedOffer::Done(_)));
}

async fn a_look_sees_one_instant(promotion: &dyn PromotionRepository) {
    let activity = create(promotion, "looked at", window(0, 10)).await;
    let other = create(promotion, "another", window(0, 10)).await;
    let offer = add(promotion, &activity, "A").await;
    let look = promotion.look(STORE, activity.id, offer.product_id).await.unwrap();
    assert_eq!(look.activity.as_ref(), Some(&activity));
    assert_eq!(look.offer, Some((offer, 1)));
    // Its activity alone has it.
    let elsewhere = promotion.look(STORE, other.id, offer.product_id).await.unwrap();
    assert_eq!((elsewhere.activity.as_ref(), elsewhere.offer), (Some(&other), None));
    let unknown = promotion.look(STORE, ActivityId(404_404), offer.product_id).await.unwrap();
    assert_eq!((unknown.activity, unknown.offer), (None, None));

    let gone = OfferTerms { deleted: true, ..offer.terms };
    done(promotion.save_offer(STORE, offer.product_id, 1, &gone).await.unwrap());
    assert_eq!(promotion.look(STORE, activity.id, offer.product_id).await.unwrap().offer, None);
    let back = done(promotion.save_offer(STORE, offer.product_id, 2, &offer.terms).await.unwrap());
    assert_eq!(promotion.look(STORE, activity.id, offer.product_id).await.unwrap().offer, Some((back, 3)));
}

async fn every_change_raises_the_revision_of_what_it_touches(promotion: &dyn PromotionRepository) {
    let activity = create(promotion, "revised", window(0, 10)).await;
    let other = create(promotion, "untouched", window(0, 10)).await;
    let (one, two) = (add(promotion, &activity, "A").await, add(promotion, &activity, "B").await);
    let apart = add(promotion, &other, "C").await;
    let revisions = async || {
        (
            revision(promotion, &activity, &one).await,
            revision(promotion, &activity, &two).await,
            revision(promotion, &other, &apart).await,
        )
    };
    assert_eq!(revisions().await, (1, 1, 1));
    done(promotion.save_offer(STORE, one.product_id, 1, &terms("0.5")).await.unwrap());
    assert_eq!(revisions().await, (2, 1, 1));
    let ended = fields("revised", window(0, 5));
    done(promotion.save_activity(STORE, activity.id, 1, &ended).await.unwrap());
    assert_eq!(revisions().await, (3, 2, 1));
    // A stale change changes nothing, revisions included.
    assert_eq!(promotion.save_activity(STORE, activity.id, 1, &ended).await.unwrap(), Changed::Stale);
    assert_eq!(promotion.save_offer(STORE, one.product_id, 1, &terms("0.5")).await.unwrap(), Changed::Stale);
    assert_eq!(revisions().await, (3, 2, 1));
}

async fn stores_are_apart(promotion: &dyn PromotionRepository) {
    let activity = create(promotion, "mine", window(0, 1_000)).await;
    let offer = add(promotion, &activity, "A").await;
    assert_eq!(promotion.find_activity(OTHER_STORE, activity.id).await.unwrap(), None);
    assert_eq!(promotion.find_offer(OTHER_STORE, offer.product_id).await.unwrap(), None);
    assert_eq!(promotion.look(OTHER_STORE, activity.id, offer.product_id).await.unwrap().activity, None);
    let saved = promotion.save_activity(OTHER_STORE, activity.id, 1, &fields("x", window(0, 1))).await.unwrap();
    assert_eq!(saved, Changed::Absent);
    assert_eq!(promotion.save_offer(OTHER_STORE, offer.product_id, 1, &offer.terms).await.unwrap(), Changed::Absent);
    let added = promotion.add_offer(OTHER_STORE, activity.id, &new_offer("x", offer.terms), MOST, at(0)).await.unwrap();
    assert_eq!(added, AddedOffer::Absent);
    assert_eq!(promotion.list_activities(OTHER_STORE, PageRequest::first(100)).await.unwrap(), []);
    assert_eq!(promotion.open_activities(OTHER_STORE, at(0), PageRequest::first(100), 200).await.unwrap(), (vec![], false));
}

async fn campaigns_come_and_go(promotion: &dyn PromotionRepository) {
    let mut made = Vec::new();
    for (name, window) in [("over", window(0, 49)), ("runs", window(0, 50)), ("coming", window(60, 70))] {
        let new = NewCampaign { fields: CampaignFields { name: name.to_owned(), window } };
        made.push(promotion.create_campaign(STORE, &new).await.unwrap());
    }
    let ahead = promotion.campaigns_ahead(STORE, at(50), 10).await.unwrap();
    assert_eq!(ahead, [made[1].clone(), made[2].clone()]);
    assert_eq!(promotion.campaigns_ahead(STORE, at(50), 1).await.unwrap().len(), 1);
    assert_eq!(promotion.campaigns_ahead(OTHER_STORE, at(50), 10).await.unwrap(), []);
    let ended = CampaignFields { name: "ended".to_owned(), window: window(0, 10) };
    let changed = done(promotion.save_campaign(STORE, made[1].id, 1, &ended).await.unwrap());
    assert_eq!((changed.name.as_str(), changed.window, changed.version), ("ended", window(0, 10), 2));
    assert_eq!(promotion.find_campaign(STORE, made[1].id).await.unwrap(), Some(changed));
    assert_eq!(promotion.save_campaign(STORE, made[1].id, 1, &ended).await.unwrap(), Changed::Stale);
    assert_eq!(promotion.save_campaign(OTHER_STORE, made[1].id, 2, &ended).await.unwrap(), Changed::Absent);
    assert_eq!(promotion.find_campaign(STORE, CampaignId(404_404)).await.unwrap(), None);
    let list = promotion.list_campaigns(STORE, PageRequest::first(2)).await.unwrap();
    assert_eq!(list.iter().map(|campaign| campaign.name.as_str()).collect::<Vec<_>>(), ["coming", "ended", "over"]);
}

fn redemption(order: i64, promoter: Option<&str>) -> Redemption {
    Redemption {
        order_no: OrderNo::from_id(order),
        store_id: STORE,
        user_id: UserId::from("42"),
        activity_id: ActivityId(1),
        product_id: ProductId(1_001),
        quantity: 2,
        cash: Money::new(3_184, Currency::CNY),
        points: Points(0),
        promoter: promoter.map(str::to_owned),
        unit_profit: 150,
        total_profit: 300,
        campaign_id: promoter.map(|_| CampaignId(7)),
        at: at(order),
        refunded_at: None,
    }
}

async fn a_redemption_is_recorded_once_in_any_order(promotion: &dyn PromotionRepository) {
    let (one, two, three) = (redemption(1, None), redemption(2, Some("推广员")), redemption(3, None));
    // 3 was refunded before its payment is heard of.
    promotion.mark_refunded(&[(STORE, three.order_no, at(99))]).await.unwrap();
    assert_eq!(promotion.list_redemptions(STORE, PageRequest::first(10)).await.unwrap(), []);
    for _ in 0..3 {
        promotion.record_redemptions(&[three.clone(), one.clone(), two.clone(), one.clone()]).await.unwrap();
    }
    let refunded = |redemption: &Redemption, seconds| Redemption { refunded_at: Some(at(seconds)), ..redemption.clone() };
    let three = refunded(&three, 99);
    let all = promotion.list_redemptions(STORE, PageRequest::first(10)).await.unwrap();
    assert_eq!(all, [three.clone(), two.clone(), one.clone()]);
    for _ in 0..2 {
        promotion.mark_refunded(&[(STORE, one.order_no, at(50))]).await.unwrap();
        // A payment that is told again does not undo the refund.
        promotion.record_redemptions(std::slice::from_ref(&one)).await.unwrap();
    }
    let page = promotion.list_redemptions(STORE, PageRequest { limit: 1, after: Some(3) }).await.unwrap();
    assert_eq!(page, [two, refunded(&one, 50)]);
    assert_eq!(promotion.list_redemptions(OTHER_STORE, PageRequest::first(10)).await.unwrap(), []);
}

async fn an_activity_has_as_many_offers_as_it_may(promotion: Arc<dyn PromotionRepository>) {
    let activity = create(&*promotion, "full", window(0, 10)).await;
    let mut race = JoinSet::new();
    for number in 0..8 {
        let (promotion, id) = (Arc::clone(&promotion), activity.id);
        let offer = new_offer(&format!("offer {number}"), terms("0.8"));
        race.spawn(async move { promotion.add_offer(STORE, id, &offer, 5, at(0)).await.unwrap() });
    }
    let outcomes = race.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, AddedOffer::Done(_))).count(), 5);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == AddedOffer::Full).count(), 3);
    assert_eq!(promotion.find_activity(STORE, activity.id).await.unwrap().unwrap().offers.len(), 5);
}

async fn one_of_many_changes_from_one_version_wins(promotion: Arc<dyn PromotionRepository>) {
    let activity = create(&*promotion, "contested", window(0, 10)).await;
    let offer = add(&*promotion, &activity, "A").await;
    let mut race = JoinSet::new();
    for number in 0..10 {
        let (repository, id) = (Arc::clone(&promotion), activity.id);
        race.spawn(async move {
            let fields = fields(&format!("title {number}"), window(0, 10));
            matches!(repository.save_activity(STORE, id, 1, &fields).await.unwrap(), Changed::Done(_))
        });
        let (repository, product) = (Arc::clone(&promotion), offer.product_id);
        race.spawn(
            async move { matches!(repository.save_offer(STORE, product, 1, &terms("0.5")).await.unwrap(), Changed::Done(_)) },
        );
    }
    let won = race.join_all().await;
    assert_eq!(won.iter().filter(|won| **won).count(), 2);
    assert_eq!(revision(&*promotion, &activity, &offer).await, 3);
}
