//! Dead letters and parked events: whatever comes fits, and what is tried again ends where staff see it.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use proptest::{collection::vec, prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
use sluice_events::{
    BatchHandler, DeadLetter, DeadLetterId, DeadLetterStore as _, Dispatcher, Envelope, HandlerError, Lane, Leaving, LetterQuery,
    LetterState, OutboxStore as _, ParkedStore as _, Parking, ParkingPlace, RetryPolicy, SteppedAside, Topic,
};
use sluice_kernel::{ErrorKind, StoreId, SystemClock, Timestamp};
use sluice_storage_sql::{SqlDeadLetterStore, SqlOutboxStore, SqlParkedStore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::databases::{TestDatabase, on_every_database};

on_every_database!(
    any_letter_can_be_kept_and_comes_back_whole,
    no_event_stalls_its_consumer,
    dead_letters_are_kept_once,
    letters_are_found_by_store_topic_and_state,
    a_replay_that_fails_again_shows_it,
    a_replay_that_is_handled_ends,
    lanes_keep_their_order_and_are_tried_by_one,
    whoever_lost_a_lane_changes_nothing_of_it,
    messages_that_step_aside_leave_the_outbox,
);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000 + seconds * 1_000)
}

fn envelope(event: &str, topic: Topic, store: i64) -> Envelope {
    Envelope {
        topic,
        key: "7".to_owned(),
        id: event.to_owned(),
        kind: "sluice.order.created.v1".into(),
        time: at(0),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
        data: format!("{{\"不\":1,\"store_id\":\"{store}\"}}"),
    }
}

fn letter(consumer: &str, event: &str, topic: Topic) -> DeadLetter {
    DeadLetter::fresh(consumer, envelope(event, topic, 1), 5, "internal", &"x".repeat(100_000), at(1))
}

fn all(limit: u32) -> LetterQuery {
    LetterQuery { limit, ..LetterQuery::default() }
}

async fn any_letter_can_be_kept_and_comes_back_whole(test: &TestDatabase) {
    let letters = SqlDeadLetterStore::new(test.database.clone());
    let strange = [
        "x".repeat(65),
        "颜".repeat(5_000),
        "a\0b".to_owned(),
        "ends with a space ".to_owned(),
        String::new(),
        "\u{1f600}".repeat(96),
    ];
    let mut kept = Vec::new();
    for (number, text) in strange.iter().enumerate() {
        for part in 0..5 {
            let mut letter = letter("cart", &format!("e-{number}-{part}"), Topic::OrderCreated);
            match part {
                0 => letter.envelope.key.clone_from(text),
                1 => letter.envelope.id = format!("{text}{number}{text}"),
                2 => letter.envelope.kind = text.clone().into(),
                3 => letter.envelope.traceparent = Some(text.clone()),
                _ => letter.envelope.data.clone_from(text),
            }
            letters.keep(&letter).await.unwrap();
            kept.push(letter.envelope);
        }
    }
    let mut found: Vec<Envelope> = letters.list(all(100)).await.unwrap().into_iter().map(|letter| letter.envelope).collect();
    found.reverse();
    assert_eq!(found, kept);

    // A payload that no database likes: its beginning is kept.
    let mut huge = letter("cart", "huge", Topic::OrderCreated);
    huge.envelope.data = "y".repeat(20 * 1024 * 1024);
    huge.error_code = "z".repeat(500);
    letters.keep(&huge).await.unwrap();
    let newest = letters.list(all(1)).await.unwrap();
    assert!(newest[0].envelope.data.len() > 1_000_000 && huge.envelope.data.starts_with(&newest[0].envelope.data));
}

async fn dead_letters_are_kept_once(test: &TestDatabase) {
    let letters = Arc::new(SqlDeadLetterStore::new(test.database.clone()));
    let mut race = JoinSet::new();
    for number in 0..20 {
        let letters = Arc::clone(&letters);
        let event = format!("e-{}", number % 2);
        race.spawn(async move { letters.keep(&letter("cart", &event, Topic::OrderCreated)).await.unwrap() });
    }
    race.join_all().await;
    letters.keep(&letter("member", "e-0", Topic::OrderPaid)).await.unwrap();

    let kept = letters.list(all(10)).await.unwrap();
    assert_eq!(kept.len(), 3);
    assert!(kept.is_sorted_by(|one, two| one.id.0 > two.id.0));
    assert_eq!(kept.iter().map(|letter| letter.attempts).collect::<Vec<_>>(), [5, 50, 50], "their tries are added up");
    let newest = letters.find(kept[0].id).await.unwrap().unwrap();
    assert_eq!(newest.envelope, letter("member", "e-0", Topic::OrderPaid).envelope);
    assert_eq!(letters.find(DeadLetterId(404)).await.unwrap(), None);
}

