//! Shares of a user: unpaid orders are counted by an index, codes are kept one by one with the user they were sent for, and
//! wrong tries are counted for each user who made them.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, big_integer_null, integer, string_len},
};

use crate::table::{NewTable, drop_tables};

#[derive(DeriveMigrationName)]
pub struct Migration;

const UNPAID: &str = "orders_of_user_by_status";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if !manager.has_index("orders", UNPAID).await? {
            let mut index = Index::create();
            index.name(UNPAID).table("orders").col("store_id").col("user_id").col("status").col("order_no");
            manager.create_index(index).await?;
        }
        // Takes the place of `verification_codes`, which kept the last code of a phone alone.
        NewTable::named("sent_codes")
            .columns(vec![
                big_integer("store_id"),
                string_len("phone", 32),
                big_integer("sent_at"),
                string_len("user_id", 64),
                string_len("digest", 64),
                big_integer("expires_at"),
                big_integer_null("used_at"),
            ])
            .key(&["store_id", "phone", "sent_at"])
            .index("sent_codes_of_user", &["store_id", "user_id", "sent_at"])
            .index("sent_codes_by_age", &["sent_at"])
            .create(manager)
            .await?;
        // One row for each user and phone; a row without a phone, or without a user, is what sendings of that user, or to
        // that phone, wait for.
        NewTable::named("code_tries")
            .columns(vec![
                big_integer("store_id"),
                string_len("phone", 32),
                string_len("user_id", 64),
                integer("tries"),
                big_integer("since_at"),
            ])
            .key(&["store_id", "phone", "user_id"])
            .index("code_tries_by_age", &["since_at"])
            .create(manager)
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["code_tries", "sent_codes"]).await?;
        if manager.has_index("orders", UNPAID).await? {
            manager.drop_index(Index::drop().name(UNPAID).table("orders").to_owned()).await?;
        }
        Ok(())
    }
}
