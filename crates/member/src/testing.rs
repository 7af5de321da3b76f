//! Contract suites of member's ports. A case panics where an adapter breaks its contract; run a suite once per database,
//! on a runtime with several threads.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a suite fails by panicking"
)]

mod points;
mod points_tasks;

use std::{sync::Arc, time::Duration};

use sluice_kernel::{StoreId, Timestamp, UserId};
use tokio::task::JoinSet;

use crate::{AccountBook, AddressBook, CodeCheck, CodeRef, CodeRepository, NewAddress, NewCode, SendOutcome, ThirdPartyAccount};

pub use points::points_account_contract;
pub use points_tasks::{PointsFixture, points_tasks_contract};

const STORE: StoreId = StoreId(1);
const OTHER_STORE: StoreId = StoreId(2);
const PAUSE: Duration = Duration::from_mins(1);
const TRIES: u32 = 5;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000 + seconds * 1_000)
}

fn code(phone: &str, digest: &str, sent: i64) -> NewCode {
    NewCode { store: STORE, phone: phone.to_owned(), digest: digest.to_owned(), sent_at: at(sent), expires_at: at(sent + 300) }
}

/// Runs every case of [`CodeRepository`].
pub async fn code_contract(codes: Arc<dyn CodeRepository>) {
    a_right_code_is_valid_until_it_expires(&*codes).await;
    a_code_replaces_the_last_one_after_a_pause(&*codes).await;
    wrong_guesses_use_up_the_tries(&*codes).await;
    parallel_guesses_share_no_try(Arc::clone(&codes)).await;
    one_of_many_senders_at_once_sends(codes).await;
}

async fn check(codes: &dyn CodeRepository, phone: &str, digest: &str, seconds: i64) -> CodeCheck {
    codes.check(STORE, phone, digest, TRIES, at(seconds)).await.unwrap()
}

fn valid(phone: &str, sent: i64) -> CodeCheck {
    CodeCheck::Valid(CodeRef { store: STORE, phone: phone.to_owned(), sent_at: at(sent) })
}

async fn a_right_code_is_valid_until_it_expires(codes: &dyn CodeRepository) {
    let phone = "13800000001";
    assert_eq!(codes.sent_at(STORE, phone).await.unwrap(), None);
    assert_eq!(check(codes, phone, "right", 0).await, CodeCheck::Invalid);
    assert_eq!(codes.store(&code(phone, "right", 0), PAUSE).await.unwrap(), SendOutcome::Stored);
    assert_eq!(codes.sent_at(STORE, phone).await.unwrap(), Some(at(0)));
    // Checking does not use it up.
    for _ in 0..10 {
        assert_eq!(check(codes, phone, "right", 299).await, valid(phone, 0));
    }
    assert_eq!(check(codes, phone, "right", 300).await, CodeCheck::Invalid);
    let elsewhere = codes.check(OTHER_STORE, phone, "right", TRIES, at(1)).await.unwrap();
    assert_eq!(elsewhere, CodeCheck::Invalid);
    assert_eq!(codes.sent_at(OTHER_STORE, phone).await.unwrap(), None);
}

async fn a_code_replaces_the_last_one_after_a_pause(codes: &dyn CodeRepository) {
    let phone = "13800000002";
    codes.store(&code(phone, "one", 0), PAUSE).await.unwrap();
    let early = codes.store(&code(phone, "two", 59), PAUSE).await.unwrap();
    assert_eq!(early, SendOutcome::TooSoon { again_at: at(60) });
    assert_eq!(check(codes, phone, "one", 59).await, valid(phone, 0));
    for _ in 0..TRIES {
        check(codes, phone, "wrong", 59).await;
    }
    assert_eq!(codes.store(&code(phone, "two", 60), PAUSE).await.unwrap(), SendOutcome::Stored);
    // The new code has tries of its own, the old one is gone.
    assert_eq!(check(codes, phone, "one", 61).await, CodeCheck::Invalid);
    assert_eq!(check(codes, phone, "two", 61).await, valid(phone, 60));
}

async fn wrong_guesses_use_up_the_tries(codes: &dyn CodeRepository) {
    let phone = "13800000003";
    codes.store(&code(phone, "right", 0), PAUSE).await.unwrap();
    for _ in 1..TRIES {
        assert_eq!(check(codes, phone, "wrong", 1).await, CodeCheck::Invalid);
    }
    assert_eq!(check(codes, phone, "right", 1).await, valid(phone, 0));
    assert_eq!(check(codes, phone, "wrong", 1).await, CodeCheck::Invalid);
    assert_eq!(check(codes, phone, "right", 1).await, CodeCheck::Invalid);
}

