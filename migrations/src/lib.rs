//! The schema of every context, for SQLite and MySQL/MariaDB alike: one migration for each context to begin with; whatever
//! comes after is a migration of its own, since databases stand. Expand first, contract in a later release.
//!
//! Contract: times are epoch milliseconds, money is minor units, both 64-bit integers; text compares byte by byte on
//! every database. Each migration may run again after it was cut off half way, since DDL is no transaction on MySQL.

mod m20261126_000001_catalog;
mod m20261126_000002_inventory;
mod m20261126_000003_order;
mod m20261126_000004_pay;
mod m20261126_000005_cart;
mod m20261126_000006_member;
mod m20261126_000007_points;
mod m20261126_000008_promotion;
mod m20261126_000009_partner;
mod m20261126_000010_messaging;
mod m20261126_000011_processes;
mod m20261127_000012_staff_search;
mod m20261127_000013_staff_records;
mod m20261127_000014_follow_tickets;
mod table;

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::{
    MigrationTrait, SchemaManager, async_trait,
    sea_orm::{DatabaseConnection, DbErr},
};

pub struct Migrator;

/// The names of all migrations are greater; those of before the first release, which are gone, are less.
const BEFORE_ALL: &str = "m20261126_000000";

impl Migrator {
    /// True where the list of before the first release made the database, or a part of it. Such a database is refused: what
    /// that list had done by then is known to that list alone.
    pub async fn is_from_before_the_first_release(connection: &DatabaseConnection) -> Result<bool, DbErr> {
        let applied = Self::get_migration_models(connection).await?;
        if !applied.is_empty() {
            return Ok(applied.iter().any(|migration| migration.version.as_str() < BEFORE_ALL));
        }
        // Cut off in its first migration that list left tables and no row; its products had fewer columns.
        let schema = SchemaManager::new(connection);
        Ok(schema.has_table("products").await? && !schema.has_column("products", "offer_only").await?)
    }
}

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261126_000001_catalog::Migration),
            Box::new(m20261126_000002_inventory::Migration),
            Box::new(m20261126_000003_order::Migration),
            Box::new(m20261126_000004_pay::Migration),
            Box::new(m20261126_000005_cart::Migration),
            Box::new(m20261126_000006_member::Migration),
            Box::new(m20261126_000007_points::Migration),
            Box::new(m20261126_000008_promotion::Migration),
            Box::new(m20261126_000009_partner::Migration),
            Box::new(m20261126_000010_messaging::Migration),
            Box::new(m20261126_000011_processes::Migration),
            Box::new(m20261127_000012_staff_search::Migration),
            Box::new(m20261127_000013_staff_records::Migration),
            Box::new(m20261127_000014_follow_tickets::Migration),
        ]
    }
}
