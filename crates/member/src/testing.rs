//! Contract suites of member's ports. A case panics where an adapter breaks its contract; run a suite once per database,
//! on a runtime with several threads.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a suite fails by panicking"
)]

mod codes;

use std::sync::Arc;

use sluice_kernel::{StoreId, Timestamp, UserId};
use tokio::task::JoinSet;

use crate::{AccountBook, AddressBook, NewAddress, ThirdPartyAccount};

pub use codes::code_contract;

const STORE: StoreId = StoreId(1);
const OTHER_STORE: StoreId = StoreId(2);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000 + seconds * 1_000)
}

/// Runs every case of [`AccountBook`].
pub async fn account_contract(accounts: &dyn AccountBook) {
    let user = UserId::from("payer");
    let account = |provider: &str, account: &str| ThirdPartyAccount { provider: provider.to_owned(), account: account.to_owned() };
    assert_eq!(accounts.find(STORE, &user, "sandbox").await.unwrap(), None);
    for (provider, number) in [("wechat", "open-1"), ("sandbox", "s-1"), ("wechat", "open-2")] {
        assert!(accounts.put(STORE, &user, &account(provider, number), 2).await.unwrap());
    }
    assert!(!accounts.put(STORE, &user, &account("alipay", "a-1"), 2).await.unwrap(), "two are all a user may have here");
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
