//! The queue of changes that a gate outside the database must be told, in lanes: whose they are, when they are due, how
//! often they failed. Adjustments that could not be finished step aside, too.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, boolean, integer, string_len, string_len_null},
};

#[derive(DeriveMigrationName)]
pub struct Migration;

const EFFECTS: &str = "gate_effects";
const BY_STORE: (&str, &[&str]) = ("gate_effects_by_store", &["given_up", "store_id", "due_at", "id"]);
const BY_LANE: (&str, &[&str]) = ("gate_effects_by_lane", &["lane", "given_up", "id"]);
const LEDGER: &str = "stock_ledger";
const OF_SKU: (&str, &[&str]) = ("stock_ledger_of_sku", &["applied", "sku_id", "id"]);
/// In place of that one: sums of a SKU's movements are read from the index alone.
const SUMS: (&str, &[&str]) = ("stock_ledger_sums", &["applied", "sku_id", "id", "kind", "quantity"]);
const ADJUSTMENTS: &str = "stock_adjustments";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            // 0 in rows of an earlier version, which say it in their payload.
            ("store_id", big_integer("store_id").default(0).take()),
            ("lane", string_len("lane", 64).default("").take()),
            ("due_at", big_integer("due_at").default(0).take()),
            ("attempts", integer("attempts").default(0).take()),
            ("claim", string_len_null("claim", 64)),
            ("given_up", boolean("given_up").default(false).take()),
            ("error", string_len_null("error", 200)),
        ];
        add_columns(manager, EFFECTS, columns).await?;
        add_index(manager, EFFECTS, BY_STORE.0, BY_STORE.1).await?;
        add_index(manager, EFFECTS, BY_LANE.0, BY_LANE.1).await?;
        add_index(manager, LEDGER, SUMS.0, SUMS.1).await?;
        drop_index(manager, LEDGER, OF_SKU.0).await?;
        add_columns(manager, ADJUSTMENTS, [("due_at", big_integer("due_at").default(0).take())]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_columns(manager, ADJUSTMENTS, &["due_at"]).await?;
        add_index(manager, LEDGER, OF_SKU.0, OF_SKU.1).await?;
        drop_index(manager, LEDGER, SUMS.0).await?;
        drop_index(manager, EFFECTS, BY_LANE.0).await?;
        drop_index(manager, EFFECTS, BY_STORE.0).await?;
        drop_columns(manager, EFFECTS, &["store_id", "lane", "due_at", "attempts", "claim", "given_up", "error"]).await
    }
}

/// Adds the columns that do not stand yet, one statement each: SQLite takes no more.
async fn add_columns(
    manager: &SchemaManager<'_>,
    table: &'static str,
    columns: impl IntoIterator<Item = (&'static str, ColumnDef)>,
) -> Result<(), DbErr> {
    for (name, mut column) in columns {
        if !manager.has_column(table, name).await? {
            manager.alter_table(Table::alter().table(table).add_column(&mut column).to_owned()).await?;
        }
    }
    Ok(())
}

async fn drop_columns(manager: &SchemaManager<'_>, table: &'static str, names: &[&'static str]) -> Result<(), DbErr> {
    for name in names {
        if manager.has_column(table, *name).await? {
            manager.alter_table(Table::alter().table(table).drop_column(*name).to_owned()).await?;
        }
    }
    Ok(())
}

async fn add_index(
    manager: &SchemaManager<'_>,
    table: &'static str,
    name: &'static str,
    columns: &[&'static str],
) -> Result<(), DbErr> {
    if manager.has_index(table, name).await? {
        return Ok(());
    }
    let mut index = Index::create();
    index.name(name).table(table);
    for column in columns {
        index.col(*column);
    }
    manager.create_index(index).await
}

async fn drop_index(manager: &SchemaManager<'_>, table: &'static str, name: &'static str) -> Result<(), DbErr> {
    if !manager.has_index(table, name).await? {
        return Ok(());
    }
    manager.drop_index(Index::drop().name(name).table(table).to_owned()).await
}
