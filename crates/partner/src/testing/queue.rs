//! Deliveries: once by subscription and event, sent under a lease of their target, kept with what became of them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a suite fails by panicking"
)]

use std::sync::Arc;

use sluice_kernel::{OrderNo, PageRequest, StoreId};
use tokio::task::JoinSet;

use super::{at, subscription};
use crate::{
    Attempt, Delivery, DeliveryId, DeliveryQuery, DeliveryQueue, DeliveryState, EventType, InsertAnswer, LeasedTarget, NewDelivery,
    Outcome, Recorded, Subscription, SubscriptionId, SubscriptionRepository, TargetHealth,
};

/// Runs every case of [`DeliveryQueue`] in stores 911 to 916.
pub async fn queue_contract(subscriptions: &dyn SubscriptionRepository, queue: Arc<dyn DeliveryQueue>) {
    an_event_is_kept_once(subscriptions, Arc::clone(&queue)).await;
    a_target_is_leased_by_one(subscriptions, Arc::clone(&queue)).await;
    outcomes_are_kept(subscriptions, &*queue).await;
    a_lost_lease_notes_only_what_was_accepted(subscriptions, &*queue).await;
    old_ones_are_given_up(subscriptions, &*queue).await;
    a_paused_target_waits(subscriptions, &*queue).await;
}

async fn subscribed(subscriptions: &dyn SubscriptionRepository, store: i64) -> Subscription {
    let answer = subscriptions.insert(&subscription(store, "https://partner.example/hook"), 50).await.unwrap();
    let InsertAnswer::Inserted(inserted) = answer else { panic!("{answer:?}") };
    *inserted
}

fn new(subscription: &Subscription, number: i64) -> NewDelivery {
    NewDelivery {
        id: DeliveryId(format!("msg_{}_{number}", subscription.id.0)),
        subscription: subscription.id,
        store: subscription.store,
        event_id: format!("{number}-1/paid"),
        event_type: EventType::OrderPaid,
        order_no: (number > 0).then(|| OrderNo::from_id(number)),
        body: format!("{{\"number\":{number}}}"),
    }
}

async fn list(queue: &dyn DeliveryQueue, subscription: &Subscription, state: Option<DeliveryState>) -> Vec<Delivery> {
    let page = PageRequest::first(100);
    let query = DeliveryQuery { store: subscription.store, subscription: subscription.id, state, page };
    queue.list(query).await.unwrap()
}

/// The lease of this subscription's target; others that were due are given back.
async fn lease(queue: &dyn DeliveryQueue, name: &str, now: i64, of: SubscriptionId) -> Option<LeasedTarget> {
    let mut mine = None;
    for target in queue.lease(name, at(now), at(now + 60), 100).await.unwrap() {
        if target.subscription == of {
            mine = Some(target);
        } else {
            queue.release(&target).await.unwrap();
        }
    }
    mine
}

fn tried(delivery: &Delivery, number: u32, status: u16, outcome: Outcome) -> Recorded {
    let error = (status != 200).then(|| format!("answered {status}"));
    let attempt = Attempt { number, at: at(i64::from(number)), took_ms: 7, status: Some(status), error };
    Recorded { delivery: delivery.id.clone(), seq: delivery.seq, attempt, outcome }
}

