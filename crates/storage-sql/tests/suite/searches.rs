//! A search looks at a bounded number of rows for a page: it says how far it came, and whoever goes on finds everything.

use sluice_catalog::{CatalogRepository as _, MAX_SEARCHED, ProductSearch};
use sluice_kernel::{OrderKind, PageRequest, StoreId};
use sluice_order::{MAX_LOOKED_AT, OrderRepository as _, OrderSearch, OrderStatus};
use sluice_storage_sql::{SqlCatalogRepository, SqlOrderRepository, StockMode};

use crate::databases::{TestDatabase, on_every_database};

on_every_database!(rare_orders_are_found_page_by_page, rare_products_are_found_page_by_page);

const STORE: StoreId = StoreId(1);

/// `n` from 0 to 9,999.
fn numbers() -> String {
    let digits = (0..10).map(|digit| format!("SELECT {digit} AS d")).collect::<Vec<_>>().join(" UNION ALL ");
    let of = |name: &str| format!("({digits}) {name}");
    format!("(SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d AS n FROM {}, {}, {}, {}) numbers", of("a"), of("b"), of("c"), of("e"))
}

fn after(cursor: Option<&String>) -> Option<i64> {
    cursor.map(|cursor| PageRequest::parse_cursor(cursor).unwrap())
}

async fn rare_orders_are_found_page_by_page(test: &TestDatabase) {
    // Two of ten thousand paid orders are of activities.
    let insert = format!(
        "INSERT INTO orders (order_no, store_id, user_id, kind, status, attempt, currency, total, points_total, profit_total, \
         refunded, refund_state, created_at, expires_at, due_at, redirect_type, version, payment_id) \
         SELECT n + 1, 1, '42', CASE WHEN n IN (1000, 4000) THEN 2 ELSE 1 END, 3, 1, 'CNY', 1, 0, 0, 0, 0, 1000, 2000, 2000, '2', 0, 'p' \
         FROM {}",
        numbers()
    );
    let beside = test.beside().await;
    beside.execute(&insert, Vec::new()).await;
    let part = "INSERT INTO order_activities (order_no, store_id, activity_id, product_id, sku_id, pay_type, discount, price, points_price, \
                quantity, receiving_way, partner_unit_price, partner_total, starts_at, ends_at) \
                SELECT order_no, 1, 1, 1, 1, 1, '1', 1, 0, 1, 0, 1, 1, 0, 1 FROM orders WHERE kind = 2";
    beside.execute(part, Vec::new()).await;

    let orders = SqlOrderRepository::new(test.database.clone(), StockMode::InCommit);
    let alone = OrderSearch { kind: Some(OrderKind::Activity), ..OrderSearch::default() };
    for rare in [alone.clone(), OrderSearch { status: Some(OrderStatus::Paid), ..alone }] {
        let (mut found, mut cursor, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = orders.search(STORE, &rare, PageRequest { limit: 20, after: after(cursor.as_ref()) }).await.unwrap();
            found.extend(page.data.iter().map(|order| order.order_no.id()));
            pages += 1;
            assert_eq!(page.has_more, page.next_cursor.is_some());
            cursor = page.next_cursor;
            if !page.has_more {
                break;
            }
        }
        // Each page ends where it has looked at its share, the last one finds no more.
        assert_eq!((found, pages), (vec![4_001, 1_001], 10_000 / MAX_LOOKED_AT + 1), "{rare:?}");
    }
    // What an index names fills its pages.
    let paid = OrderSearch { status: Some(OrderStatus::Paid), ..OrderSearch::default() };
    let page = orders.search(STORE, &paid, PageRequest::first(100)).await.unwrap();
    assert_eq!((page.data.len(), page.has_more), (100, true));
}

async fn rare_products_are_found_page_by_page(test: &TestDatabase) {
    let insert = format!(
        "INSERT INTO products (id, store_id, title, pictures, delivery_place, receiving_way, order_form_items, listed, deleted, version, \
         created_at) SELECT n + 1, 1, CASE WHEN n IN (7, 9000) THEN 'Green tea' ELSE 'Cup' END, '[]', '1', 0, '[]', TRUE, FALSE, 1, 0 FROM {}",
        numbers()
    );
    test.beside().await.execute(&insert, Vec::new()).await;
    let catalog = SqlCatalogRepository::new(test.database.clone(), false);
    let search = ProductSearch { text: Some("tea".to_owned()), ids: None };
    let (mut found, mut cursor, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = PageRequest { limit: 20, after: after(cursor.as_ref()) };
        let page = catalog.search_products(STORE, true, &search, page).await.unwrap();
        found.extend(page.data.iter().map(|product| product.id.0));
        pages += 1;
        cursor = page.next_cursor;
        if !page.has_more {
            break;
        }
    }
    assert_eq!((found, pages), (vec![9_001, 8], 10_000 / MAX_SEARCHED + 1));
}
