//! What pay and points have settled stands in `order_settlements` until its order has taken it, so that a lost message loses
//! no money. Refunds know when they are tried next and how a provider refused them, and every different mismatch of a payment
//! is kept.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, big_integer_null, binary_len_null, integer, string_len, string_len_null},
};

use crate::table::{NewTable, drop_tables, medium_text};

#[derive(DeriveMigrationName)]
pub struct Migration;

const REFUNDS_DUE: &str = "refunds_due";
const ONCE: &str = "payment_exceptions_once";
const ONCE_EACH: &str = "payment_exceptions_once_each";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // `due_at`: when a sweeper takes it up; NULL where it was given up and staff were told.
        NewTable::named("order_settlements")
            .columns(vec![
                string_len("settlement_id", 128).primary_key().take(),
                big_integer("order_no"),
                big_integer("store_id"),
                medium_text("payload"),
                big_integer_null("due_at"),
                integer("attempts"),
            ])
            .index("order_settlements_due", &["due_at"])
            .create(manager)
            .await?;

        // `status`: 0 pending, 1 done, 2 refused by the provider. `fingerprint`: of the request that staff sent.
        for (name, column) in refund_columns() {
            if !manager.has_column("refunds", name).await? {
                manager.alter_table(Table::alter().table("refunds").add_column(column).to_owned()).await?;
            }
        }
        if !manager.has_index("refunds", REFUNDS_DUE).await? {
            let due = Index::create().name(REFUNDS_DUE).table("refunds").col("status").col("next_try_at").to_owned();
            manager.create_index(due).await?;
        }

        // '' for those that were kept once for their payment.
        if !manager.has_column("payment_exceptions", "digest").await? {
            let digest = string_len("digest", 32).default("").take();
            manager.alter_table(Table::alter().table("payment_exceptions").add_column(digest).to_owned()).await?;
        }
        if !manager.has_index("payment_exceptions", ONCE_EACH).await? {
            manager.create_index(once(ONCE_EACH, &["kind", "payment_id", "order_no", "digest"])).await?;
        }
        drop_index(manager, "payment_exceptions", ONCE).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // The index of before allows one a payment: the first stays.
        if manager.has_column("payment_exceptions", "digest").await? {
            let later = "DELETE FROM payment_exceptions WHERE id NOT IN (SELECT kept FROM (SELECT MIN(id) AS kept \
                         FROM payment_exceptions GROUP BY kind, payment_id, order_no) AS first_ones)";
            manager.get_connection().execute_unprepared(later).await?;
            if !manager.has_index("payment_exceptions", ONCE).await? {
                manager.create_index(once(ONCE, &["kind", "payment_id", "order_no"])).await?;
            }
            drop_index(manager, "payment_exceptions", ONCE_EACH).await?;
            manager.alter_table(Table::alter().table("payment_exceptions").drop_column("digest").to_owned()).await?;
        }
        drop_index(manager, "refunds", REFUNDS_DUE).await?;
        for (name, _) in refund_columns() {
            if manager.has_column("refunds", name).await? {
                manager.alter_table(Table::alter().table("refunds").drop_column(name).to_owned()).await?;
            }
        }
        drop_tables(manager, &["order_settlements"]).await
    }
}

fn refund_columns() -> [(&'static str, ColumnDef); 4] {
    [
        ("next_try_at", big_integer("next_try_at").default(0).take()),
        ("attempts", integer("attempts").default(0).take()),
        ("refusal", string_len_null("refusal", 500)),
        ("fingerprint", binary_len_null("fingerprint", 32)),
    ]
}

fn once(name: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(name).table("payment_exceptions").unique();
    for column in columns {
        index.col(*column);
    }
    index
}

async fn drop_index(manager: &SchemaManager<'_>, table: &'static str, name: &'static str) -> Result<(), DbErr> {
    if manager.has_index(table, name).await? {
        manager.drop_index(Index::drop().name(name).table(table).to_owned()).await?;
    }
    Ok(())
}
