//! Member's contracts, and what the service refuses.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sluice_kernel::{ManualClock, PortResult, SequenceIds, StoreId, Timestamp, UserId};
use sluice_member::{AddressId, CodeLimits, CodeSender, MemberError, MemberService as _, Members, NewAddress, ThirdPartyAccount};
use sluice_storage_sql::{SqlAccountBook, SqlAddressBook, SqlCodeRepository};

use crate::databases::{TestDatabase, on_every_database};

on_every_database!(accounts, addresses, codes, refusals_of_what_a_user_writes);

async fn codes(test: &TestDatabase) {
    sluice_member::testing::code_contract(Arc::new(SqlCodeRepository::new(test.database.clone()))).await;
}

async fn accounts(test: &TestDatabase) {
    sluice_member::testing::account_contract(&SqlAccountBook::new(test.database.clone())).await;
}

async fn addresses(test: &TestDatabase) {
    sluice_member::testing::address_contract(Arc::new(SqlAddressBook::new(test.database.clone()))).await;
}

#[derive(Default)]
struct Sent(Mutex<Vec<String>>);

#[async_trait]
impl CodeSender for Sent {
    async fn send(&self, phone: &str, _: &str) -> PortResult<()> {
        self.0.lock().unwrap().push(phone.to_owned());
        Ok(())
    }
}

/// Sets one text of an address.
type SetText = fn(&mut NewAddress, String);

fn pointer<T>(answer: Result<T, MemberError>) -> String {
    match answer.map(drop) {
        Err(MemberError::InvalidField(invalid)) => invalid.pointer,
        other => panic!("{other:?}"),
    }
}

async fn refusals_of_what_a_user_writes(test: &TestDatabase) {
    let (store, user, sent) = (StoreId(1), UserId::from("42"), Arc::new(Sent::default()));
    let members = Members {
        codes: Arc::new(SqlCodeRepository::new(test.database.clone())),
        code_limits: CodeLimits::default(),
        sender: sent.clone(),
        accounts: Arc::new(SqlAccountBook::new(test.database.clone())),
        addresses: Arc::new(SqlAddressBook::new(test.database.clone())),
        clock: Arc::new(ManualClock::at(Timestamp::from_millis(1_790_000_000_000))),
        ids: Arc::new(SequenceIds::starting_at(1)),
    };
    for phone in ["", " ", "1234", "123456789012345678901", "138-0000", "13800000000\n", "+", "１３８００００００００"] {
        assert_eq!(pointer(members.send_code(store, &user, phone).await), "/phone", "{phone:?}");
    }
    assert!(sent.0.lock().unwrap().is_empty());

    let texts: [(&str, usize, SetText); 5] = [
        ("/name", 64, |entry, text| entry.name = text),
        ("/province", 64, |entry, text| entry.province = text),
        ("/city", 64, |entry, text| entry.city = text),
        ("/district", 64, |entry, text| entry.district = text),
        ("/address", 200, |entry, text| entry.address = text),
    ];
    let home = || NewAddress {
        name: "An".to_owned(),
        phone: "+8613800000000".to_owned(),
        province: "P".to_owned(),
        city: "C".to_owned(),
        district: "D".to_owned(),
        address: "A 1".to_owned(),
        is_default: false,
    };
    for (place, most, set) in texts {
        let with = |text: &str| {
            let mut entry = home();
            set(&mut entry, text.to_owned());
            entry
        };
        for bad in ["", " \u{200B}", "a\u{7}", "a\nb", &*"长".repeat(most + 1)] {
            assert_eq!(pointer(members.add_address(store, &user, with(bad)).await), place, "{bad:?}");
            // Before anybody looks for the address.
            assert_eq!(pointer(members.replace_address(store, &user, AddressId(404), with(bad)).await), place, "{bad:?}");
        }
        members.add_address(store, &user, with(&"长".repeat(most))).await.unwrap();
    }
    let phone = NewAddress { phone: "none".to_owned(), ..home() };
    assert_eq!(pointer(members.add_address(store, &user, phone).await), "/phone");
    assert_eq!(members.addresses(store, &user).await.unwrap().len(), 5);

    let put = async |provider: &str, account: &str| {
        let account = ThirdPartyAccount { provider: provider.to_owned(), account: account.to_owned() };
        members.put_account(store, &user, account).await
    };
    for bad in ["", " ", "a\tb"] {
        assert_eq!(pointer(put(bad, "o1").await), "/provider", "{bad:?}");
        assert_eq!(pointer(put("wechat", bad).await), "/account", "{bad:?}");
    }
    assert_eq!(pointer(put(&"w".repeat(33), "o1").await), "/provider");
    assert_eq!(pointer(put("wechat", &"o".repeat(129)).await), "/account");
    assert!(members.accounts(store, &user).await.unwrap().is_empty());
    put(&"w".repeat(32), &"o".repeat(128)).await.unwrap();
}
