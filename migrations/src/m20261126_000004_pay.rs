//! Payments, what providers told of them, refunds, and the embedded provider.

use sea_orm_migration::{
    prelude::*,
    schema::{
        big_integer, big_integer_null, big_pk_auto, binary_len_null, integer, small_integer, small_integer_null, string_len,
        string_len_null, text,
    },
};

use crate::table::{NewTable, drop_tables, not_negative};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_payments(manager).await?;
        create_exceptions(manager).await?;
        create_refunds(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = ["sandbox_channels", "refunds", "payment_exceptions", "payment_notices", "payment_closures", "payments"];
        drop_tables(manager, &tables).await
    }
}

async fn create_payments(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    // `status`: 1 pending, 2 paid, 3 failed, 4 closed. `live` is 1 while pending and NULL afterwards, so the unique
    // index allows one live payment an order and any number of former ones.
    NewTable::named("payments")
        .columns(vec![
            string_len("payment_id", 64).primary_key().take(),
            string_len("provider", 32),
            big_integer("store_id"),
            string_len("user_id", 64),
            big_integer("order_no"),
            big_integer("amount"),
            string_len("currency", 3),
            small_integer("status"),
            small_integer_null("live"),
            string_len_null("url", 500),
            big_integer("expires_at"),
            big_integer("created_at"),
            big_integer_null("settled_at"),
            big_integer("refunded"),
        ])
        .check(not_negative("amount"))
        .check(not_negative("refunded"))
        .check(Expr::col("refunded").lte(Expr::col("amount")))
        .unique("payments_one_live", &["order_no", "live"])
        .create(manager)
        .await?;

    NewTable::named("payment_closures")
        .columns(vec![big_integer("order_no").primary_key().take(), big_integer("store_id"), big_integer("at")])
        .index("payment_closures_by_age", &["at"])
        .create(manager)
        .await?;

    NewTable::named("payment_notices")
        .columns(vec![
            string_len("provider", 32),
            string_len("event_id", 128),
            string_len("payment_id", 64),
            small_integer("status"),
            big_integer("amount"),
            string_len("currency", 8),
            big_integer("at"),
        ])
        .key(&["provider", "event_id"])
        .index("payment_notices_of_payment", &["payment_id"])
        .index("payment_notices_by_age", &["at"])
        .create(manager)
        .await
}

async fn create_exceptions(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    // Order and payment are '' where unknown: NULLs would escape the unique index.
    // `digest`: '' for those that are kept once for their payment.
    NewTable::named("payment_exceptions")
        .columns(vec![
            big_pk_auto("id"),
            string_len("kind", 32),
            big_integer_null("store_id"),
            string_len("order_no", 32),
            string_len("payment_id", 64),
            text("detail"),
            big_integer("at"),
            string_len("digest", 32).default("").take(),
        ])
        .index("payment_exceptions_of_store", &["store_id", "id"])
        .index("payment_exceptions_of_payment", &["payment_id"])
        .unique("payment_exceptions_once_each", &["kind", "payment_id", "order_no", "digest"])
        .create(manager)
        .await
}

async fn create_refunds(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    // `status`: 0 pending, 1 done, 2 refused by the provider. `fingerprint`: of the request that staff sent.
    NewTable::named("refunds")
        .columns(vec![
            string_len("refund_id", 80).primary_key().take(),
            string_len("payment_id", 64),
            big_integer("order_no"),
            big_integer("store_id"),
            big_integer("amount"),
            string_len("currency", 3),
            small_integer("status"),
            string_len("reason", 200),
            text("restock"),
            big_integer("created_at"),
            big_integer_null("finished_at"),
            big_integer("next_try_at").default(0).take(),
            integer("attempts").default(0).take(),
            string_len_null("refusal", 500),
            binary_len_null("fingerprint", 32),
        ])
        .check(not_negative("amount"))
        .index("refunds_of_order", &["order_no"])
        .index("refunds_pending", &["status", "created_at"])
        .index("refunds_due", &["status", "next_try_at"])
        .create(manager)
        .await?;

    // `outcome`: 1 paid, 2 failed, NULL closed without a choice.
    NewTable::named("sandbox_channels")
        .columns(vec![
            string_len("payment_id", 64).primary_key().take(),
            small_integer_null("outcome"),
            string_len("notice_id", 64),
            big_integer("at"),
            big_integer_null("delivered_at"),
        ])
        .index("sandbox_channels_undelivered", &["delivered_at", "at"])
        .create(manager)
        .await
}
