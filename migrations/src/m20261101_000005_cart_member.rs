//! Carts; verification codes, third-party accounts and address books.

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
        create_cart(manager).await?;
        create_member(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = ["addresses", "address_books", "third_party_accounts", "verification_codes", "cart_lines", "carts"];
        drop_tables(manager, &tables).await
    }
}

async fn create_cart(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    NewTable::named("carts")
        .columns(vec![big_integer("store_id"), string_len("user_id", 64), big_integer("version")])
        .key(&["store_id", "user_id"])
        .create(manager)
        .await?;

    NewTable::named("cart_lines")
        .columns(vec![
            big_integer("store_id"),
            string_len("user_id", 64),
            big_integer("sku_id"),
            big_integer("quantity"),
            boolean("selected"),
            big_integer("added_at"),
        ])
        .key(&["store_id", "user_id", "sku_id"])
        .check(Expr::col("quantity").gt(0))
        .create(manager)
        .await
}

async fn create_member(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    NewTable::named("verification_codes")
        .columns(vec![
            big_integer("store_id"),
            string_len("phone", 32),
            string_len("digest", 64),
            big_integer("sent_at"),
            big_integer("expires_at"),
            integer("tries"),
            big_integer_null("used_at"),
        ])
        .key(&["store_id", "phone"])
        .create(manager)
        .await?;

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
