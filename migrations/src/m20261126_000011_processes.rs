//! What the processes of a shop share: node numbers, and how far time has come.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, small_integer, string_len},
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
        let tables = ["seen_times", "node_leases"];
        drop_tables(manager, &tables).await
    }
}

async fn create_tables(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    NewTable::named("node_leases")
        .columns(vec![small_integer("node").primary_key().take(), string_len("owner", 64), big_integer("until_at")])
        .create(manager)
        .await?;

    NewTable::named("seen_times")
        .columns(vec![string_len("name", 32).primary_key().take(), big_integer("at")])
        .create(manager)
        .await
}
