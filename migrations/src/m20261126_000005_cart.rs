//! Carts.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, boolean, string_len},
};

use crate::table::{NewTable, drop_tables};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_tables(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = ["cart_lines", "carts"];
        drop_tables(manager, &tables).await
    }
}

async fn create_tables(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
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