async fn an_event_is_kept_once(subscriptions: &dyn SubscriptionRepository, queue: Arc<dyn DeliveryQueue>) {
    let mine = subscribed(subscriptions, 911).await;
    let other = subscribed(subscriptions, 911).await;
    let batch: Vec<NewDelivery> = (1..=100).flat_map(|number| [new(&mine, number), new(&other, number)]).collect();
    let mut race = JoinSet::new();
    for racer in 0..8 {
        let queue = Arc::clone(&queue);
        // Every racer under ids and in an order of its own.
        let mut batch: Vec<NewDelivery> =
            batch.iter().map(|new| NewDelivery { id: DeliveryId(format!("{}_{racer}", new.id)), ..new.clone() }).collect();
        batch.rotate_left(racer * 20);
        race.spawn(async move { queue.enqueue(&batch, at(1)).await.unwrap() });
    }
    assert_eq!(race.join_all().await.into_iter().sum::<usize>(), 200);
    assert_eq!(queue.enqueue(&batch, at(2)).await.unwrap(), 0);
    assert_eq!(queue.enqueue(&[], at(2)).await.unwrap(), 0);

    let kept = list(&*queue, &mine, None).await;
    assert_eq!(kept.len(), 100);
    assert!(kept.windows(2).all(|pair| pair[0].seq > pair[1].seq), "newest first");
    let one = kept.iter().find(|delivery| delivery.event_id == "7-1/paid").unwrap();
    assert_eq!(
        (one.state, one.tries, one.order_no, one.body.as_str()),
        (DeliveryState::Pending, 0, Some(OrderNo::from_id(7)), "{\"number\":7}")
    );
    assert_eq!((one.created_at, one.since, one.next_try_at, one.first_try_at), (at(1), at(1), at(1), None));
    assert_eq!(queue.find(StoreId(911), &one.id).await.unwrap().as_ref(), Some(one));
    assert_eq!(queue.find(StoreId(912), &one.id).await.unwrap(), None);
    let page = PageRequest { limit: 2, after: Some(kept[0].seq) };
    let next = queue.list(DeliveryQuery { store: mine.store, subscription: mine.id, state: None, page }).await.unwrap();
    assert_eq!(next, kept[1..=3]);
    assert_eq!(queue.stats().await.unwrap().pending, 200);
    assert_eq!(queue.stats().await.unwrap().oldest, Some(at(1)));
    for gone in [&mine, &other] {
        assert!(subscriptions.remove(gone.store, gone.id).await.unwrap());
    }
    assert_eq!(list(&*queue, &mine, None).await, []);
    assert_eq!(queue.find(StoreId(911), &one.id).await.unwrap(), None);
    assert!(!queue.replay(StoreId(911), &one.id, at(3)).await.unwrap());
    assert_eq!(queue.stats().await.unwrap().pending, 0);
}

async fn a_target_is_leased_by_one(subscriptions: &dyn SubscriptionRepository, queue: Arc<dyn DeliveryQueue>) {
    let mine = subscribed(subscriptions, 912).await;
    assert_eq!(lease(&*queue, "early", 9, mine.id).await, None, "nothing is due");
    queue.enqueue(&(1..=3).map(|number| new(&mine, number)).collect::<Vec<_>>(), at(10)).await.unwrap();
    assert_eq!(lease(&*queue, "early", 9, mine.id).await, None, "not due yet");
    let mut race = JoinSet::new();
    for racer in 0..16 {
        let (queue, of) = (Arc::clone(&queue), mine.id);
        race.spawn(async move { lease(&*queue, &format!("racer-{racer}"), 10, of).await });
    }
    let leased: Vec<LeasedTarget> = race.join_all().await.into_iter().flatten().collect();
    assert_eq!(leased.len(), 1);
    assert_eq!((leased[0].url.as_str(), &leased[0].secret, leased[0].failures), (mine.url.as_str(), &mine.secret, 0));
    assert_eq!(lease(&*queue, "soon", 69, mine.id).await, None);
    assert_eq!(queue.due(mine.id, at(10), 2).await.unwrap().len(), 2);

    // Who had it crashed: after its end another one takes it, and the first cannot give it back any more.
    let second = lease(&*queue, "second", 70, mine.id).await.unwrap();
    queue.release(&leased[0]).await.unwrap();
    assert_eq!(lease(&*queue, "third", 71, mine.id).await, None);
    queue.release(&second).await.unwrap();
    assert!(lease(&*queue, "fourth", 71, mine.id).await.is_some());
    assert!(subscriptions.remove(mine.store, mine.id).await.unwrap());
}

