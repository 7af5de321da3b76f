//! Indexes of the filters by which staff look for orders.

use sea_orm_migration::prelude::*;

use crate::table::{add_indexes, drop_indexes};

#[derive(DeriveMigrationName)]
pub struct Migration;

/// Each ends in the order's number, in which a list is sorted. An order adds one entry to the first two, at the end of its range
/// in the second one, and one a line to the third.
const INDEXES: &[(&str, &str, &[&str])] = &[
    ("orders", "orders_of_phone", &["store_id", "recipient_phone", "order_no"]),
    ("orders", "orders_of_kind", &["store_id", "kind", "refund_state", "order_no"]),
    ("order_items", "order_items_of_sku", &["store_id", "sku_id", "main_no"]),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        add_indexes(manager, INDEXES).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_indexes(manager, INDEXES).await
    }
}
