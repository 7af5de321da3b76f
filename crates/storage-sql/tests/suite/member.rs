//! Member's contracts.

use std::sync::Arc;

use sluice_storage_sql::{SqlAccountBook, SqlAddressBook, SqlCodeRepository};

use crate::databases::{TestDatabase, on_every_database};

on_every_database!(accounts, addresses, codes);

async fn codes(test: &TestDatabase) {
    sluice_member::testing::code_contract(Arc::new(SqlCodeRepository::new(test.database.clone()))).await;
}

async fn accounts(test: &TestDatabase) {
    sluice_member::testing::account_contract(&SqlAccountBook::new(test.database.clone())).await;
}

async fn addresses(test: &TestDatabase) {
    sluice_member::testing::address_contract(Arc::new(SqlAddressBook::new(test.database.clone()))).await;
}
