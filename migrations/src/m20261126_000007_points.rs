//! Points accounts, their ledger and their tasks.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, big_integer_null, big_pk_auto, boolean, integer, small_integer, string_len, string_len_null, text_null},
};

use crate::table::{NewTable, drop_tables, not_negative};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_tables(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = ["points_tasks", "points_ledger", "points_accounts"];
        drop_tables(manager, &tables).await
    }
}

async fn create_tables(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    NewTable::named("points_accounts")
        .columns(vec![big_integer("store_id"), string_len("user_id", 64), big_integer("balance")])
        .key(&["store_id", "user_id"])
        .check(not_negative("balance"))
        .create(manager)
        .await?;

    // A refused operation keeps a row as well: its answer is final. It moved 0 points and is shown to nobody.
    NewTable::named("points_ledger")
        .columns(vec![
            big_pk_auto("id"),
            big_integer("store_id"),
            string_len("user_id", 64),
            small_integer("kind"),
            string_len("business_id", 64),
            big_integer("asked"),
            big_integer("points"),
            big_integer("balance_after"),
            boolean("refused"),
            big_integer_null("order_no"),
            string_len("reason", 200),
            big_integer("at"),
        ])
        .check(not_negative("balance_after"))
        .unique("points_ledger_once", &["business_id", "kind", "store_id", "user_id"])
        .index("points_ledger_of_user", &["store_id", "user_id", "id"])
        .create(manager)
        .await?;

    NewTable::named("points_tasks")
        .columns(vec![
            small_integer("kind"),
            string_len("business_id", 64),
            big_integer("store_id"),
            string_len("user_id", 64),
            big_integer("points"),
            string_len("currency", 3),
            big_integer_null("order_no"),
            string_len("reason", 200),
            text_null("restock"),
            string_len_null("traceparent", 64),
            small_integer("state"),
            integer("attempts"),
            big_integer("next_try_at"),
            string_len_null("lease", 64),
            string_len_null("answer", 200),
            big_integer("created_at"),
            big_integer_null("ended_at"),
        ])
        .key(&["kind", "business_id"])
        .check(not_negative("points"))
        .index("points_tasks_due", &["state", "next_try_at"])
        .index("points_tasks_of_order", &["order_no"])
        .index("points_tasks_by_age", &["state", "created_at"])
        .create(manager)
        .await
}
