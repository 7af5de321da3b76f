//! Which try follows which answer: the health of targets, the patience with messages, one sender at a time.

use std::{
    collections::{BTreeSet, HashMap},
    sync::atomic::Ordering,
    time::Duration,
};

use sluice_kernel::Timestamp;
use sluice_partner::{
    DeliveryState, EventType, NewSubscription, PartnerError, PartnerService as _, SubscriptionChange, SubscriptionId,
};
use sluice_testkit::wait_until;

use crate::push_stage::{Does, STORE, Seen, Stage, cancelled};

const URL: &str = "https://partner.example/hooks";

/// Order of a message, from its body.
fn is_about(seen: &Seen, order: i64) -> bool {
    seen.body.contains(&format!("\"order_no\":\"{}\"", sluice_kernel::OrderNo::from_id(order)))
}

fn each_once(seen: &[Seen]) -> usize {
    let ids: BTreeSet<&str> = seen.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids.len(), seen.len(), "a message was accepted twice");
    ids.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_told_once_to_each_active_subscription_that_wants_it() {
    let stage = Stage::open().await;
    let mine = stage.subscribe(URL).await;
    let other = stage.subscribe("https://other.example/").await;
    for (kind, active) in [(EventType::OrderPaid, true), (EventType::OrderCancelled, false)] {
        let new = NewSubscription { url: "https://never.example/".to_owned(), event_types: vec![kind], active };
        stage.partners.create(STORE, new).await.unwrap();
    }
    assert_eq!(stage.tell([1, 2, 1]).await, 4);
    assert_eq!(stage.tell([2, 1]).await, 0);
    stage.turn().await;
    assert_eq!(each_once(&stage.sender.seen()), 4);
    assert_eq!(stage.deliveries(&mine, DeliveryState::Delivered).await.len(), 2);
    assert_eq!(stage.deliveries(&other, DeliveryState::Delivered).await.len(), 2);
    stage.turns(3).await;
    assert_eq!(stage.sender.seen().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_away_is_probed_by_one_message_and_gets_everything_when_it_returns() {
    let stage = Stage::open().await;
    let mine = stage.subscribe(URL).await;
    stage.sender.follow(|_| Does::Nothing);
    stage.tell(1..=100).await;
    stage.turn().await;
    assert_eq!(stage.sender.take().len(), 4, "as many as were under way at once");

    stage.turns(600).await;
    let probes = stage.sender.take();
    let pauses: Vec<u64> = probes.windows(2).map(|pair| pair[1].at.since(pair[0].at).as_secs()).collect();
    assert_eq!(pauses, [10, 20, 40, 80, 160], "one probe at a time, less and less often");
    assert_eq!(each_once(&probes), probes.len(), "each message probes once before one does again");
    assert_eq!(stage.deliveries(&mine, DeliveryState::Pending).await.len(), 100);
    let health = stage.partners.find(STORE, mine.id).await.unwrap().health;
    assert_eq!((health.failures, health.last_error.as_deref()), (7, Some("no connection")));
    assert_eq!(health.last_success_at, None);

    stage.sender.follow(|_| Does::Say(200));
    stage.turns(301).await;
    assert_eq!(each_once(&stage.sender.take()), 100);
    assert_eq!(stage.deliveries(&mine, DeliveryState::Delivered).await.len(), 100);
    let health = stage.partners.find(STORE, mine.id).await.unwrap().health;
    assert_eq!((health.failures, health.paused_until), (0, None));
    assert!(health.last_success_at.is_some() && health.last_failure_at.is_some());
    assert!(stage.sender.most.load(Ordering::SeqCst) <= 4, "more at once than one target is meant to bear");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_message_waits_alone_and_its_receiver_counts_as_well() {
    let stage = Stage::open().await;
    let mine = stage.subscribe(URL).await;
    stage.sender.follow(|seen| Does::Say(if is_about(seen, 3) { 422 } else { 204 }));
    stage.tell(1..=10).await;
    stage.turn().await;
    assert_eq!(stage.deliveries(&mine, DeliveryState::Delivered).await.len(), 9);
    assert_eq!(stage.partners.find(STORE, mine.id).await.unwrap().health.failures, 0);
    stage.sender.take();
    stage.turns(40).await;
    let times: Vec<Timestamp> = stage.sender.take().iter().map(|seen| seen.at).collect();
    let pauses: Vec<u64> = times.windows(2).map(|pair| pair[1].since(pair[0]).as_secs()).collect();
    assert_eq!(pauses, [10, 20], "after 5 s, then doubled");
    let waiting = stage.deliveries(&mine, DeliveryState::Pending).await.remove(0);
    assert_eq!((waiting.tries, waiting.last_status, waiting.last_error.as_deref()), (4, Some(422), Some("answered 422")));
    let (_, attempts) = stage.partners.delivery(STORE, &waiting.id).await.unwrap();
    assert_eq!(attempts.iter().map(|attempt| attempt.number).collect::<Vec<_>>(), [4, 3, 2, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_breaks_its_receiver_does_not_keep_the_others() {
    let stage = Stage::open().await;
    let mine = stage.subscribe(URL).await;
    stage.sender.follow(|seen| Does::Say(if is_about(seen, 1) { 500 } else { 204 }));
    stage.tell(1..=200).await;
    stage.turn().await;
    stage.turns(6).await;
    assert_eq!(stage.deliveries(&mine, DeliveryState::Delivered).await.len(), 199);
    // With news every second for five minutes it is tried seldom, and holds the others up for seconds alone.
    stage.sender.take();
    for order in 201..=500 {
        stage.tell([order]).await;
        stage.turns(1).await;
    }
    let tries = stage.sender.take().iter().filter(|seen| is_about(seen, 1)).count();
    assert!((2..=8).contains(&tries), "{tries}");
    stage.turns(6).await;
    assert_eq!(stage.deliveries(&mine, DeliveryState::Pending).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_accepted_within_the_period_is_exhausted_and_may_be_replayed_under_its_id() {
    let stage = Stage::open().await;
    let mine = stage.subscribe(URL).await;
    stage.sender.follow(|seen| if is_about(seen, 1) { Does::Say(404) } else { Does::Say(204) });
    stage.tell([1]).await;
    stage.turn().await;
    stage.clock.advance(Duration::from_hours(71));
    stage.turn().await;
    assert_eq!(stage.deliveries(&mine, DeliveryState::Pending).await.len(), 1);
    stage.clock.advance(Duration::from_hours(1));
    stage.turn().await;
    let exhausted = stage.deliveries(&mine, DeliveryState::Exhausted).await.remove(0);
    let tries = stage.sender.take().len();
    stage.turns(3).await;
    assert_eq!(stage.sender.seen(), [], "what was given up is not tried any more");

    let replayed = stage.partners.replay(STORE, &exhausted.id).await.unwrap();
    assert_eq!((replayed.state, replayed.id.clone()), (DeliveryState::Pending, exhausted.id.clone()));
    stage.turn().await;
    assert_eq!(stage.deliveries(&mine, DeliveryState::Pending).await.len(), 1, "a new period has begun");
    stage.sender.follow(|_| Does::Say(200));
    stage.partners.replay(STORE, &exhausted.id).await.unwrap();
    stage.turn().await;
    let delivered = stage.deliveries(&mine, DeliveryState::Delivered).await.remove(0);
    assert_eq!(usize::try_from(delivered.tries).unwrap(), tries + 2);
    // Delivered ones are sent again as well, the same message.
    stage.partners.replay(STORE, &exhausted.id).await.unwrap();
    stage.turn().await;
    let seen = stage.sender.take();
    assert!(seen.iter().all(|one| one.id == exhausted.id.as_str() && one.body == exhausted.body), "{seen:?}");
    assert_eq!(seen.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_away_for_the_whole_period_exhausts_what_waited_and_not_what_came_late() {
    let stage = Stage::open().await;
    let mine = stage.subscribe(URL).await;
    stage.sender.follow(|_| Does::Say(503));
    stage.tell(1..=20).await;
    stage.turn().await;
    stage.clock.advance(Duration::from_hours(70));
    stage.turn().await;
    stage.tell(21..=25).await;
    stage.clock.advance(Duration::from_hours(3));
    stage.turn().await;
    assert_eq!(stage.deliveries(&mine, DeliveryState::Exhausted).await.len(), 20);
    stage.sender.follow(|_| Does::Say(200));
    stage.turns(301).await;
    assert_eq!(stage.deliveries(&mine, DeliveryState::Delivered).await.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_hangs_holds_up_no_other() {
    let stage = Stage::open().await;
    let slow = stage.subscribe("https://slow.example/").await;
    let quick = stage.subscribe(URL).await;
    stage.sender.follow(|seen| if seen.url.contains("slow") { Does::Hang } else { Does::Say(204) });
    stage.tell(1..=50).await;
    stage.partners.run_due(64).await.unwrap();
    wait_until("the quick one has everything", Duration::from_secs(10), async || {
        stage.deliveries(&quick, DeliveryState::Delivered).await.len() == 50
    })
    .await;
    stage.tell(51..=60).await;
    stage.partners.run_due(64).await.unwrap();
    wait_until("and what came later", Duration::from_secs(10), async || {
        stage.deliveries(&quick, DeliveryState::Delivered).await.len() == 60
    })
    .await;
    assert_eq!(stage.deliveries(&slow, DeliveryState::Pending).await.len(), 60);
    let of_slow = stage.sender.seen().iter().filter(|seen| seen.url.contains("slow")).count();
    assert_eq!(of_slow, 4, "no more at once than a target is meant to bear");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crashed_process_had_in_hand_is_sent_again_under_the_same_ids() {
    let stage = Stage::open().await;
    let mine = stage.subscribe(URL).await;
    stage.sender.follow(|_| Does::Hang);
    stage.tell(1..=3).await;
    stage.partners.run_due(64).await.unwrap();
    wait_until("three are in hand", Duration::from_secs(10), async || stage.sender.seen().len() == 3).await;
    let in_hand: BTreeSet<String> = stage.sender.take().into_iter().map(|seen| seen.id).collect();

    let (survivor, sender) = stage.another_process();
    for _ in 0..59 {
        stage.clock.advance(Duration::from_secs(1));
        assert_eq!(survivor.run_due(64).await.unwrap(), 0, "the other one may still be at it");
    }
    stage.clock.advance(Duration::from_secs(2));
    assert_eq!(survivor.run_due(64).await.unwrap(), 1);
    survivor.quiet().await;
    let again: BTreeSet<String> = sender.take().into_iter().map(|seen| seen.id).collect();
    assert_eq!(again, in_hand);
    assert_eq!(stage.deliveries(&mine, DeliveryState::Delivered).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_processes_never_send_one_message_both() {
    let stage = Stage::open().await;
    for number in 0..8 {
        stage.subscribe(&format!("https://partner-{number}.example/")).await;
    }
    let (second, second_sender) = stage.another_process();
    for round in 0..5 {
        stage.tell(round * 40..(round + 1) * 40).await;
        let turns = async |partners: &sluice_partner::Partners| {
            for _ in 0..3 {
                partners.run_due(64).await.unwrap();
                partners.quiet().await;
            }
        };
        tokio::join!(turns(&stage.partners), turns(&second));
    }
    let mut seen = stage.sender.take();
    assert!(!seen.is_empty());
    seen.extend(second_sender.take());
    assert_eq!(each_once(&seen), 5 * 40 * 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_by_staff_is_tried_at_once_and_a_rotated_secret_signs_beside_the_new_one_for_a_day() {
    let stage = Stage::open().await;
    let mine = stage.subscribe(URL).await;
    stage.sender.follow(|seen| if seen.url == URL { Does::Nothing } else { Does::Say(204) });
    stage.tell([1]).await;
    stage.turn().await;
    stage.turns(60).await;
    stage.sender.take();
    let moved =
        SubscriptionChange { url: Some("https://new.example/".to_owned()), rotate_secret: true, ..SubscriptionChange::default() };
    let changed = stage.partners.change(STORE, mine.id, 1.into(), moved.clone()).await.unwrap();
    assert_ne!(changed.secret, mine.secret);
    assert!(matches!(stage.partners.change(STORE, mine.id, 1.into(), moved).await, Err(PartnerError::Stale)));
    stage.tell([2]).await;
    stage.turn().await;
    let seen = stage.sender.take();
    assert_eq!(seen.iter().map(|one| (one.url.as_str(), one.secrets)).collect::<Vec<_>>(), [("https://new.example/", 2)]);
    stage.clock.advance(Duration::from_hours(24));
    stage.tell([3]).await;
    stage.turn().await;
    assert_eq!(stage.sender.take().iter().map(|one| one.secrets).collect::<Vec<_>>(), [1, 1], "order 1 came, too");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_inactive_subscription_had_waits_and_what_it_missed_is_not_told() {
    let stage = Stage::open().await;
    let mine = stage.subscribe(URL).await;
    stage.tell([1]).await;
    let active = |active| SubscriptionChange { active: Some(active), ..SubscriptionChange::default() };
    stage.partners.change(STORE, mine.id, 1.into(), active(false)).await.unwrap();
    stage.tell([2]).await;
    stage.turns(5).await;
    assert_eq!(stage.sender.seen(), []);
    stage.partners.change(STORE, mine.id, 2.into(), active(true)).await.unwrap();
    stage.turn().await;
    let seen = stage.sender.take();
    assert!(seen.len() == 1 && is_about(&seen[0], 1), "{seen:?}");
    stage.tell([3]).await;
    stage.partners.remove(STORE, mine.id).await.unwrap();
    stage.turns(5).await;
    assert_eq!(stage.sender.seen(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_staff_write_is_checked() {
    let stage = Stage::open().await;
    let mine = stage.subscribe(URL).await;
    let create = async |url: &str, types: &[EventType]| {
        let new = NewSubscription { url: url.to_owned(), event_types: types.to_vec(), active: true };
        match stage.partners.create(STORE, new).await {
            Err(PartnerError::InvalidField(invalid)) => invalid.pointer,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(create("ftp://partner.example/", &[EventType::OrderPaid]).await, "/url");
    assert_eq!(create(&format!("https://partner.example/{}", "x".repeat(1_000)), &[EventType::OrderPaid]).await, "/url");
    assert_eq!(create(URL, &[]).await, "/event_types");
    // Before the subscription is read: whatever its version, and whether there is one.
    let change = async |id, change: SubscriptionChange| match stage.partners.change(STORE, id, 7.into(), change).await {
        Err(PartnerError::InvalidField(invalid)) => invalid.pointer,
        other => panic!("{other:?}"),
    };
    for id in [mine.id, SubscriptionId(404_404)] {
        let url = SubscriptionChange { url: Some("ftp://x".to_owned()), ..SubscriptionChange::default() };
        assert_eq!(change(id, url).await, "/url");
        let types = SubscriptionChange { event_types: Some(Vec::new()), ..SubscriptionChange::default() };
        assert_eq!(change(id, types).await, "/event_types");
    }
    for number in 1..50 {
        stage.subscribe(&format!("https://partner-{number}.example/")).await;
    }
    assert_eq!(create(URL, &[EventType::OrderPaid]).await, "/url", "a store has at most 50");
    let twice = SubscriptionChange {
        event_types: Some(vec![EventType::Referral, EventType::OrderPaid, EventType::Referral]),
        ..SubscriptionChange::default()
    };
    let changed = stage.partners.change(STORE, mine.id, 1.into(), twice).await.unwrap();
    assert_eq!(changed.event_types, [EventType::OrderPaid, EventType::Referral]);
}

/// The whole process sends no more at once than it may, however many targets there are.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_has_so_many_requests_under_way() {
    let stage = Stage::open().await;
    let mut expected = HashMap::new();
    for number in 0..40 {
        let subscription = stage.subscribe(&format!("https://partner-{number}.example/")).await;
        expected.insert(subscription.url, 10_usize);
    }
    let changes: Vec<_> = (0..10).map(cancelled).collect();
    stage.partners.enqueue(&changes).await.unwrap();
    stage.turn().await;
    let mut counted: HashMap<String, usize> = HashMap::new();
    for seen in stage.sender.take() {
        *counted.entry(seen.url).or_default() += 1;
    }
    assert_eq!(counted, expected);
    let most = stage.sender.most.load(Ordering::SeqCst);
    assert!(most <= 64, "{most}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ping_reaches_its_target_alone_and_nobody_subscribes_to_it() {
    let stage = Stage::open().await;
    let mine = stage.subscribe(URL).await;
    stage.subscribe("https://other.example/").await;
    let ping = stage.partners.ping(STORE, mine.id).await.unwrap();
    stage.turn().await;
    let seen = stage.sender.seen();
    assert_eq!((seen.len(), seen[0].url.as_str(), seen[0].id.as_str(), seen[0].secrets), (1, URL, ping.id.as_str(), 1));
    assert!(seen[0].body.starts_with(r#"{"type":"ping","#), "{}", seen[0].body);
    assert_eq!(stage.deliveries(&mine, DeliveryState::Delivered).await.len(), 1);
    let other_store = stage.partners.ping(sluice_kernel::StoreId(2), mine.id).await;
    assert!(matches!(other_store, Err(PartnerError::NotFound)));
    let new = NewSubscription { url: URL.to_owned(), event_types: vec![EventType::OrderPaid, EventType::Ping], active: true };
    let refused = stage.partners.create(STORE, new).await;
    assert!(matches!(refused, Err(PartnerError::InvalidField(invalid)) if invalid.pointer == "/event_types/1"));
}
