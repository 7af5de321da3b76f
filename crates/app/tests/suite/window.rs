//! The ends of an activity to the millisecond, by a clock that is turned by hand (docs/domain.md S1 rule 1), and a change that
//! comes after a process has looked.

use std::time::Duration;

use sluice_kernel::{ActivityId, Clock as _, Quantity, StoreId, UserId};
use sluice_order::{Attribution, Expected, IdempotencyKey, OrderError, PayType, PlaceActivityOrder, Placed, Recipient};
use sluice_promotion::{ActivityChange, OfferChange};

use crate::wired::{STORE, Wired};

const ACTIVITY: ActivityId = ActivityId(1);
const MILLISECOND: Duration = Duration::from_millis(1);

async fn take(shop: &Wired, key: &str) -> Result<Placed, OrderError> {
    let user = UserId::from(key);
    let key = IdempotencyKey { route: "activity", store: STORE, user: user.clone(), key: key.to_owned(), fingerprint: [0; 32] };
    let command = PlaceActivityOrder {
        store: STORE,
        user,
        key,
        activity: "1".to_owned(),
        product: "1001".to_owned(),
        quantity: Quantity::new(1).unwrap(),
        pay_type: PayType::Cash,
        recipient: Recipient::default(),
        own_form: None,
        attribution: Attribution::default(),
        referrer: None,
        expected: Expected::default(),
    };
    shop.open.shop.orders.place_activity(command).await
}

async fn change(shop: &Wired, store: StoreId, change: ActivityChange) {
    let promotion = &shop.open.shop.promotion;
    let version = promotion.activity(store, ACTIVITY).await.unwrap().activity.version;
    promotion.change_activity(store, ACTIVITY, version.into(), change).await.unwrap();
}

fn expect_not_running(answer: &Result<Placed, OrderError>, when: &str) {
    assert!(matches!(answer, Err(OrderError::ActivityNotRunning)), "{when}: {answer:?}");
}

async fn both_ends_are_included(shop: Wired) {
    let starts_at = shop.clock.now().plus(Duration::from_secs(1));
    let ends_at = starts_at.plus(Duration::from_secs(1));
    change(&shop, STORE, ActivityChange { starts_at: Some(starts_at), ends_at: Some(ends_at), ..ActivityChange::default() }).await;
    shop.clock.set(starts_at.minus(MILLISECOND));
    expect_not_running(&take(&shop, "before").await, "a millisecond before the start");
    shop.clock.set(starts_at);
    take(&shop, "start").await.unwrap();
    shop.clock.set(ends_at);
    take(&shop, "end").await.unwrap();
    shop.clock.set(ends_at.plus(MILLISECOND));
    expect_not_running(&take(&shop, "after").await, "a millisecond after the end");
    let stock = shop.open.shop.inventory.stock(STORE, sluice_kernel::SkuId(1_001)).await.unwrap();
    assert_eq!((stock.gate.usable, stock.gate.locked), (99_998, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn s1_rule_1_both_ends_of_the_window_are_included_on_sqlite() {
    both_ends_are_included(Wired::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s1_rule_1_both_ends_of_the_window_are_included_on_mariadb() {
    both_ends_are_included(Wired::on_mariadb().await).await;
}

/// Another process ends the activity, or changes an offer, after this one has looked at it: the gate knows.
#[tokio::test(flavor = "multi_thread")]
async fn s1_rule_1_a_change_by_another_process_counts_at_once() {
    let shop = Wired::on_mariadb().await;
    let other = shop.another_process().await;
    let first = take(&shop, "first").await.unwrap();
    assert_eq!(first.order.terms.total.amount, 1_592);

    let offer = other.open.shop.promotion.offer(STORE, sluice_kernel::ProductId(1_001)).await.unwrap();
    let half = OfferChange { discount: sluice_promotion::Discount::from_ten_thousandths(5_000), ..OfferChange::default() };
    other.open.shop.promotion.change_offer(STORE, offer.product_id, offer.version.into(), half).await.unwrap();
    assert_eq!(take(&shop, "second").await.unwrap().order.terms.total.amount, 995, "the discount of this very moment");

    let ended = ActivityChange { ends_at: Some(shop.clock.now().minus(MILLISECOND)), ..ActivityChange::default() };
    change(&other, STORE, ended).await;
    expect_not_running(&take(&shop, "third").await, "after the other process ended it");
    let stock = shop.open.shop.inventory.stock(STORE, sluice_kernel::SkuId(1_001)).await.unwrap();
    assert_eq!((stock.gate.usable, stock.gate.locked), (99_998, 2));
}
