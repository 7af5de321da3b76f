//! Verification codes, third-party accounts, addresses.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, big_integer_null, big_pk_auto, boolean, integer, string_len},
};

use crate::table::{NewTable, drop_tables};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_codes(manager).await?;
        create_entries(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = ["addresses", "address_books", "third_party_accounts", "code_tries", "sent_codes"];
        drop_tables(manager, &tables).await
    }
}

async fn create_codes(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
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

async fn create_entries(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    NewTable::named("third_party_accounts")
        .columns(vec![big_integer("store_id"), string_len("user_id", 64), string_len("provider", 32), string_len("account", 128)])
        .key(&["store_id", "user_id", "provider"])
        .create(manager)
        .await?;

    // The row that changes of one user's addresses hold, so that they follow each other.
    NewTable::named("address_books")
        .columns(vec![big_integer("store_id"), string_len("user_id", 64)])
        .key(&["store_id", "user_id"])
        .create(manager)
        .await?;

    NewTable::named("addresses")
        .columns(vec![
            big_pk_auto("id"),
            big_integer("store_id"),
            string_len("user_id", 64),
            string_len("name", 64),
            string_len("phone", 32),
            string_len("province", 64),
            string_len("city", 64),
            string_len("district", 64),
            string_len("address", 200),
            boolean("is_default"),
            big_integer("created_at"),
        ])
        .index("addresses_of_user", &["store_id", "user_id"])
        .create(manager)
        .await
}
