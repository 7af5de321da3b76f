//! What staff did about an exception, and the indexes of their lists of exceptions and refunds.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer_null, boolean, string_len_null},
};

use crate::table::{add_columns, add_indexes, drop_columns, drop_indexes};

#[derive(DeriveMigrationName)]
pub struct Migration;

const INDEXES: &[(&str, &str, &[&str])] = &[
    ("payment_exceptions", "payment_exceptions_of_kind", &["store_id", "kind", "id"]),
    ("payment_exceptions", "payment_exceptions_open", &["store_id", "resolved", "id"]),
    ("payment_exceptions", "payment_exceptions_open_of_kind", &["store_id", "resolved", "kind", "id"]),
    ("payment_exceptions", "payment_exceptions_of_order", &["store_id", "order_no", "id"]),
    ("refunds", "refunds_of_store", &["store_id", "status", "created_at"]),
];

/// `resolved_by`: the staff user.
fn resolution() -> Vec<ColumnDef> {
    vec![
        boolean("resolved").default(false).take(),
        big_integer_null("resolved_at"),
        string_len_null("resolved_by", 64),
        string_len_null("note", 500),
    ]
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        add_columns(manager, "payment_exceptions", resolution()).await?;
        add_indexes(manager, INDEXES).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_indexes(manager, INDEXES).await?;
        drop_columns(manager, "payment_exceptions", &["resolved", "resolved_at", "resolved_by", "note"]).await
    }
}