async fn letters_are_found_by_store_topic_and_state(test: &TestDatabase) {
    let letters = SqlDeadLetterStore::new(test.database.clone());
    for number in 0..300_i64 {
        let mut letter = letter("cart", &format!("e-{number}"), Topic::OrderCreated);
        letter.envelope = envelope(
            &format!("e-{number}"),
            if number % 2 == 0 { Topic::OrderPaid } else { Topic::OrderCreated },
            1 + number / 298,
        );
        letters.keep(&letter).await.unwrap();
    }
    let events = async |query: LetterQuery| -> Vec<String> {
        letters.list(query).await.unwrap().into_iter().map(|letter| letter.envelope.id).collect()
    };
    let of_two = LetterQuery { store: Some(StoreId(2)), ..all(10) };
    assert_eq!(events(of_two).await, ["e-299", "e-298"]);
    assert_eq!(events(LetterQuery { topic: Some(Topic::OrderPaid), ..of_two }).await, ["e-298"]);
    assert_eq!(events(LetterQuery { state: Some(LetterState::Handled), ..of_two }).await, [""; 0]);
    let newest = letters.list(of_two).await.unwrap();
    assert_eq!(events(LetterQuery { after: Some(newest[0].id), ..of_two }).await, ["e-298"]);
}

async fn whoever_lost_a_lane_changes_nothing_of_it(test: &TestDatabase) {
    let parked = SqlParkedStore::new(test.database.clone());
    let parking = |id: &str| Parking { lane: "l".to_owned(), envelope: letter("cart", id, Topic::OrderPaid).envelope, attempts: 0 };
    parked.park("cart", &[parking("1"), parking("2")], "", at(0), at(0)).await.unwrap();
    let lost = parked.take_due(&["cart"], at(1), at(2), 1).await.unwrap().remove(0);
    let events = parked.events(&lost, 10).await.unwrap();
    let held = parked.take_due(&["cart"], at(3), at(60), 1).await.unwrap().remove(0);
    parked.postpone(&lost, 7, "late", at(4)).await.unwrap();
    // What it has handled is done all the same.
    let done = Leaving { event: events[0].clone(), dead_letter: None };
    assert!(!parked.leave(&lost, &[done], at(4)).await.unwrap());
    assert!(parked.take_due(&["cart"], at(5), at(6), 1).await.unwrap().is_empty(), "another one has it");
    let left = parked.events(&held, 10).await.unwrap();
    assert_eq!(left.iter().map(|event| (event.envelope.id.as_str(), event.attempts)).collect::<Vec<_>>(), [("2", 0)]);
    assert!(!parked.leave(&held, &[], at(7)).await.unwrap());
    assert_eq!(parked.take_due(&["cart"], at(7), at(8), 1).await.unwrap().len(), 1, "due at once");
}

/// The one lane of a consumer, taken.
async fn lane(parked: &SqlParkedStore, owner: &str, now: Timestamp) -> Lane {
    let taken = parked.take_due(&[owner, "nobody", "else"], now, now.plus(Duration::from_mins(1)), 10).await.unwrap();
    let [lane] = taken.as_slice() else { panic!("one lane, not {taken:?}") };
    lane.clone()
}

async fn a_replay_that_fails_again_shows_it(test: &TestDatabase) {
    let (letters, parked) = (SqlDeadLetterStore::new(test.database.clone()), SqlParkedStore::new(test.database.clone()));
    letters.keep(&letter("cart", "e", Topic::OrderCreated)).await.unwrap();
    letters.keep(&letter("member", "e", Topic::OrderCreated)).await.unwrap();
    let id = letters.list(all(10)).await.unwrap()[1].id;
    let replayed = letters.replay(id, at(5)).await.unwrap().unwrap();
    assert_eq!((replayed.state, replayed.replayed_at, replayed.replays), (LetterState::Replaying, Some(at(5)), 1));
    // Asked twice, it is tried once, and only by the consumer that failed.
    assert_eq!(letters.replay(id, at(6)).await.unwrap().unwrap().replays, 1);
    assert!(parked.take_due(&["member"], at(7), at(8), 10).await.unwrap().is_empty());
    let lane = lane(&parked, "cart", at(7)).await;
    let event = parked.events(&lane, 10).await.unwrap().remove(0);
    assert_eq!((event.envelope.id.as_str(), event.letter), ("e", Some(id)));

    let failed = DeadLetter::fresh("cart", event.envelope.clone(), 5, "still_internal", "still broken", at(8));
    assert!(parked.leave(&lane, &[Leaving { event, dead_letter: Some(failed) }], at(8)).await.unwrap());
    let again = letters.find(id).await.unwrap().unwrap();
    assert_eq!((again.state, again.replayed_at, again.replays, again.attempts), (LetterState::Dead, None, 1, 10));
    assert_eq!((again.error_detail.as_str(), again.at), ("still broken", at(8)));
    assert_eq!(letters.list(LetterQuery { state: Some(LetterState::Dead), ..all(10) }).await.unwrap().len(), 2);
}

