//! The contract of [`CodeRepository`].

use std::{sync::Arc, time::Duration};

use sluice_kernel::{Timestamp, UserId};
use tokio::task::JoinSet;

use super::{OTHER_STORE, STORE, at};
use crate::{CodeCheck, CodeLimits, CodeRef, CodeRepository, Guess, NewCode, SendOutcome, Tries};

const TRIES: Tries = Tries { most: 5, within: Duration::from_mins(5) };

fn limits() -> CodeLimits {
    CodeLimits { per_hour: 3, per_day: 5, to_phone_per_hour: 4, to_phone_per_day: 100, ..CodeLimits::default() }
}

fn code_of(user: &str, phone: &str, digest: &str, sent: i64) -> NewCode {
    NewCode {
        store: STORE,
        user: UserId::from(user),
        phone: phone.to_owned(),
        digest: digest.to_owned(),
        sent_at: at(sent),
        expires_at: at(sent + 300),
    }
}

fn code(phone: &str, digest: &str, sent: i64) -> NewCode {
    code_of(&format!("of {phone}"), phone, digest, sent)
}

/// Runs every case of [`CodeRepository`].
pub async fn code_contract(codes: Arc<dyn CodeRepository>) {
    a_right_code_is_valid_until_it_expires(&*codes).await;
    a_code_replaces_the_last_one_after_a_pause(&*codes).await;
    wrong_guesses_use_up_the_tries(&*codes).await;
    nobody_spends_or_replaces_the_code_of_somebody_else(&*codes).await;
    a_user_gets_so_many_an_hour_and_a_day(&*codes).await;
    a_phone_gets_so_many_whoever_asks(&*codes).await;
    parallel_guesses_share_no_try(Arc::clone(&codes)).await;
    one_of_many_senders_at_once_sends(Arc::clone(&codes)).await;
    parallel_sendings_of_a_user_stay_within_the_hour(codes).await;
}

async fn store(codes: &dyn CodeRepository, code: NewCode) -> SendOutcome {
    codes.store(&code, &limits()).await.unwrap()
}

/// A guess at whatever code the phone has.
async fn guess(codes: &dyn CodeRepository, user: &str, phone: &str, digest: &str, seconds: i64) -> CodeCheck {
    let live = codes.live(STORE, phone, at(seconds)).await.unwrap();
    let digests: Vec<(Timestamp, String)> = live.into_iter().map(|sent_at| (sent_at, digest.to_owned())).collect();
    let guess = Guess { store: STORE, phone: phone.to_owned(), asker: UserId::from(user), digests };
    codes.check(&guess, TRIES, at(seconds)).await.unwrap()
}

async fn check(codes: &dyn CodeRepository, phone: &str, digest: &str, seconds: i64) -> CodeCheck {
    guess(codes, &format!("of {phone}"), phone, digest, seconds).await
}

fn valid(phone: &str, sent: i64) -> CodeCheck {
    CodeCheck::Valid(CodeRef { store: STORE, phone: phone.to_owned(), sent_at: at(sent) })
}

async fn a_right_code_is_valid_until_it_expires(codes: &dyn CodeRepository) {
    let phone = "13800000001";
    assert_eq!(codes.live(STORE, phone, at(0)).await.unwrap(), []);
    assert_eq!(check(codes, phone, "right", 0).await, CodeCheck::Invalid);
    assert_eq!(store(codes, code(phone, "right", 0)).await, SendOutcome::Stored);
    assert_eq!(codes.live(STORE, phone, at(0)).await.unwrap(), [at(0)]);
    // Checking does not use it up.
    for _ in 0..10 {
        assert_eq!(check(codes, phone, "right", 299).await, valid(phone, 0));
    }
    assert_eq!(check(codes, phone, "right", 300).await, CodeCheck::Invalid);
    let asker = UserId::from("of 13800000001");
    let elsewhere = Guess { store: OTHER_STORE, phone: phone.to_owned(), asker, digests: vec![(at(0), "right".to_owned())] };
    assert_eq!(codes.check(&elsewhere, TRIES, at(1)).await.unwrap(), CodeCheck::Invalid);
    assert_eq!(codes.live(OTHER_STORE, phone, at(1)).await.unwrap(), []);
}

async fn a_code_replaces_the_last_one_after_a_pause(codes: &dyn CodeRepository) {
    let phone = "13800000002";
    store(codes, code(phone, "one", 0)).await;
    assert_eq!(store(codes, code(phone, "two", 59)).await, SendOutcome::TooSoon { again_at: at(60) });
    assert_eq!(check(codes, phone, "one", 59).await, valid(phone, 0));
    for _ in 0..TRIES.most {
        check(codes, phone, "wrong", 59).await;
    }
    assert_eq!(store(codes, code(phone, "two", 60)).await, SendOutcome::Stored);
    // The new code has tries of its own, the old one is gone.
    assert_eq!(check(codes, phone, "one", 61).await, CodeCheck::Invalid);
    assert_eq!(check(codes, phone, "two", 61).await, valid(phone, 60));
}