async fn outcomes_are_kept(subscriptions: &dyn SubscriptionRepository, queue: &dyn DeliveryQueue) {
    let mine = subscribed(subscriptions, 913).await;
    queue.enqueue(&(1..=4).map(|number| new(&mine, number)).collect::<Vec<_>>(), at(0)).await.unwrap();
    let target = lease(queue, "a", 1, mine.id).await.unwrap();
    let due = queue.due(mine.id, at(1), 10).await.unwrap();
    let well = TargetHealth { last_success_at: Some(at(2)), ..TargetHealth::default() };
    let tries = [
        tried(&due[0], 1, 200, Outcome::Delivered),
        tried(&due[1], 1, 400, Outcome::Again { at: at(30), blamed: 3 }),
        tried(&due[2], 1, 410, Outcome::Exhausted),
    ];
    assert!(queue.record(&target, &tries, &well, at(61)).await.unwrap());
    let states = list(queue, &mine, None).await;
    let of = |id: &DeliveryId| states.iter().find(|delivery| delivery.id == *id).unwrap();
    assert_eq!(
        (of(&due[0].id).state, of(&due[0].id).last_status, of(&due[0].id).last_error.clone()),
        (DeliveryState::Delivered, Some(200), None)
    );
    let again = of(&due[1].id);
    assert_eq!((again.state, again.tries, again.blamed, again.next_try_at), (DeliveryState::Pending, 1, 3, at(30)));
    assert_eq!(
        (again.first_try_at, again.last_try_at, again.last_error.as_deref()),
        (Some(at(1)), Some(at(1)), Some("answered 400"))
    );
    assert_eq!(of(&due[2].id).state, DeliveryState::Exhausted);
    assert_eq!(list(queue, &mine, Some(DeliveryState::Pending)).await.len(), 2);
    assert_eq!(queue.due(mine.id, at(29), 10).await.unwrap().len(), 1);
    assert_eq!(queue.due(mine.id, at(30), 10).await.unwrap().len(), 2);
    let health = subscriptions.find(mine.store, mine.id).await.unwrap().unwrap().health;
    assert_eq!(health, well);

    // The newest tries are kept, in a bounded log.
    for number in 2..=Attempt::KEPT + 5 {
        let again = [tried(&due[1], number, 400, Outcome::Again { at: at(30), blamed: 0 })];
        assert!(queue.record(&target, &again, &well, at(61)).await.unwrap());
    }
    let attempts = queue.attempts(&due[1]).await.unwrap();
    let numbers: Vec<u32> = attempts.iter().map(|attempt| attempt.number).collect();
    assert_eq!(numbers, (6..=Attempt::KEPT + 5).rev().collect::<Vec<_>>());
    assert_eq!((attempts[0].took_ms, attempts[0].status), (7, Some(400)));

    // Replayed under the same id: from whatever it was.
    for delivery in &due[..3] {
        assert!(queue.replay(mine.store, &delivery.id, at(40)).await.unwrap());
        let replayed = queue.find(mine.store, &delivery.id).await.unwrap().unwrap();
        assert_eq!((replayed.state, replayed.next_try_at, replayed.blamed), (DeliveryState::Pending, at(40), 0));
    }
    assert_eq!(queue.find(mine.store, &due[0].id).await.unwrap().unwrap().since, at(40));
    assert!(!queue.replay(StoreId(912), &due[0].id, at(40)).await.unwrap());
    assert!(subscriptions.remove(mine.store, mine.id).await.unwrap());
}

async fn a_lost_lease_notes_only_what_was_accepted(subscriptions: &dyn SubscriptionRepository, queue: &dyn DeliveryQueue) {
    let mine = subscribed(subscriptions, 914).await;
    queue.enqueue(&[new(&mine, 1), new(&mine, 2)], at(0)).await.unwrap();
    let lost = lease(queue, "lost", 1, mine.id).await.unwrap();
    let holder = lease(queue, "holder", 62, mine.id).await.unwrap();
    let due = queue.due(mine.id, at(62), 10).await.unwrap();
    let away = TargetHealth { failures: 9, paused_until: Some(at(900)), last_failure_at: Some(at(62)), ..TargetHealth::default() };
    let tries = [tried(&due[0], 1, 200, Outcome::Delivered), tried(&due[1], 1, 500, Outcome::Again { at: at(900), blamed: 1 })];
    assert!(!queue.record(&lost, &tries, &away, at(122)).await.unwrap());
    assert_eq!(queue.find(mine.store, &due[0].id).await.unwrap().unwrap().state, DeliveryState::Delivered);
    assert_eq!(queue.find(mine.store, &due[1].id).await.unwrap().unwrap(), due[1]);
    assert_eq!(subscriptions.find(mine.store, mine.id).await.unwrap().unwrap().health, TargetHealth::default());
    // What was delivered stays so, whoever says what later.
    let late = [tried(&due[0], 2, 500, Outcome::Again { at: at(70), blamed: 1 })];
    assert!(queue.record(&holder, &late, &TargetHealth::default(), at(122)).await.unwrap());
    assert_eq!(queue.find(mine.store, &due[0].id).await.unwrap().unwrap().state, DeliveryState::Delivered);
    assert!(subscriptions.remove(mine.store, mine.id).await.unwrap());
}

