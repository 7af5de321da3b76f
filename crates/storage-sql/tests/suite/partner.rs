//! The partner context's contracts, and what its tables alone promise.

use std::sync::Arc;

use sluice_storage_sql::{SqlDeliveryQueue, SqlSubscriptionRepository};

use crate::databases::{TestDatabase, on_every_database};

on_every_database!(subscriptions, queue);

async fn subscriptions(test: &TestDatabase) {
    let store = "INSERT INTO stores (id, name, currency, settings, version) VALUES (1, 'One', 'CNY', '{}', 1)";
    test.beside().await.execute(store, vec![]).await;
    sluice_partner::testing::subscription_contract(Arc::new(SqlSubscriptionRepository::new(test.database.clone()))).await;
    // A removed one leaves no secret behind.
    let left = "SELECT COUNT(*) FROM webhook_subscriptions WHERE deleted = TRUE AND (secret <> '' OR url <> '')";
    assert_eq!(test.beside().await.number(left).await, 0);
}

async fn queue(test: &TestDatabase) {
    let subscriptions = SqlSubscriptionRepository::new(test.database.clone());
    sluice_partner::testing::queue_contract(&subscriptions, Arc::new(SqlDeliveryQueue::new(test.database.clone()))).await;
}
