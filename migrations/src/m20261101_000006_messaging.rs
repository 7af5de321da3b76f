//! Outbox, inbox, dead letters, and the leases of slices and node numbers.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, big_integer_null, big_pk_auto, integer, small_integer, string_len, string_len_null, text},
};

use crate::table::{NewTable, drop_tables, medium_text};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_outbox(manager).await?;
        create_inbox(manager).await?;

        NewTable::named("node_leases")
            .columns(vec![small_integer("node").primary_key().take(), string_len("owner", 64), big_integer("until_at")])
            .create(manager)
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["node_leases", "dead_letters", "inbox", "outbox_leases", "outbox"]).await
    }
}

async fn create_outbox(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    // No index by slice: the table holds the backlog alone and is read in the order of its ids.
    NewTable::named("outbox")
        .columns(vec![
            big_pk_auto("id"),
            small_integer("slice"),
            big_integer("available_at"),
            medium_text("payload"),
            string_len_null("traceparent", 64),
        ])
        .create(manager)
        .await?;

    NewTable::named("outbox_leases")
        .columns(vec![small_integer("slice").primary_key().take(), string_len("owner", 64), big_integer("until_at")])
        .create(manager)
        .await
}

async fn create_inbox(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    NewTable::named("inbox")
        .columns(vec![string_len("consumer", 32), string_len("event_id", 96), big_integer("at")])
        .key(&["consumer", "event_id"])
        .index("inbox_by_age", &["at"])
        .create(manager)
        .await?;

    NewTable::named("dead_letters")
        .columns(vec![
            big_pk_auto("id"),
            string_len("consumer", 64),
            string_len("topic", 64),
            string_len("event_key", 64),
            string_len("event_id", 96),
            string_len("event_type", 96),
            big_integer("event_time"),
            string_len_null("traceparent", 64),
            medium_text("data"),
            integer("attempts"),
            string_len("error_code", 64),
            text("error_detail"),
            big_integer("at"),
            big_integer_null("replayed_at"),
        ])
        .unique("dead_letters_once", &["consumer", "event_id"])
        .index("dead_letters_by_topic", &["topic", "id"])
        .create(manager)
        .await
}
