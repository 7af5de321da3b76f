//! Webhooks: subscriptions, deliveries and their last tries.

use sea_orm_migration::{
    prelude::*,
    schema::{
        big_integer, big_integer_null, big_pk_auto, boolean, integer, small_integer, small_integer_null, string_len,
        string_len_null,
    },
};

use crate::table::{NewTable, drop_tables, medium_text};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_subscriptions(manager).await?;
        create_deliveries(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = ["webhook_attempts", "webhook_deliveries", "webhook_subscriptions"];
        drop_tables(manager, &tables).await
    }
}

async fn create_subscriptions(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    // `event_types` separated by commas. `failures` of the target in a row, 0 while it is well; no try before
    // `resume_at`, which is 0 while it is well. `lease` names who sends to it until `leased_until`.
    NewTable::named("webhook_subscriptions")
        .columns(vec![
            big_pk_auto("id"),
            big_integer("store_id"),
            string_len("url", 1_000),
            string_len("event_types", 200),
            string_len("secret", 100),
            string_len_null("previous_secret", 100),
            big_integer_null("previous_until"),
            boolean("active"),
            boolean("deleted"),
            big_integer("version"),
            big_integer("created_at"),
            integer("failures"),
            big_integer("resume_at"),
            big_integer_null("last_success_at"),
            big_integer_null("last_failure_at"),
            string_len_null("last_error", 400),
            string_len("lease", 64),
            big_integer("leased_until"),
        ])
        .index("webhook_subscriptions_of_store", &["store_id", "deleted", "id"])
        .create(manager)
        .await
}

async fn create_deliveries(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    // `state`: 0 pending, 1 delivered, 2 exhausted. The period of trying begins at `since_at`.
    NewTable::named("webhook_deliveries")
        .columns(vec![
            big_pk_auto("seq"),
            string_len("delivery_id", 64),
            big_integer("subscription_id"),
            big_integer("store_id"),
            string_len("event_id", 160),
            string_len("event_type", 32),
            big_integer("order_no"),
            medium_text("body"),
            small_integer("state"),
            integer("tries"),
            integer("blamed"),
            big_integer("created_at"),
            big_integer("since_at"),
            big_integer_null("first_try_at"),
            big_integer_null("last_try_at"),
            big_integer("next_try_at"),
            small_integer_null("last_status"),
            string_len_null("last_error", 400),
        ])
        .unique("webhook_deliveries_once", &["subscription_id", "event_id"])
        .unique("webhook_deliveries_by_id", &["delivery_id"])
        .index("webhook_deliveries_due", &["subscription_id", "state", "next_try_at"])
        .index("webhook_deliveries_listed", &["subscription_id", "seq"])
        .index("webhook_deliveries_since", &["state", "since_at"])
        .index("webhook_deliveries_of_order", &["order_no"])
        .index("webhook_deliveries_of_state", &["subscription_id", "state", "seq"])
        .create(manager)
        .await?;

    // `slot` is the number of the try modulo the tries that are kept.
    NewTable::named("webhook_attempts")
        .columns(vec![
            big_integer("delivery_seq"),
            small_integer("slot"),
            integer("number"),
            big_integer("at"),
            big_integer("took_ms"),
            small_integer_null("status"),
            string_len_null("error", 400),
        ])
        .key(&["delivery_seq", "slot"])
        .index("webhook_attempts_at", &["at"])
        .create(manager)
        .await
}
