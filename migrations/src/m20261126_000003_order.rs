//! Orders with their children, items, activities and refunds, what was settled for them, and the keys they were placed under.

use sea_orm_migration::{
    prelude::*,
    schema::{
        big_integer, big_integer_null, binary_len, binary_len_null, integer, small_integer, small_integer_null, string_len,
        string_len_null,
    },
};

use crate::table::{NewTable, drop_tables, medium_text, not_negative};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_orders(manager).await?;
        create_parts(manager).await?;
        create_records(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = [
            "idempotency_keys",
            "order_settlements",
            "order_refunds",
            "order_activities",
            "order_items",
            "order_children",
            "orders",
        ];
        drop_tables(manager, &tables).await
    }
}

async fn create_orders(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    // `kind`: 1 cart, 2 activity. `status`: 1 unpaid, 2 confirming, 3 paid, 4 fulfilled, 5 completed, 6 cancelled,
    // 7 failed, 8 paid_after_close, 9 refunded. `cancel_reason`: 1 user, 2 expired, 3 staff. `refund_state`: 0 none,
    // 1 partial, 2 full.
    // `key_*`: the idempotency key that the order was placed under. Of the indexes an order pays most for staff's list of its
    // store, in which it is always the newest entry of its status.
    NewTable::named("orders")
        .columns(vec![
            big_integer("order_no").primary_key().take(),
            big_integer("store_id"),
            string_len("user_id", 64),
            small_integer("kind"),
            small_integer("status"),
            small_integer_null("cancel_reason"),
            small_integer("attempt"),
            string_len("currency", 3),
            big_integer("total"),
            big_integer("points_total"),
            big_integer("profit_total"),
            big_integer("refunded"),
            small_integer("refund_state"),
            big_integer("created_at"),
            big_integer("expires_at"),
            big_integer("due_at"),
            big_integer_null("paid_at"),
            string_len_null("payment_id", 64),
            string_len_null("store_code", 64),
            string_len_null("rq", 128),
            string_len_null("cookie_id", 128),
            string_len_null("referrer", 512),
            string_len("redirect_type", 16),
            big_integer("version"),
            string_len_null("recipient_name", 64),
            string_len_null("recipient_phone", 32),
            string_len_null("recipient_id_card", 32),
            string_len_null("recipient_province", 64),
            string_len_null("recipient_city", 64),
            string_len_null("recipient_district", 64),
            string_len_null("recipient_address", 200),
            binary_len_null("key_scope", 16),
            binary_len_null("key_fingerprint", 32),
        ])
        .check(not_negative("total"))
        .check(not_negative("refunded"))
        .check(Expr::col("refunded").lte(Expr::col("total")))
        .index("orders_due", &["status", "due_at"])
        .unique("orders_key_once", &["key_scope"])
        .index("orders_of_user_by_status", &["store_id", "user_id", "status", "order_no"])
        .index("orders_of_store", &["store_id", "status", "order_no"])
        .create(manager)
        .await
}

async fn create_parts(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    NewTable::named("order_children")
        .columns(vec![
            big_integer("order_no").primary_key().take(),
            big_integer("main_no"),
            big_integer("store_id"),
            string_len("delivery_place", 64),
            big_integer("total"),
            big_integer("points_total"),
            big_integer("profit_total"),
        ])
        .index("order_children_of_main", &["main_no"])
        .create(manager)
        .await?;

    NewTable::named("order_items")
        .columns(vec![
            big_integer("main_no"),
            big_integer("sku_id"),
            big_integer("store_id"),
            big_integer("child_no"),
            big_integer("product_id"),
            string_len("title", 200),
            string_len_null("picture", 500),
            string_len("spec", 200),
            string_len("code", 64),
            big_integer("quantity"),
            big_integer("unit_price"),
            big_integer("unit_points"),
            big_integer("line_total"),
            big_integer("supplier_price"),
            big_integer("allotable_profit"),
            string_len("delivery_place", 64),
            big_integer("revision"),
            big_integer("restocked"),
        ])
        .key(&["main_no", "sku_id"])
        .check(Expr::col("quantity").gt(0))
        .check(not_negative("restocked"))
        .check(Expr::col("restocked").lte(Expr::col("quantity")))
        .create(manager)
        .await?;

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

async fn create_records(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    NewTable::named("order_refunds")
        .columns(vec![
            string_len("refund_id", 80).primary_key().take(),
            big_integer("order_no"),
            big_integer("amount"),
            big_integer("at"),
        ])
        .index("order_refunds_of_order", &["order_no"])
        .create(manager)
        .await?;

    // `due_at`: when a sweeper takes it up; NULL where it was given up and staff were told.
    NewTable::named("order_settlements")
        .columns(vec![
            string_len("settlement_id", 128).primary_key().take(),
            big_integer("order_no"),
            big_integer("store_id"),
            medium_text("payload"),
            big_integer_null("due_at"),
            integer("attempts"),
        ])
        .index("order_settlements_due", &["due_at"])
        .create(manager)
        .await?;

    // `scope`: the first 16 bytes of SHA-256 over route, store, user and key.
    NewTable::named("idempotency_keys")
        .columns(vec![
            binary_len("scope", 16).primary_key().take(),
            big_integer("order_no"),
            binary_len("fingerprint", 32),
            big_integer("created_at"),
        ])
        .index("idempotency_keys_by_age", &["created_at"])
        .create(manager)
        .await
}
