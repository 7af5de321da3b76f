//! Subscriptions: kept per store, changed by version, bounded.

#![allow(clippy::unwrap_used, clippy::panic, clippy::missing_panics_doc, reason = "a suite fails by panicking")]

use std::sync::Arc;

use sluice_kernel::{Changed, PageRequest, StoreId};
use tokio::task::JoinSet;

use super::{at, subscription};
use crate::{EventType, InsertAnswer, Secret, Subscription, SubscriptionId, SubscriptionRepository};

/// Runs every case of [`SubscriptionRepository`] in stores 901 to 904, and in store 1, which must exist.
pub async fn subscription_contract(subscriptions: Arc<dyn SubscriptionRepository>) {
    it_is_kept_as_given(&*subscriptions).await;
    a_change_takes_the_version_it_was_made_from(&*subscriptions).await;
    it_is_removed_within_its_store(&*subscriptions).await;
    a_store_has_so_many(subscriptions).await;
}

async fn inserted(subscriptions: &dyn SubscriptionRepository, given: &Subscription) -> Subscription {
    let answer = subscriptions.insert(given, 50).await.unwrap();
    let InsertAnswer::Inserted(inserted) = answer else { panic!("{answer:?}") };
    *inserted
}

async fn it_is_kept_as_given(subscriptions: &dyn SubscriptionRepository) {
    let mut given = subscription(901, "https://partner.example/hook?é=1");
    given.event_types = vec![EventType::OrderPaid, EventType::Referral];
    given.previous_secret = Some((Secret::stored("whsec_AAAA"), at(9)));
    let first = inserted(subscriptions, &given).await;
    assert!(first.id.0 > 0);
    let expected = Subscription { id: first.id, ..given };
    assert_eq!((&first, subscriptions.find(StoreId(901), first.id).await.unwrap().as_ref()), (&expected, Some(&expected)));
    assert_eq!(subscriptions.find(StoreId(902), first.id).await.unwrap(), None);

    let second = inserted(subscriptions, &subscription(901, "https://partner.example/b")).await;
    let inactive = inserted(subscriptions, &Subscription { active: false, ..subscription(901, "https://partner.example/c") }).await;
    let ids = |page: Vec<Subscription>| page.into_iter().map(|found| found.id).collect::<Vec<_>>();
    let page = PageRequest { limit: 1, after: None };
    assert_eq!(ids(subscriptions.list(StoreId(901), page).await.unwrap()), [inactive.id, second.id]);
    let page = PageRequest { limit: 10, after: Some(second.id.0) };
    assert_eq!(ids(subscriptions.list(StoreId(901), page).await.unwrap()), [first.id]);
    let mut active = ids(subscriptions.active_of(&[StoreId(901), StoreId(999)]).await.unwrap());
    active.sort();
    assert_eq!(active, [first.id, second.id]);
    assert_eq!(subscriptions.active_of(&[]).await.unwrap(), []);
}

async fn a_change_takes_the_version_it_was_made_from(subscriptions: &dyn SubscriptionRepository) {
    let first = inserted(subscriptions, &subscription(902, "https://partner.example/a")).await;
    let mut changed = first.clone();
    "https://partner.example/z".clone_into(&mut changed.url);
    changed.event_types = vec![EventType::OrderRefunded];
    changed.active = false;
    changed.previous_secret = Some((changed.secret, at(50)));
    changed.secret = Secret::stored("whsec_BBBB");
    assert_eq!(subscriptions.change(&changed).await.unwrap(), Changed::Done(()));
    assert_eq!(subscriptions.change(&changed).await.unwrap(), Changed::Stale);
    let kept = subscriptions.find(StoreId(902), first.id).await.unwrap();
    assert_eq!(kept, Some(Subscription { version: 2, ..changed.clone() }));
    let foreign = Subscription { store: StoreId(901), version: 2, ..changed };
    assert_eq!(subscriptions.change(&foreign).await.unwrap(), Changed::Absent);
}

async fn it_is_removed_within_its_store(subscriptions: &dyn SubscriptionRepository) {
    let first = inserted(subscriptions, &subscription(903, "https://partner.example/a")).await;
    assert!(!subscriptions.remove(StoreId(902), first.id).await.unwrap());
    assert!(subscriptions.remove(StoreId(903), first.id).await.unwrap());
    assert!(!subscriptions.remove(StoreId(903), first.id).await.unwrap());
    assert_eq!(subscriptions.find(StoreId(903), first.id).await.unwrap(), None);
    assert_eq!(subscriptions.active_of(&[StoreId(903)]).await.unwrap(), []);
    assert_eq!(subscriptions.list(StoreId(903), PageRequest::first(10)).await.unwrap(), []);
    assert_eq!(subscriptions.change(&first).await.unwrap(), Changed::Absent);
    assert!(!subscriptions.remove(StoreId(903), SubscriptionId(-1)).await.unwrap());
}

async fn a_store_has_so_many(subscriptions: Arc<dyn SubscriptionRepository>) {
    let gone = inserted(&*subscriptions, &subscription(904, "https://partner.example/gone")).await;
    assert!(subscriptions.remove(StoreId(904), gone.id).await.unwrap());
    for number in 0..3 {
        let answer = subscriptions.insert(&subscription(904, &format!("https://partner.example/{number}")), 3).await.unwrap();
        assert!(matches!(answer, InsertAnswer::Inserted(_)), "{answer:?}");
    }
    let full = subscriptions.insert(&subscription(904, "https://partner.example/more"), 3).await.unwrap();
    assert_eq!(full, InsertAnswer::Full);

    let mut race = JoinSet::new();
    for number in 0..12 {
        let subscriptions = Arc::clone(&subscriptions);
        race.spawn(async move {
            let given = subscription(1, &format!("https://partner.example/{number}"));
            matches!(subscriptions.insert(&given, 3).await.unwrap(), InsertAnswer::Inserted(_))
        });
    }
    assert_eq!(race.join_all().await.into_iter().filter(|inserted| *inserted).count(), 3);
}