/// Forty guesses at once get five tries between them: afterwards not even the right code counts.
async fn parallel_guesses_share_no_try(codes: Arc<dyn CodeRepository>) {
    let phone = "13800000004";
    codes.store(&code(phone, "right", 0), PAUSE).await.unwrap();
    let mut race = JoinSet::new();
    for _ in 0..TRIES - 1 {
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
    for number in 0..20 {
        let codes = Arc::clone(&codes);
        race.spawn(async move { codes.store(&code(phone, &format!("digest-{number}"), 0), PAUSE).await.unwrap() });
    }
    let outcomes = race.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == SendOutcome::Stored).count(), 1, "{outcomes:?}");
}

/// Runs every case of [`AccountBook`].
pub async fn account_contract(accounts: &dyn AccountBook) {
    let user = UserId::from("payer");
    let account = |provider: &str, account: &str| ThirdPartyAccount { provider: provider.to_owned(), account: account.to_owned() };
    assert_eq!(accounts.find(STORE, &user, "sandbox").await.unwrap(), None);
    accounts.put(STORE, &user, &account("wechat", "open-1")).await.unwrap();
    accounts.put(STORE, &user, &account("sandbox", "s-1")).await.unwrap();
    accounts.put(STORE, &user, &account("wechat", "open-2")).await.unwrap();
    assert_eq!(accounts.find(STORE, &user, "wechat").await.unwrap(), Some(account("wechat", "open-2")));
    assert_eq!(accounts.list(STORE, &user).await.unwrap(), [account("sandbox", "s-1"), account("wechat", "open-2")]);
    assert_eq!(accounts.list(OTHER_STORE, &user).await.unwrap(), []);
}

fn entry(name: &str, is_default: bool) -> NewAddress {
    NewAddress {
        name: name.to_owned(),
        phone: "13800000000".to_owned(),
        province: "浙江".to_owned(),
        city: "杭州".to_owned(),
        district: "西湖".to_owned(),
        address: "文三路 1".to_owned(),
        is_default,
    }
}

/// Runs every case of [`AddressBook`].
pub async fn address_contract(addresses: Arc<dyn AddressBook>) {
    the_default_stands_first_and_alone(&*addresses).await;
    a_full_book_refuses_even_at_once(addresses).await;
}

async fn names(addresses: &dyn AddressBook, user: &UserId) -> Vec<(String, bool)> {
    let list = addresses.list(STORE, user).await.unwrap();
    list.into_iter().map(|address| (address.entry.name, address.entry.is_default)).collect()
}

async fn the_default_stands_first_and_alone(addresses: &dyn AddressBook) {
    let user = UserId::from("resident");
    let add =
        async |name: &str, is_default| addresses.add(STORE, &user, &entry(name, is_default), 20, at(0)).await.unwrap().unwrap();
    let first = add("first", true).await;
    assert_eq!(first.entry, entry("first", true));
    add("second", false).await;
    let third = add("third", true).await;
    let listed = |list: &[(&str, bool)]| list.iter().map(|(name, mark)| ((*name).to_owned(), *mark)).collect::<Vec<_>>();
    assert_eq!(names(addresses, &user).await, listed(&[("third", true), ("second", false), ("first", false)]));

    assert!(addresses.replace(STORE, &user, first.id, &entry("first again", true)).await.unwrap());
    assert_eq!(names(addresses, &user).await, listed(&[("first again", true), ("third", false), ("second", false)]));
    assert!(!addresses.replace(OTHER_STORE, &user, first.id, &entry("stolen", false)).await.unwrap());
    assert!(!addresses.replace(STORE, &UserId::from("stranger"), first.id, &entry("stolen", false)).await.unwrap());
    assert!(!addresses.remove(STORE, &UserId::from("stranger"), third.id).await.unwrap());
    assert!(addresses.remove(STORE, &user, third.id).await.unwrap());
    assert!(!addresses.remove(STORE, &user, third.id).await.unwrap());
    assert_eq!(names(addresses, &user).await, listed(&[("first again", true), ("second", false)]));
}

async fn a_full_book_refuses_even_at_once(addresses: Arc<dyn AddressBook>) {
    let user = UserId::from("mover");
    let mut race = JoinSet::new();
    for number in 0..12 {
        let (addresses, user) = (Arc::clone(&addresses), user.clone());
        race.spawn(async move { addresses.add(STORE, &user, &entry(&format!("{number}"), true), 5, at(0)).await.unwrap() });
    }
    let added = race.join_all().await.into_iter().flatten().count();
    let listed = names(&*addresses, &user).await;
    assert_eq!((added, listed.len()), (5, 5));
    assert_eq!(listed.iter().filter(|(_, is_default)| *is_default).count(), 1, "{listed:?}");
}