async fn a_replay_that_is_handled_ends(test: &TestDatabase) {
    let (letters, parked) = (SqlDeadLetterStore::new(test.database.clone()), SqlParkedStore::new(test.database.clone()));
    letters.keep(&letter("cart", "e", Topic::OrderCreated)).await.unwrap();
    let id = letters.list(all(10)).await.unwrap()[0].id;
    letters.replay(id, at(5)).await.unwrap();
    let lane = lane(&parked, "cart", at(7)).await;
    let event = parked.events(&lane, 10).await.unwrap().remove(0);
    assert!(parked.leave(&lane, &[Leaving { event, dead_letter: None }], at(8)).await.unwrap());
    let handled = letters.find(id).await.unwrap().unwrap();
    assert_eq!((handled.state, handled.replayed_at), (LetterState::Handled, Some(at(8))));
    // What was handled is not handled again, however often it is asked for.
    letters.replay(id, at(9)).await.unwrap();
    assert!(parked.lanes(10).await.unwrap().is_empty());
}

async fn lanes_keep_their_order_and_are_tried_by_one(test: &TestDatabase) {
    let parked = Arc::new(SqlParkedStore::new(test.database.clone()));
    let events: Vec<Parking> = (0..300)
        .map(|number| Parking {
            lane: format!("k{}", number % 3),
            envelope: envelope(&format!("e-{number:03}"), Topic::StockSync, 1),
            attempts: 2,
        })
        .collect();
    parked.park("cart", &events[..150], "away", at(0), at(5)).await.unwrap();
    parked.park("cart", &events[150..], "away", at(0), at(5)).await.unwrap();
    parked.park("other", &events[..1], "away", at(0), at(5)).await.unwrap();
    assert_eq!(parked.lanes(100).await.unwrap().len(), 4);
    assert!(parked.take_due(&["cart"], at(4), at(60), 10).await.unwrap().is_empty());

    let mut race = JoinSet::new();
    for _ in 0..8 {
        let parked = Arc::clone(&parked);
        race.spawn(async move { parked.take_due(&["cart"], at(5), at(60), 10).await.unwrap() });
    }
    let mut taken: Vec<Lane> = race.join_all().await.into_iter().flatten().collect();
    taken.sort_by(|one, other| one.name.cmp(&other.name));
    assert_eq!(taken.iter().map(|lane| lane.name.as_str()).collect::<Vec<_>>(), ["k0", "k1", "k2"], "each by one");

    let waiting = parked.events(&taken[0], 1_000).await.unwrap();
    let ids: Vec<&str> = waiting.iter().map(|event| event.envelope.id.as_str()).collect();
    let expected: Vec<&str> = events.iter().step_by(3).map(|event| event.envelope.id.as_str()).collect();
    assert_eq!(ids, expected);

    parked.postpone(&taken[0], 4, "still away", at(90)).await.unwrap();
    assert_eq!(parked.events(&taken[0], 1).await.unwrap()[0].attempts, 4);
    assert!(parked.take_due(&["cart"], at(59), at(100), 10).await.unwrap().is_empty());
    let lane = parked.take_due(&["cart"], at(90), at(200), 10).await.unwrap().into_iter().find(|lane| lane.name == "k0").unwrap();
    assert_eq!(lane.tries, 1);
    let leaving: Vec<Leaving> = waiting.into_iter().take(60).map(|event| Leaving { event, dead_letter: None }).collect();
    assert!(!parked.leave(&lane, &leaving, at(91)).await.unwrap());
    assert_eq!(parked.events(&lane, 1).await.unwrap()[0].envelope.id, expected[60]);
    let lane = parked.take_due(&["cart"], at(91), at(200), 10).await.unwrap().remove(0);
    assert_eq!((lane.name.as_str(), lane.tries), ("k0", 0), "what is left is due at once");
}

