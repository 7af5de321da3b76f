//! What only an order of an activity keeps: one row beside its row in `orders`.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, big_integer_null, small_integer, string_len, string_len_null},
};

use crate::table::{NewTable, drop_tables, not_negative};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // `pay_type`: 1 cash, 2 points. `discount`: decimal text in (0, 1]. `price`, `points_price`: a unit before the
        // discount. `most_orders`, `most_units`: the user's limit the order was placed under.
        NewTable::named("order_activities")
            .columns(vec![
                big_integer("order_no").primary_key().take(),
                big_integer("store_id"),
                big_integer("activity_id"),
                big_integer("product_id"),
                big_integer("sku_id"),
                big_integer_null("campaign_id"),
                small_integer("pay_type"),
                string_len("discount", 32),
                big_integer("price"),
                big_integer("points_price"),
                big_integer("quantity"),
                small_integer("receiving_way"),
                string_len_null("own_form", 500),
                string_len_null("promoter", 400),
                string_len_null("customer_product_id", 64),
                big_integer("partner_unit_price"),
                big_integer("partner_total"),
                big_integer("starts_at"),
                big_integer("ends_at"),
                big_integer_null("most_orders"),
                big_integer_null("most_units"),
            ])
            .check(Expr::col("quantity").gt(0))
            .check(not_negative("price"))
            .check(not_negative("points_price"))
            .create(manager)
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["order_activities"]).await
    }
}
