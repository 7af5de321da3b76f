//! Indexes for lists, traces, counts and deletions, so that none of them costs more the more is stored.
//!
//! Of these an order pays for one when it is placed: the store's list, in which it is always the newest entry of its status.
//! The index of a user's orders goes: the one by status, which came before, answers the same, status by status.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

const OF_USER: &str = "orders_of_user";

/// Table, name, columns.
const INDEXES: [(&str, &str, &[&str]); 11] = [
    // Staff's lists of a store's orders, of one status or of all.
    ("orders", "orders_of_store", &["store_id", "status", "order_no"]),
    // Notices and exceptions of a payment in an order's trace.
    ("payment_notices", "payment_notices_of_payment", &["payment_id"]),
    ("payment_exceptions", "payment_exceptions_of_payment", &["payment_id"]),
    // What expires is found by its time.
    ("payment_notices", "payment_notices_by_age", &["at"]),
    ("payment_closures", "payment_closures_by_age", &["at"]),
    // The oldest task without an answer, and the refused ones that expire.
    ("points_tasks", "points_tasks_by_age", &["state", "created_at"]),
    // A SKU's receipts, newest first.
    ("stock_adjustments", "stock_adjustments_newest", &["sku_id", "at"]),
    // The shop window: offers and what is off the shelf stand between the products of the list.
    ("products", "products_shown", &["store_id", "listed", "deleted", "offer_only", "id"]),
    // What is running or coming, among all that is over.
    ("activities", "activities_open", &["store_id", "ends_at"]),
    ("campaigns", "campaigns_open", &["store_id", "ends_at"]),
    // A partner's pushes of one state.
    ("webhook_deliveries", "webhook_deliveries_of_state", &["subscription_id", "state", "seq"]),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, name, columns) in INDEXES {
            if manager.has_index(table, name).await? {
                continue;
            }
            let mut index = Index::create();
            index.name(name).table(table);
            for column in columns {
                index.col(*column);
            }
            manager.create_index(index).await?;
        }
        if manager.has_index("orders", OF_USER).await? {
            manager.drop_index(Index::drop().name(OF_USER).table("orders").to_owned()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if !manager.has_index("orders", OF_USER).await? {
            let mut of_user = Index::create();
            of_user.name(OF_USER).table("orders").col("store_id").col("user_id").col("order_no");
            manager.create_index(of_user).await?;
        }
        for (table, name, _) in INDEXES {
            if manager.has_index(table, name).await? {
                manager.drop_index(Index::drop().name(name).table(table).to_owned()).await?;
            }
        }
        Ok(())
    }
}
