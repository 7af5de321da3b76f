//! A row that cannot be read hides no other: pages stay whole, and lists end where they end.

use sluice_events::{DeadLetterId, DeadLetterStore as _, LetterQuery};
use sluice_kernel::{PageRequest, StoreId, Timestamp, UserId};
use sluice_order::{OrderQuery, OrderRepository as _};
use sluice_partner::{DeliveryQuery, DeliveryQueue as _, SubscriptionId, SubscriptionRepository as _};
use sluice_pay::RefundRepository as _;
use sluice_points::PointsTasks as _;
use sluice_promotion::PromotionRepository as _;
use sluice_storage_sql::{
    SqlCatalogRepository, SqlDeadLetterStore, SqlDeliveryQueue, SqlOrderRepository, SqlPointsTasks, SqlPromotionRepository,
    SqlRefundRepository, SqlSubscriptionRepository, StockMode,
};

use crate::databases::{TestDatabase, on_every_database};

on_every_database!(activities_and_products, orders, dead_letters, subscriptions_and_deliveries, points_tasks, refunds);

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

async fn dead_letters(test: &TestDatabase) {
    let beside = test.beside().await;
    for id in 1..=5_i64 {
        let topic = if id == 3 { "order-eaten" } else { "order-paid" };
        let insert = "INSERT INTO dead_letters (id, consumer, topic, event_key, event_id, event_type, event_time, data, attempts, \
            error_code, error_detail, at, store_id, state, replays) \
            VALUES (?, 'cart', ?, 'k', ?, 't', 0, '{}', 1, 'internal', '', 0, 1, 0, 0)";
        beside.execute(insert, vec![id.into(), topic.into(), format!("e-{id}").into()]).await;
    }
    let letters = SqlDeadLetterStore::new(test.database.clone());
    let listed = async |limit, after: Option<i64>| -> Vec<i64> {
        let query = LetterQuery { limit, after: after.map(DeadLetterId), store: Some(STORE), ..LetterQuery::default() };
        letters.list(query).await.unwrap().iter().map(|letter| letter.id.0).collect()
    };
    assert_eq!(
        (listed(3, None).await, listed(3, Some(4)).await, listed(100, None).await),
        (vec![5, 4, 2], vec![2, 1], vec![5, 4, 2, 1])
    );
    letters.find(DeadLetterId(3)).await.unwrap_err();
}

async fn subscriptions_and_deliveries(test: &TestDatabase) {
    let beside = test.beside().await;
    for id in 1..=5_i64 {
        let types = if id == 3 { "order.eaten" } else { "order.paid" };
        let insert = "INSERT INTO webhook_subscriptions (id, store_id, url, event_types, secret, active, deleted, version, created_at, \
            failures, resume_at, lease, leased_until) VALUES (?, 1, 'https://example.org/', ?, 'whsec_AAAA', TRUE, FALSE, 1, 0, 0, 0, '', 0)";
        beside.execute(insert, vec![id.into(), types.into()]).await;
        let insert = "INSERT INTO webhook_deliveries (seq, delivery_id, subscription_id, store_id, event_id, event_type, order_no, body, \
            created_at, since_at, next_try_at, state, tries, blamed) VALUES (?, ?, 1, 1, ?, ?, 1, '{}', 0, 0, 0, 0, 0, 0)";
        beside.execute(insert, vec![id.into(), format!("d-{id}").into(), format!("e-{id}").into(), types.into()]).await;
    }
    let subscriptions = SqlSubscriptionRepository::new(test.database.clone());
    let page = |after| PageRequest { limit: 2, after };
    let ids = async |after| -> Vec<i64> {
        subscriptions.list(STORE, page(after)).await.unwrap().iter().map(|subscription| subscription.id.0).collect()
    };
    assert_eq!((ids(None).await, ids(Some(4)).await), (vec![5, 4, 2], vec![2, 1]));
    // An event must not miss a partner: it waits, or becomes a dead letter that staff replay.
    subscriptions.active_of(&[STORE]).await.unwrap_err();
    subscriptions.find(STORE, SubscriptionId(3)).await.unwrap_err();

    let deliveries = SqlDeliveryQueue::new(test.database.clone());
    let seqs = async |after| -> Vec<i64> {
        let query = DeliveryQuery { store: STORE, subscription: SubscriptionId(1), state: None, page: page(after) };
        deliveries.list(query).await.unwrap().iter().map(|delivery| delivery.seq).collect()
    };
    assert_eq!((seqs(None).await, seqs(Some(4)).await), (vec![5, 4, 2], vec![2, 1]));
    let due = async |at, limit| -> Vec<i64> {
        let found = deliveries.due(SubscriptionId(1), Timestamp::from_millis(at), limit).await.unwrap();
        found.iter().map(|delivery| delivery.seq).collect()
    };
    assert_eq!(due(1, 3).await, [1, 2]);
    // It has stepped aside, counts as tried and is looked at again later.
    assert_eq!(due(1, 3).await, [1, 2, 4]);
    let aside = "SELECT COUNT(*) FROM webhook_deliveries WHERE seq = 3 AND tries = 1 AND state = 0 AND next_try_at = 300001";
    assert_eq!(beside.number(aside).await, 1);
}

/// The oldest of the due ones cannot be read, as if a newer version had written it: the others are leased.
async fn points_tasks(test: &TestDatabase) {
    let beside = test.beside().await;
    for (business, restock) in [("1", "no list"), ("2", "[]"), ("3", "[]")] {
        let insert = "INSERT INTO points_tasks (kind, business_id, store_id, user_id, points, currency, reason, restock, state, attempts, \
            next_try_at, created_at) VALUES (1, ?, 1, '42', 5, 'CNY', 'order', ?, 1, 0, 0, 0)";
        beside.execute(insert, vec![business.into(), restock.into()]).await;
    }
    let tasks = SqlPointsTasks::new(test.database.clone());
    let at = Timestamp::from_millis;
    let mut leased: Vec<String> = tasks
        .lease(10, "one", at(1), at(9))
        .await
        .unwrap()
        .into_iter()
        .map(|standing| standing.task.operation.business_id)
        .collect();
    leased.sort_unstable();
    assert_eq!(leased, ["2", "3"]);
    assert_eq!(beside.number("SELECT next_try_at FROM points_tasks WHERE business_id = '1'").await, 9, "it comes again later");
}

async fn refunds(test: &TestDatabase) {
    let beside = test.beside().await;
    for number in 1..=5_i64 {
        let restock = if number == 4 { "no list" } else { "[]" };
        let insert = "INSERT INTO refunds (refund_id, payment_id, order_no, store_id, amount, currency, status, reason, restock, created_at, \
            next_try_at) VALUES (?, 'p', 7, 1, 5, 'CNY', 1, 'why', ?, ?, 0)";
        beside.execute(insert, vec![format!("r{number}").into(), restock.into(), number.into()]).await;
    }
    let refunds = SqlRefundRepository::new(test.database.clone());
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = refunds.list(STORE, None, PageRequest { limit: 1, after }).await.unwrap();
        seen.extend(page.data.iter().map(|refund| refund.id.to_string()));
        match page.next_cursor {
            Some(cursor) => after = PageRequest::parse_cursor(&cursor).ok(),
            None => break,
        }
    }
    assert_eq!(seen, ["r5", "r3", "r2", "r1"]);
}
