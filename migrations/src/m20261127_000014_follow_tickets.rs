//! Tickets for status streams.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, string_len},
};

use crate::table::{NewTable, drop_tables};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        NewTable::named("follow_tickets")
            .columns([
                string_len("digest", 64).primary_key().take(),
                big_integer("store_id"),
                big_integer("order_no"),
                string_len("user_id", 64),
                big_integer("expires_at"),
                big_integer("stream_ends_at"),
            ])
            .index("follow_tickets_expired", &["expires_at"])
            .create(manager)
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["follow_tickets"]).await
    }
}
