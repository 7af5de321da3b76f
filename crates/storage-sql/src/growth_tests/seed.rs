//! Tables with enough rows that the optimiser decides as it does in production: 4,000 of most, in few statements.

use sea_orm::{ConnectionTrait as _, DatabaseConnection};
use sluice_kernel::OrderNo;

/// The order that is traced.
pub(super) const TRACED: i64 = 2_001;
/// An instant in the middle of everything.
pub(super) const NOW: i64 = 1_790_000_000_000;
const DAY: i64 = 86_400_000;

/// Statements in the common subset of both dialects; `numbers` holds 0 to 3,999.
#[expect(clippy::too_many_lines, reason = "one list, a table each")]
fn statements() -> Vec<String> {
    let digits = "(SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 \
                  UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)";
    let mut all = vec![
        "CREATE TABLE numbers (n BIGINT PRIMARY KEY)".to_owned(),
        format!(
            "INSERT INTO numbers SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d FROM {digits} a, {digits} b, {digits} c, {digits} e \
             WHERE e.d < 4"
        ),
    ];
    let mut plant = |table: &str, columns: &str, values: &str| {
        all.push(format!("INSERT INTO {table} ({columns}) SELECT {values} FROM numbers"));
    };
    // Two stores; fifty users; one order in eight is unpaid, a tenth of those past its deadline; most are completed.
    let order = "order_no, store_id, user_id, kind, status, attempt, currency, total, points_total, profit_total, refunded, \
                 refund_state, created_at, expires_at, due_at, redirect_type, version, payment_id, cancel_reason, key_scope, key_fingerprint, \
                 recipient_phone";
    let due = format!("{NOW} + (n % 97) * 1000 - 9000");
    plant(
        "orders",
        order,
        &format!(
            "n + 1, 1 + n % 2, CONCAT('u', n % 50), 1, CASE WHEN n % 8 = 0 THEN 1 WHEN n % 8 < 3 THEN 6 ELSE 5 END, 1, 'CNY', 100, 0, 0, 0, \
             0, {NOW} - 900000, {due}, {due}, '2', 0, CONCAT('p', n), 1, CONCAT('key-', n), 'f', CONCAT('138', n % 50)"
        ),
    );
    plant(
        "order_children",
        "order_no, main_no, store_id, delivery_place, total, points_total, profit_total",
        "n + 100001, n + 1, 1, '1', 1, 0, 0",
    );
    plant(
        "order_items",
        "main_no, sku_id, store_id, child_no, product_id, title, spec, code, quantity, unit_price, unit_points, line_total, \
         supplier_price, allotable_profit, delivery_place, revision, restocked",
        "n + 1, 1 + n % 3, 1, n + 100001, 1, 't', 's', 'c', 1, 1, 0, 1, 0, 0, '1', 1, 0",
    );
    // Three hot SKUs, so that whoever looks an order up among a SKU's movements reads a thousand.
    plant(
        "stock_ledger",
        "store_id, sku_id, movement_id, kind, quantity, order_no, at, applied",
        &format!("1, 1 + n % 3, CONCAT(n + 1, '-1'), 1, 1, n + 1, {NOW}, 1"),
    );
    plant(
        "stock_adjustments",
        "id, store_id, sku_id, delta, reason, status, at",
        &format!("CONCAT('a', n), 1, 1 + n % 3, 1, 'r', 1, {NOW} - n"),
    );
    plant(
        "reservation_outcomes",
        "reservation_id, released, at",
        &format!("CONCAT(n, '-1'), n % 2, {NOW} - 15 * {DAY} + n * 300000"),
    );
    plant("order_refunds", "refund_id, order_no, amount, at", &format!("CONCAT('r', n), n + 1, 1, {NOW}"));
    plant(
        "idempotency_keys",
        "scope, order_no, fingerprint, created_at",
        &format!("CONCAT('k', n), n + 1, 'f', {NOW} - 3 * {DAY} + n * 300000"),
    );
    plant(
        "payments",
        "payment_id, provider, store_id, user_id, order_no, amount, currency, status, live, expires_at, created_at, refunded",
        &format!("CONCAT('p', n), 'sandbox', 1, 'u', n + 1, 100, 'CNY', 2, NULL, {NOW}, {NOW}, 0"),
    );
    plant(
        "payment_notices",
        "provider, event_id, payment_id, status, amount, currency, at",
        &format!("'sandbox', CONCAT('e', n), CONCAT('p', n), 2, 100, 'CNY', {NOW} - 91 * {DAY} + n * 300000"),
    );
    plant("payment_closures", "order_no, store_id, at", &format!("n + 1, 1, {NOW} - 15 * {DAY} + n * 300000"));
    plant(
        "payment_exceptions",
        "kind, store_id, order_no, payment_id, detail, at",
        &format!("'paid_twice', 1 + n % 2, CONCAT(n, ''), CONCAT('p', n), 'd', {NOW}"),
    );
    plant(
        "refunds",
        "refund_id, payment_id, order_no, store_id, amount, currency, status, reason, restock, created_at, next_try_at",
        &format!(
            "CONCAT('r', n), CONCAT('p', n), n + 1, 1, 1, 'CNY', CASE WHEN n % 40 = 0 THEN 0 ELSE 1 END, 'r', '[]', {NOW} - n, {NOW} - 1000"
        ),
    );
    plant(
        "sandbox_channels",
        "payment_id, outcome, notice_id, at, delivered_at",
        &format!("CONCAT('p', n), 1, 'n', {NOW}, {NOW} - 31 * {DAY} + n * 300000"),
    );
    plant("inbox", "consumer, event_id, at", &format!("'cart', CONCAT('e', n), {NOW} - 15 * {DAY} + n * 300000"));
    plant("outbox", "slice, available_at, payload", &format!("n % 16, {NOW} - 1000, '{{}}'"));
    plant(
        "sent_codes",
        "store_id, phone, sent_at, user_id, digest, expires_at",
        &format!("1, CONCAT(n, ''), {NOW} - 3 * {DAY} + n * 300000, 'u', 'd', 1"),
    );
    plant(
        "code_tries",
        "store_id, phone, user_id, tries, since_at",
        &format!("1, CONCAT(n, ''), 'u', 1, {NOW} - 3 * {DAY} + n * 300000"),
    );
    // A hundredth was replayed; the others wait.
    plant(
        "dead_letters",
        "consumer, topic, event_key, event_id, event_type, event_time, data, attempts, error_code, error_detail, at, state, replays, store_id",
        &format!(
            "'cart', CASE WHEN n % 2 = 0 THEN 'order-created' ELSE 'order-paid' END, CONCAT(n, ''), CONCAT('e', n), 't', 1, '{{}}', 1, 'c', 'd', \
             {NOW} - 31 * {DAY} + n * 300000, CASE WHEN n % 100 = 0 THEN 2 ELSE 0 END, 0, 1 + n % 4"
        ),
    );
    // A tenth stepped aside on the way to the bus, the others on the way to consumers.
    plant(
        "parked_lanes",
        "id, owner, lane, tries, next_try_at, error",
        &format!("n + 1, CASE WHEN n % 10 = 0 THEN 'relay' ELSE 'cart' END, CONCAT('l', n), 1, {NOW} - 1000, 'e'"),
    );
    plant("parked_events", "lane_id, envelope, attempts, parked_at", &format!("n + 1, '{{}}', 1, {NOW} - 1000"));
    plant(
        "order_settlements",
        "settlement_id, order_no, store_id, payload, due_at, attempts",
        &format!("CONCAT('s', n), n + 1, 1, '{{}}', {NOW} + n, 0"),
    );
    plant(
        "points_tasks",
        "kind, business_id, store_id, user_id, points, currency, order_no, reason, state, attempts, next_try_at, created_at",
        &format!(
            "1, CONCAT(n + 1, ''), 1, 'u', 1, 'CNY', n + 1, 'order', 1 + n % 3, 1, {NOW} - 1000, {NOW} - 91 * {DAY} + n * 300000"
        ),
    );
    plant(
        "points_ledger",
        "store_id, user_id, kind, business_id, asked, points, balance_after, refused, order_no, reason, at",
        &format!("1, CONCAT('u', n % 50), 1, CONCAT(n + 1, ''), 1, 1, 0, 0, n + 1, 'order', {NOW}"),
    );
    // Of a thousand products the newest are offers, and nearly all promotions are over.
    plant(
        "products",
        "id, store_id, title, pictures, delivery_place, receiving_way, order_form_items, listed, deleted, version, created_at, offer_only",
        "n + 1, 1 + n % 2, 't', '[]', '1', 0, '[]', 1, 0, 0, 0, CASE WHEN n > 1000 THEN 1 ELSE 0 END",
    );
    plant(
        "skus",
        "id, store_id, product_id, code, spec, price, points, allotable_profit, supplier_price, listed, deleted, version, revision",
        "n + 1, 1 + n % 2, n + 1, 'c', 's', 1, 0, 0, 0, 1, 0, 0, 1",
    );
    let ends = format!("{NOW} + (CASE WHEN n % 100 = 0 THEN 1 ELSE -1 END) * {DAY}");
    plant(
        "activities",
        "id, store_id, title, starts_at, ends_at, mode, version",
        &format!("n + 1, 1 + n % 3, 't', 0, {ends}, 'cash', 1"),
    );
    plant(
        "activity_products",
        "product_id, store_id, activity_id, sku_id, discount, sales_status, deleted, version",
        "n + 1, 1 + n % 3, n + 1, n + 1, 10000, 1, 0, 1",
    );
    plant("campaigns", "id, store_id, name, starts_at, ends_at, version", &format!("n + 1, 1 + n % 3, 't', 0, {ends}, 1"));
    plant(
        "redemptions",
        "order_no, store_id, user_id, activity_id, product_id, quantity, cash, currency, points, unit_profit, total_profit, paid_at",
        &format!("n + 1, 1 + n % 2, 'u', 1, 1, 1, 1, 'CNY', 0, 0, 0, {NOW}"),
    );
    // Four subscriptions; of their pushes one in fifty was given up.
    plant(
        "webhook_deliveries",
        "delivery_id, subscription_id, store_id, event_id, event_type, order_no, body, state, tries, blamed, created_at, since_at, next_try_at",
        &format!(
            "CONCAT('d', n), 1 + n % 4, 1, CONCAT('e', n), 'referral', n + 1, '{{}}', CASE WHEN n % 50 = 0 THEN 2 WHEN n % 5 = 0 THEN 0 ELSE 1 END, \
             1, 0, {NOW}, {NOW} - 31 * {DAY} + n * 300000, {NOW} - 1000"
        ),
    );
    plant(
        "webhook_attempts",
        "delivery_seq, slot, number, at, took_ms",
        &format!("n + 1, 1, 1, {NOW} - 31 * {DAY} + n * 300000, 5"),
    );
    all.push(
        "INSERT INTO webhook_subscriptions (store_id, url, event_types, secret, active, deleted, version, created_at, failures, resume_at, \
         lease, leased_until) SELECT 1, 'https://p.example', 'referral', 'whsec_AAAA', 1, 0, 1, 0, 0, 0, '', 0 FROM numbers WHERE n < 4"
            .to_owned(),
    );
    // Its movements are named by the number that people know.
    all.push(format!("UPDATE stock_ledger SET movement_id = '{}-1' WHERE order_no = {TRACED}", OrderNo::from_id(TRACED)));
    all
}

pub(super) async fn seed(connection: &DatabaseConnection, sqlite: bool) {
    for statement in statements() {
        connection.execute_unprepared(&statement).await.unwrap_or_else(|error| panic!("{error}: {statement}"));
    }
    if sqlite {
        connection.execute_unprepared("ANALYZE").await.unwrap();
    } else {
        let tables = connection.query_all_raw(sea_orm::Statement::from_string(connection.get_database_backend(), "SHOW TABLES"));
        for table in tables.await.unwrap() {
            let name: String = table.try_get_by_index(0).unwrap();
            connection.execute_unprepared(&format!("ANALYZE TABLE {name}")).await.unwrap();
        }
    }
}
