//! The index by which staff find orders of a phone number.

use sea_orm_migration::prelude::*;

use crate::table::{add_indexes, drop_indexes};

#[derive(DeriveMigrationName)]
pub struct Migration;

/// It ends in the order's number, in which a list is sorted.
const INDEXES: &[(&str, &str, &[&str])] = &[("orders", "orders_of_phone", &["store_id", "recipient_phone", "order_no"])];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        add_indexes(manager, INDEXES).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_indexes(manager, INDEXES).await
    }
}
