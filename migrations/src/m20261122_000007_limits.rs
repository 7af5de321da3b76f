//! What users have taken of the SKUs of activities, and the ledger's memory of whose limit a reservation took.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, string_len, string_len_null},
};

use crate::table::{NewTable, drop_tables, not_negative};

#[derive(DeriveMigrationName)]
pub struct Migration;

const LEDGER: &str = "stock_ledger";
/// Set on the row of a reservation that took of a user's limit.
const LIMIT_USER: &str = "limit_user";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // The SKU's row in `stock` guards its rows here: who changes one holds the other.
        NewTable::named("limit_counters")
            .columns(vec![
                big_integer("sku_id"),
                string_len("user_id", 64),
                big_integer("store_id"),
                big_integer("orders"),
                big_integer("units"),
            ])
            .key(&["sku_id", "user_id"])
            .check(not_negative("orders"))
            .check(not_negative("units"))
            .create(manager)
            .await?;
        if manager.has_column(LEDGER, LIMIT_USER).await? {
            return Ok(());
        }
        manager.alter_table(Table::alter().table(LEDGER).add_column(string_len_null(LIMIT_USER, 64)).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["limit_counters"]).await?;
        if !manager.has_column(LEDGER, LIMIT_USER).await? {
            return Ok(());
        }
        manager.alter_table(Table::alter().table(LEDGER).drop_column(LIMIT_USER).to_owned()).await
    }
}
