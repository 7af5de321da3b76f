//! How far time has come, by what rests on it.

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
        NewTable::named("seen_times")
            .columns(vec![string_len("name", 32).primary_key().take(), big_integer("at")])
            .create(manager)
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["seen_times"]).await
    }
}
