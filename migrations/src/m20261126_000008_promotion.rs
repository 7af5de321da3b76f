//! Activities with their offers, campaigns, redemptions.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, big_integer_null, big_pk_auto, boolean, small_integer, string_len, string_len_null},
};

use crate::table::{NewTable, drop_tables, not_negative};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_offers(manager).await?;
        create_campaigns(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = ["redemptions", "campaigns", "activity_products", "activities"];
        drop_tables(manager, &tables).await
    }
}

async fn create_offers(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    NewTable::named("activities")
        .columns(vec![
            big_pk_auto("id"),
            big_integer("store_id"),
            string_len("title", 200),
            big_integer("starts_at"),
            big_integer("ends_at"),
            string_len("mode", 8),
            big_integer("version"),
        ])
        .check(Expr::col("starts_at").lte(Expr::col("ends_at")))
        .index("activities_of_store", &["store_id", "id"])
        .index("activities_open", &["store_id", "ends_at"])
        .create(manager)
        .await?;

    // `discount` in ten-thousandths.
    NewTable::named("activity_products")
        .columns(vec![
            big_integer("product_id").primary_key().take(),
            big_integer("store_id"),
            big_integer("activity_id"),
            big_integer("sku_id"),
            string_len_null("mode", 8),
            big_integer("discount"),
            small_integer("sales_status"),
            big_integer_null("per_user_limit"),
            boolean("deleted"),
            big_integer("version"),
        ])
        .check(Expr::col("discount").gt(0))
        .check(Expr::col("discount").lte(10_000))
        .check(Expr::col("per_user_limit").gt(0))
        .index("activity_products_of_activity", &["activity_id", "product_id"])
        .create(manager)
        .await
}

async fn create_campaigns(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    NewTable::named("campaigns")
        .columns(vec![
            big_pk_auto("id"),
            big_integer("store_id"),
            string_len("name", 200),
            big_integer("starts_at"),
            big_integer("ends_at"),
            big_integer("version"),
        ])
        .check(Expr::col("starts_at").lte(Expr::col("ends_at")))
        .index("campaigns_of_store", &["store_id", "id"])
        .index("campaigns_open", &["store_id", "ends_at"])
        .create(manager)
        .await?;

    // `paid_at` is missing while only the refund was told: the two travel on different topics.
    NewTable::named("redemptions")
        .columns(vec![
            big_integer("order_no").primary_key().take(),
            big_integer("store_id"),
            string_len("user_id", 64),
            big_integer("activity_id"),
            big_integer("product_id"),
            big_integer("quantity"),
            big_integer("cash"),
            string_len("currency", 3),
            big_integer("points"),
            string_len_null("promoter", 64),
            big_integer("unit_profit"),
            big_integer("total_profit"),
            big_integer_null("campaign_id"),
            big_integer_null("paid_at"),
            big_integer_null("refunded_at"),
        ])
        .check(not_negative("cash"))
        .check(not_negative("points"))
        .index("redemptions_of_store", &["store_id", "order_no"])
        .create(manager)
        .await
}
