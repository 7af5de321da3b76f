//! Stores, products and SKUs.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, big_pk_auto, boolean, small_integer, string_len, string_len_null, text},
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
        let tables = ["skus", "products", "stores"];
        drop_tables(manager, &tables).await
    }
}

async fn create_tables(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    NewTable::named("stores")
        .columns(vec![
            big_integer("id").primary_key().take(),
            string_len("name", 200),
            string_len("currency", 3),
            text("settings"),
            big_integer("version"),
        ])
        .create(manager)
        .await?;

    // `products_shown` is the shop window: offers and what is off the shelf stand between the products of the list.
    NewTable::named("products")
        .columns(vec![
            big_pk_auto("id"),
            big_integer("store_id"),
            string_len("title", 200),
            text("pictures"),
            string_len("delivery_place", 64),
            small_integer("receiving_way"),
            string_len_null("customer_product_id", 64),
            text("order_form_items"),
            boolean("listed"),
            boolean("deleted"),
            big_integer("version"),
            big_integer("created_at"),
            boolean("offer_only").default(false).take(),
        ])
        .index("products_of_store", &["store_id", "id"])
        .index("products_shown", &["store_id", "listed", "deleted", "offer_only", "id"])
        .create(manager)
        .await?;

    // `revision` grows with every change of the SKU or its product, here and at the stock row in one transaction.
    NewTable::named("skus")
        .columns(vec![
            big_pk_auto("id"),
            big_integer("store_id"),
            big_integer("product_id"),
            string_len("code", 64),
            string_len("spec", 200),
            big_integer("price"),
            big_integer("points"),
            big_integer("allotable_profit"),
            big_integer("supplier_price"),
            boolean("listed"),
            boolean("deleted"),
            big_integer("version"),
            big_integer("revision"),
        ])
        .check(not_negative("price"))
        .check(not_negative("points"))
        .check(not_negative("allotable_profit"))
        .check(not_negative("supplier_price"))
        .index("skus_of_product", &["product_id"])
        .create(manager)
        .await
}
