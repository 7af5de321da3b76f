//! The cart's contract.

use std::sync::Arc;

use sluice_storage_sql::SqlCartRepository;

use crate::databases::{TestDatabase, on_every_database};

on_every_database!(contract);

async fn contract(test: &TestDatabase) {
    sluice_cart::testing::cart_contract(Arc::new(SqlCartRepository::new(test.database.clone()))).await;
}
