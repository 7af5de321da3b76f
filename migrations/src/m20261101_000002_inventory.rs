//! Stock figures, the ledger, reservation outcomes and the gate's state.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, big_integer_null, big_pk_auto, boolean, small_integer, string_len, string_len_null, text},
};

use crate::table::{NewTable, drop_tables, not_negative};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_stock(manager).await?;
        create_gate(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = ["stock_adjustments", "gate_effects", "gate_state", "reservation_outcomes", "stock_ledger", "stock"];
        drop_tables(manager, &tables).await
    }
}

async fn create_stock(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    // Promise P1, kept by the database itself: none negative, and the three add up to what was received.
    let adds_up = Expr::col("usable").add(Expr::col("locked")).add(Expr::col("sold")).eq(Expr::col("received"));
    NewTable::named("stock")
        .columns(vec![
            big_integer("sku_id").primary_key().take(),
            big_integer("store_id"),
            big_integer("usable"),
            big_integer("locked"),
            big_integer("sold"),
            big_integer("received"),
            boolean("buyable"),
            big_integer("revision"),
        ])
        .check(not_negative("usable"))
        .check(not_negative("locked"))
        .check(not_negative("sold"))
        .check(adds_up)
        .create(manager)
        .await?;

    // `kind`: 1 reserve, 2 sell, 3 release, 4 restock, 5 adjust.
    NewTable::named("stock_ledger")
        .columns(vec![
            big_pk_auto("id"),
            big_integer("store_id"),
            big_integer("sku_id"),
            string_len("movement_id", 64),
            small_integer("kind"),
            big_integer("quantity"),
            big_integer_null("order_no"),
            string_len_null("reason", 200),
            big_integer("at"),
            boolean("applied"),
        ])
        .unique("stock_ledger_once", &["movement_id", "sku_id", "kind"])
        .index("stock_ledger_of_sku", &["applied", "sku_id", "id"])
        .create(manager)
        .await?;

    // `status`: 0 pending, 1 done, 2 rejected.
    NewTable::named("stock_adjustments")
        .columns(vec![
            string_len("id", 64).primary_key().take(),
            big_integer("store_id"),
            big_integer("sku_id"),
            big_integer("delta"),
            string_len("reason", 200),
            small_integer("status"),
            big_integer("at"),
        ])
        .index("stock_adjustments_unfinished", &["status", "at"])
        .index("stock_adjustments_of_sku", &["sku_id"])
        .create(manager)
        .await
}

async fn create_gate(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    // The row a placement (`released` false) and the sweeper (`released` true) race for.
    NewTable::named("reservation_outcomes")
        .columns(vec![string_len("reservation_id", 32).primary_key().take(), boolean("released"), big_integer("at")])
        .index("reservation_outcomes_by_age", &["released", "at"])
        .create(manager)
        .await?;

    NewTable::named("gate_state")
        .columns(vec![
            small_integer("id").primary_key().take(),
            string_len("kind", 16),
            big_integer("epoch"),
            boolean("open"),
            big_integer("changed_at"),
        ])
        .check(Expr::col("id").eq(1))
        .create(manager)
        .await?;

    NewTable::named("gate_effects").columns(vec![big_pk_auto("id"), text("payload")]).create(manager).await
}
