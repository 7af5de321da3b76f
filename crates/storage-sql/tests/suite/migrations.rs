//! The schema goes up, up again without change, down to nothing, and up again.

use sea_orm::SqlErr;
use sluice_migrations::{Migrator, MigratorTrait as _};

use crate::databases::{TestDatabase, on_every_database};

const TABLES: &[&str] = &[
    "activities",
    "activity_products",
    "address_books",
    "addresses",
    "campaigns",
    "cart_lines",
    "carts",
    "code_tries",
    "dead_letters",
    "follow_tickets",
    "gate_effects",
    "gate_state",
    "idempotency_keys",
    "inbox",
    "limit_counters",
    "node_leases",
    "order_activities",
    "order_children",
    "order_items",
    "order_refunds",
    "order_settlements",
    "orders",
    "outbox",
    "outbox_leases",
    "parked_events",
    "parked_lanes",
    "payment_closures",
    "payment_exceptions",
    "payment_notices",
    "payments",
    "points_accounts",
    "points_ledger",
    "points_tasks",
    "products",
    "redemptions",
    "refunds",
    "reservation_outcomes",
    "sandbox_channels",
    "seen_times",
    "sent_codes",
    "skus",
    "stock",
    "stock_adjustments",
    "stock_ledger",
    "stores",
    "third_party_accounts",
    "webhook_attempts",
    "webhook_deliveries",
    "webhook_subscriptions",
];

on_every_database!(
    up_and_down,
    a_database_of_before_the_first_release_is_refused,
    the_database_itself_keeps_the_figures,
    the_database_itself_keeps_the_limits,
);

async fn up_and_down(test: &TestDatabase) {
    let beside = test.beside().await;
    let list = if test.database.is_sqlite() {
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'seaql_migrations'"
    } else {
        "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name <> 'seaql_migrations'"
    };
    let tables = async || {
        let mut names = beside.column::<String>(list).await;
        names.sort();
        names
    };
    assert_eq!(tables().await, TABLES);
    beside.execute("INSERT INTO carts (store_id, user_id, version) VALUES (1, 'stays', 7)", vec![]).await;

    test.database.migrate().await.unwrap();
    assert_eq!(beside.number("SELECT version FROM carts").await, 7);

    Migrator::down(beside.connection(), None).await.unwrap();
    assert_eq!(tables().await, [""; 0]);
    test.database.migrate().await.unwrap();
    assert_eq!(tables().await, TABLES);
}

/// The list of before the first release is gone: nothing is added to what it left, whole or not, and both who migrates and who
/// only opens the database are told what to do.
async fn a_database_of_before_the_first_release_is_refused(test: &TestDatabase) {
    let beside = test.beside().await;
    Migrator::down(beside.connection(), None).await.unwrap();
    let former = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m20261101_000001_catalog', 1)";
    beside.execute(former, vec![]).await;
    for refused in [test.database.migrate().await, test.database.is_up_to_date().await.map(|_| ())] {
        let cause = std::error::Error::source(&refused.unwrap_err()).unwrap().to_string();
        assert!(cause.contains("before the first release") && cause.contains("an empty one"), "{cause}");
    }
    let applied = beside.column::<String>("SELECT version FROM seaql_migrations").await;
    assert_eq!(applied, ["m20261101_000001_catalog"]);
    beside.execute("DELETE FROM seaql_migrations", vec![]).await;
    // Cut off in its first migration, where DDL is no transaction.
    beside.execute("CREATE TABLE products (id BIGINT PRIMARY KEY)", vec![]).await;
    let refused = test.database.migrate().await.unwrap_err();
    assert!(std::error::Error::source(&refused).unwrap().to_string().contains("before the first release"));
    beside.execute("DROP TABLE products", vec![]).await;
    test.database.migrate().await.unwrap();
}

/// Promise P5 for limits: no counter ever falls below nothing taken, and a user has one for each SKU.
async fn the_database_itself_keeps_the_limits(test: &TestDatabase) {
    use sea_orm::ConnectionTrait as _;
    let beside = test.beside().await;
    let insert = "INSERT INTO limit_counters (sku_id, user_id, store_id, orders, units) VALUES";
    beside.execute(&format!("{insert} (1, 'ann', 1, 1, 2), (1, 'Ann', 1, 1, 2), (2, 'ann', 1, 1, 2)"), vec![]).await;
    for broken in [
        "UPDATE limit_counters SET orders = orders - 2 WHERE sku_id = 1 AND user_id = 'ann'".to_owned(),
        "UPDATE limit_counters SET units = units - 3 WHERE sku_id = 1 AND user_id = 'ann'".to_owned(),
        format!("{insert} (1, 'ann', 1, 0, 0)"),
    ] {
        assert!(beside.connection().execute_unprepared(&broken).await.is_err(), "{broken}");
    }
}

/// Promise P1 does not rest on the program alone; and text compares byte by byte on every database.
async fn the_database_itself_keeps_the_figures(test: &TestDatabase) {
    let beside = test.beside().await;
    let insert = "INSERT INTO stock (sku_id, store_id, usable, locked, sold, received, buyable, revision) VALUES (1, 1, 5, 3, 2, 10, TRUE, 1)";
    beside.execute(insert, vec![]).await;
    for broken in ["usable = -1, received = 4", "usable = usable - 1", "locked = -1, usable = 9", "received = received + 1"] {
        use sea_orm::ConnectionTrait as _;
        let refused = beside.connection().execute_unprepared(&format!("UPDATE stock SET {broken} WHERE sku_id = 1")).await;
        assert!(refused.is_err(), "{broken}");
    }
    assert_eq!(beside.execute("UPDATE stock SET usable = usable - 1, locked = locked + 1 WHERE sku_id = 1", vec![]).await, 1);

    for user in ["case", "CASE", "cäse", "case "] {
        let insert = "INSERT INTO carts (store_id, user_id, version) VALUES (1, ?, 0)";
        let statement = sea_orm::Statement::from_sql_and_values(
            sea_orm::ConnectionTrait::get_database_backend(beside.connection()),
            insert,
            [user.into()],
        );
        let inserted = sea_orm::ConnectionTrait::execute_raw(beside.connection(), statement).await;
        let repeated = inserted.err().and_then(|error| error.sql_err());
        // MariaDB pads before it compares; ids never end in a blank.
        let padded = user == "case " && !test.database.is_sqlite();
        assert_eq!(matches!(repeated, Some(SqlErr::UniqueConstraintViolation(_))), padded, "{user:?}");
    }
}