async fn wrong_guesses_use_up_the_tries(codes: &dyn CodeRepository) {
    let phone = "13800000003";
    store(codes, code(phone, "right", 0)).await;
    for _ in 1..TRIES.most {
        assert_eq!(check(codes, phone, "wrong", 1).await, CodeCheck::Invalid);
    }
    assert_eq!(check(codes, phone, "right", 1).await, valid(phone, 0));
    assert_eq!(check(codes, phone, "wrong", 1).await, CodeCheck::Invalid);
    assert_eq!(check(codes, phone, "right", 1).await, CodeCheck::Invalid);
    assert_eq!(check(codes, phone, "right", 299).await, CodeCheck::Invalid, "not before the code is gone");
}

async fn nobody_spends_or_replaces_the_code_of_somebody_else(codes: &dyn CodeRepository) {
    let phone = "13800000006";
    store(codes, code_of("owner", phone, "right", 0)).await;
    for _ in 0..20 {
        assert_eq!(guess(codes, "stranger", phone, "wrong", 1).await, CodeCheck::Invalid);
    }
    assert_eq!(guess(codes, "stranger", phone, "right", 1).await, CodeCheck::Invalid, "the stranger's tries are spent");
    assert_eq!(guess(codes, "owner", phone, "right", 1).await, valid(phone, 0));
    assert_eq!(store(codes, code_of("stranger", phone, "other", 60)).await, SendOutcome::Stored);
    assert_eq!(guess(codes, "owner", phone, "right", 61).await, valid(phone, 0));
    assert_eq!(guess(codes, "stranger", phone, "other", 61).await, valid(phone, 60));
}

async fn a_user_gets_so_many_an_hour_and_a_day(codes: &dyn CodeRepository) {
    let send = async |number: u32, seconds: i64| {
        store(codes, code_of("collector", &format!("1390000{number:04}"), "digest", seconds)).await
    };
    for number in 0..3 {
        assert_eq!(send(number, i64::from(number)).await, SendOutcome::Stored);
    }
    assert_eq!(send(3, 100).await, SendOutcome::TooSoon { again_at: at(3_600) });
    assert_eq!(send(4, 3_600).await, SendOutcome::Stored, "the first one is an hour old");
    assert_eq!(send(5, 4_000).await, SendOutcome::Stored);
    // Five of the day.
    assert_eq!(send(6, 20_000).await, SendOutcome::TooSoon { again_at: at(86_400) });
    assert_eq!(send(7, 86_400).await, SendOutcome::Stored);
    assert_eq!(store(codes, code_of("another", "13900009999", "digest", 100)).await, SendOutcome::Stored);
}

async fn a_phone_gets_so_many_whoever_asks(codes: &dyn CodeRepository) {
    let phone = "13800000007";
    for number in 0..4 {
        let sent = store(codes, code_of(&format!("asker {number}"), phone, "digest", number * 60)).await;
        assert_eq!(sent, SendOutcome::Stored);
    }
    assert_eq!(store(codes, code_of("asker 9", phone, "digest", 240)).await, SendOutcome::TooSoon { again_at: at(3_600) });
}

/// Forty guesses at once get five tries between them: afterwards not even the right code counts.
async fn parallel_guesses_share_no_try(codes: Arc<dyn CodeRepository>) {
    let phone = "13800000004";
    store(&*codes, code(phone, "right", 0)).await;
    let mut race = JoinSet::new();
    for _ in 0..TRIES.most - 1 {
        let codes = Arc::clone(&codes);
        race.spawn(async move { check(&*codes, phone, "wrong", 1).await });
    }
    race.join_all().await;
    // Four wrong guesses cost four tries, no fewer and no more.
    assert_eq!(check(&*codes, phone, "right", 1).await, valid(phone, 0));
    let mut race = JoinSet::new();
    for _ in 0..40 {
        let codes = Arc::clone(&codes);
        race.spawn(async move { check(&*codes, phone, "wrong", 1).await });
    }
    assert!(race.join_all().await.iter().all(|answer| *answer == CodeCheck::Invalid));
    assert_eq!(check(&*codes, phone, "right", 1).await, CodeCheck::Invalid);
}

async fn one_of_many_senders_at_once_sends(codes: Arc<dyn CodeRepository>) {
    let phone = "13800000005";
    let mut race = JoinSet::new();
    for number in 0..8 {
        let codes = Arc::clone(&codes);
        race.spawn(async move { store(&*codes, code_of(&format!("user {number}"), phone, &format!("digest-{number}"), 0)).await });
    }
    let outcomes = race.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == SendOutcome::Stored).count(), 1, "{outcomes:?}");
}

async fn parallel_sendings_of_a_user_stay_within_the_hour(codes: Arc<dyn CodeRepository>) {
    let mut race = JoinSet::new();
    for number in 0..8 {
        let codes = Arc::clone(&codes);
        race.spawn(async move { store(&*codes, code_of("hurried", &format!("1370000{number:04}"), "digest", 0)).await });
    }
    let outcomes = race.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == SendOutcome::Stored).count(), 3, "{outcomes:?}");
}