async fn messages_that_step_aside_leave_the_outbox(test: &TestDatabase) {
    let (outbox, parked, beside) =
        (SqlOutboxStore::new(test.database.clone()), SqlParkedStore::new(test.database.clone()), test.beside().await);
    for _ in 0..3 {
        let insert = "INSERT INTO outbox (slice, available_at, payload, traceparent) VALUES (1, ?, '{}', NULL)";
        beside.execute(insert, vec![at(3).as_millis().into()]).await;
    }
    let ids: Vec<i64> = outbox.pending(&[1], at(3), 10).await.unwrap().into_iter().map(|row| row.id).collect();
    let aside = SteppedAside {
        parked: vec![Parking { lane: "order-created/1".to_owned(), envelope: envelope("e", Topic::OrderCreated, 1), attempts: 0 }],
        error: "no leader".to_owned(),
        next_try: at(5),
        dead_letters: vec![letter(DeadLetter::RELAY, "too large", Topic::OrderPaid)],
    };
    outbox.step_aside(&ids[..2], &aside, at(4)).await.unwrap();
    assert_eq!(outbox.pending(&[1], at(9), 10).await.unwrap().len(), 1);
    assert_eq!(parked.lanes(10).await.unwrap(), [(DeadLetter::RELAY.to_owned(), "order-created/1".to_owned())]);
    let letters = SqlDeadLetterStore::new(test.database.clone()).list(all(10)).await.unwrap();
    assert_eq!(letters[0].envelope.id, "too large");
    let stats = outbox.stats(at(9)).await.unwrap();
    assert_eq!((stats.pending, stats.oldest), (2, Some(at(3))), "what waits aside has not left either");
}

/// Handles, refuses or cannot handle yet, as the length of an event's payload says.
#[derive(Default)]
struct Moody(Mutex<Vec<Envelope>>);

#[async_trait]
impl BatchHandler for Moody {
    fn name(&self) -> &'static str {
        "moody"
    }

    fn topic(&self) -> Topic {
        Topic::OrderPaid
    }

    async fn handle(&self, batch: &[Envelope]) -> Result<(), HandlerError> {
        for event in batch {
            let kind = match event.data.len() % 5 {
                0 => ErrorKind::Invalid,
                1 => ErrorKind::Unavailable,
                2 => ErrorKind::Internal,
                _ => continue,
            };
            return Err(HandlerError { kind, code: "moody", detail: event.data.clone() });
        }
        self.0.lock().unwrap().extend_from_slice(batch);
        Ok(())
    }
}

/// Whatever strangers send: each event is handled, kept for staff, or parked, within bounds, whole, and none holds up another key.
async fn no_event_stalls_its_consumer(test: &TestDatabase) {
    let text =
        || prop_oneof![any::<String>(), vec(any::<char>(), 0..300).prop_map(String::from_iter), "[a-c]", "x{60,70}", " {0,3}"];
    let events = vec((text(), text(), text(), proptest::option::of(text()), text()), 1..12);
    let (handler, parked) = (Arc::new(Moody::default()), Arc::new(SqlParkedStore::new(test.database.clone())));
    let letters = Arc::new(SqlDeadLetterStore::new(test.database.clone()));
    let (short, none) = (Duration::from_millis(1), Duration::ZERO);
    let policy = RetryPolicy { max_attempts: 2, first_delay: short, max_delay: short, park_after: none, park_all_after: none };
    let place = ParkingPlace::new(parked.clone());
    let dispatcher = Dispatcher::new(handler.clone(), letters.clone(), place, Arc::new(SystemClock), policy);
    let mut runner = TestRunner::deterministic();
    let (mut sent, mut number) = (Vec::new(), 0);
    for _ in 0..15 {
        let made = events.new_tree(&mut runner).unwrap().current();
        let batch: Vec<Envelope> = made
            .into_iter()
            .map(|(key, id, kind, traceparent, data)| {
                number += 1;
                let id = format!("{number}{id}");
                Envelope { topic: Topic::OrderPaid, key, id, kind: kind.into(), time: at(0), traceparent, data }
            })
            .collect();
        let settled = tokio::time::timeout(Duration::from_secs(30), dispatcher.settle(&batch, &CancellationToken::new())).await;
        settled.expect("the consumer goes on").expect("nobody stopped it");
        sent.extend(batch);
    }
    let mut found: Vec<Envelope> = handler.0.lock().unwrap().clone();
    found.extend(letters.list(all(10_000)).await.unwrap().into_iter().map(|letter| letter.envelope));
    for lane in parked.take_due(&["moody"], Timestamp::from_millis(i64::MAX), at(0), 10_000).await.unwrap() {
        found.extend(parked.events(&lane, 10_000).await.unwrap().into_iter().map(|event| event.envelope));
    }
    let by_id = |mut all: Vec<Envelope>| {
        all.sort_by(|one, other| one.id.cmp(&other.id));
        all
    };
    assert_eq!(by_id(found), by_id(sent));
}