async fn old_ones_are_given_up(subscriptions: &dyn SubscriptionRepository, queue: &dyn DeliveryQueue) {
    // What the cases before have left, of subscriptions that are gone.
    while queue.give_up(at(10_000), 500).await.unwrap() > 0 {}
    let well = subscribed(subscriptions, 915).await;
    let away = subscribed(subscriptions, 915).await;
    let silent = subscribed(subscriptions, 915).await;
    for target in [&well, &away, &silent] {
        queue.enqueue(&[new(target, 1), new(target, 2)], at(0)).await.unwrap();
    }
    queue.enqueue(&[new(&away, 3)], at(50)).await.unwrap();
    let down = TargetHealth { failures: 1, paused_until: Some(at(20)), ..TargetHealth::default() };
    for (target, health) in [(&well, TargetHealth::default()), (&away, down)] {
        let leased = lease(queue, &format!("of-{}", target.id.0), 1, target.id).await.unwrap();
        let due = queue.due(target.id, at(1), 1).await.unwrap();
        let again = [tried(&due[0], 1, 500, Outcome::Again { at: at(20), blamed: 0 })];
        assert!(queue.record(&leased, &again, &health, at(61)).await.unwrap());
        queue.release(&leased).await.unwrap();
    }
    let inactive = Subscription { active: false, ..silent.clone() };
    subscriptions.change(&inactive).await.unwrap();
    assert_eq!(queue.give_up(at(0), 100).await.unwrap(), 0);
    let given_up = queue.give_up(at(10), 100).await.unwrap();
    let left = async |of: &Subscription| list(queue, of, Some(DeliveryState::Pending)).await.len();
    // Of a target that is well, what was never tried waits its turn: the senders were away, not the target.
    assert_eq!((given_up, left(&well).await, left(&away).await, left(&silent).await), (5, 1, 1, 0));
    assert_eq!(queue.give_up(at(10), 100).await.unwrap(), 0);
    for target in [&well, &away, &silent] {
        assert!(subscriptions.remove(target.store, target.id).await.unwrap());
    }
}

async fn a_paused_target_waits(subscriptions: &dyn SubscriptionRepository, queue: &dyn DeliveryQueue) {
    let mine = subscribed(subscriptions, 916).await;
    queue.enqueue(&[new(&mine, 1)], at(0)).await.unwrap();
    let leased = lease(queue, "p1", 1, mine.id).await.unwrap();
    let due = queue.due(mine.id, at(1), 1).await.unwrap();
    let away = TargetHealth {
        failures: 2,
        paused_until: Some(at(20)),
        last_failure_at: Some(at(1)),
        last_error: Some("no answer".to_owned()),
        last_success_at: None,
    };
    let again = [tried(&due[0], 1, 503, Outcome::Again { at: at(5), blamed: 1 })];
    assert!(queue.record(&leased, &again, &away, at(61)).await.unwrap());
    queue.release(&leased).await.unwrap();
    assert_eq!(lease(queue, "p2", 19, mine.id).await, None);
    assert_eq!(subscriptions.find(mine.store, mine.id).await.unwrap().unwrap().health, away);
    let probe = lease(queue, "p3", 20, mine.id).await.unwrap();
    assert_eq!(probe.failures, 2);
    // Inactive ones are not served at all.
    queue.release(&probe).await.unwrap();
    subscriptions.change(&Subscription { active: false, ..mine.clone() }).await.unwrap();
    assert_eq!(lease(queue, "p4", 30, mine.id).await, None);
    subscriptions.change(&Subscription { version: 2, ..mine.clone() }).await.unwrap();
    assert!(lease(queue, "p5", 3, mine.id).await.is_none(), "the message itself is not due");
    let changed = lease(queue, "p6", 5, mine.id).await.expect("a changed target is tried at once");
    assert_eq!(changed.failures, 0);

    // A change takes the lease from who has it, who may still be sending: the next one comes when that one is done.
    subscriptions.change(&Subscription { version: 3, ..mine.clone() }).await.unwrap();
    assert!(!queue.record(&changed, &again, &away, at(65)).await.unwrap());
    assert_eq!(lease(queue, "p7", 6, mine.id).await, None);
    queue.release(&changed).await.unwrap();
    assert!(lease(queue, "p8", 6, mine.id).await.is_some());
}
