//! Stock figures, the ledger, users' limits, reservation outcomes and the gate's state.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, big_integer_null, big_pk_auto, boolean, integer, small_integer, string_len, string_len_null, text},
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
        let tables =
            ["gate_effects", "gate_state", "reservation_outcomes", "limit_counters", "stock_adjustments", "stock_ledger", "stock"];
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
    // `limit_user` stands on the row of a reservation that took of a user's limit. Sums of a SKU's movements are read from the
    // index alone.
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
            string_len_null("limit_user", 64),
        ])
        .unique("stock_ledger_once", &["movement_id", "sku_id", "kind"])
        .index("stock_ledger_sums", &["applied", "sku_id", "id", "kind", "quantity"])
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
            big_integer("due_at").default(0).take(),
        ])
        .index("stock_adjustments_unfinished", &["status", "at"])
        .index("stock_adjustments_of_sku", &["sku_id"])
        .index("stock_adjustments_newest", &["sku_id", "at"])
        .create(manager)
        .await?;

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

    // Changes that a gate outside the database must be told, in lanes: whose they are, when they are due, how often they failed.
    NewTable::named("gate_effects")
        .columns(vec![
            big_pk_auto("id"),
            text("payload"),
            big_integer("store_id").default(0).take(),
            string_len("lane", 64).default("").take(),
            big_integer("due_at").default(0).take(),
            integer("attempts").default(0).take(),
            string_len_null("claim", 64),
            boolean("given_up").default(false).take(),
            string_len_null("error", 200),
        ])
        .index("gate_effects_by_store", &["given_up", "store_id", "due_at", "id"])
        .index("gate_effects_by_lane", &["lane", "given_up", "id"])
        .create(manager)
        .await
}
