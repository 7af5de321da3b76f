//! A row that cannot be read hides no other: pages stay whole, and lists end where they end.

use sluice_kernel::{PageRequest, StoreId, Timestamp, UserId};
use sluice_order::{OrderQuery, OrderRepository as _};
use sluice_promotion::PromotionRepository as _;
use sluice_storage_sql::{SqlCatalogRepository, SqlOrderRepository, SqlPromotionRepository, StockMode};

use crate::databases::{TestDatabase, on_every_database};

on_every_database!(activities_and_products, orders);

const STORE: StoreId = StoreId(1);

async fn activities_and_products(test: &TestDatabase) {
    use sluice_catalog::CatalogRepository as _;
    let beside = test.beside().await;
    for id in 1..=5_i64 {
        let mode = if id == 3 { "barter" } else { "cash" };
        // One ends beyond the calendar, as it could be written once.
        let ends_at = if id == 4 { 253_402_318_799_000_i64 } else { 4_102_444_800_000 };
        let insert =
            "INSERT INTO activities (id, store_id, title, starts_at, ends_at, mode, version) VALUES (?, 1, 'A', 0, ?, ?, 1)";
        beside.execute(insert, vec![id.into(), ends_at.into(), mode.into()]).await;
        let pictures = if id == 4 { "no list" } else { "[]" };
        let insert = "INSERT INTO products (id, store_id, title, pictures, delivery_place, receiving_way, order_form_items, listed, \
            deleted, version, created_at) VALUES (?, 1, 'P', ?, '1', 0, '[]', TRUE, FALSE, 1, 0)";
        beside.execute(insert, vec![id.into(), pictures.into()]).await;
    }
    let promotion = SqlPromotionRepository::new(test.database.clone(), false);
    let page = |after| PageRequest { limit: 2, after };
    let ids = async |after| -> Vec<i64> {
        promotion.list_activities(STORE, page(after)).await.unwrap().iter().map(|activity| activity.id.0).collect()
    };
    assert_eq!((ids(None).await, ids(Some(4)).await, ids(Some(2)).await), (vec![5, 4, 2], vec![2, 1], vec![1]));
    let now = Timestamp::from_millis(1_790_000_000_000);
    let (open, more) = promotion.open_activities(STORE, now, PageRequest::first(100), 1_000).await.unwrap();
    assert_eq!((open.len(), more), (4, false));
    assert!(open.iter().all(|found| found.activity.window.ends_at.to_string().len() == 24));

    let catalog = SqlCatalogRepository::new(test.database.clone(), false);
    let ids = async |after| -> Vec<i64> {
        catalog.list_products(STORE, true, page(after)).await.unwrap().iter().map(|product| product.id.0).collect()
    };
    assert_eq!((ids(None).await, ids(Some(3)).await), (vec![5, 3, 2], vec![2, 1]));
}

async fn orders(test: &TestDatabase) {
    let beside = test.beside().await;
    for number in 1..=5_i64 {
        let status = if number == 3 { 77 } else { 1 };
        let insert = "INSERT INTO orders (order_no, store_id, user_id, kind, status, attempt, currency, total, points_total, \
            profit_total, refunded, refund_state, created_at, expires_at, due_at, redirect_type, version) \
            VALUES (?, 1, '42', 1, ?, 1, 'CNY', 1990, 0, 0, 0, 0, 1000, 2000, 2000, '2', 0)";
        beside.execute(insert, vec![number.into(), status.into()]).await;
    }
    let orders = SqlOrderRepository::new(test.database.clone(), StockMode::InCommit);
    let listed = async |limit, after| -> Vec<i64> {
        let query = OrderQuery { store: STORE, user: Some(UserId::from("42")), status: None, page: PageRequest { limit, after } };
        orders.list(&query).await.unwrap().iter().map(|order| order.order_no.id()).collect()
    };
    assert_eq!(listed(2, None).await, [5, 4, 2]);
    assert_eq!(listed(2, Some(4)).await, [2, 1]);
    assert_eq!(listed(100, None).await, [5, 4, 2, 1]);
}
