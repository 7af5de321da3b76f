//! The schema of every context, for SQLite and MySQL/MariaDB alike. Expand first, contract in a later release.
//!
//! Contract: times are epoch milliseconds, money is minor units, both 64-bit integers; text compares byte by byte on
//! every database. Each migration may run again after it was cut off half way, since DDL is no transaction on MySQL.

mod m20261101_000001_catalog;
mod m20261101_000002_inventory;
mod m20261101_000003_orders;
mod m20261101_000004_payments;
mod m20261101_000005_cart_member;
mod m20261101_000006_messaging;
mod m20261122_000007_limits;
mod m20261122_000008_activity_orders;
mod m20261122_000009_promotion;
mod m20261122_000010_points;
mod m20261122_000011_partner;
mod m20261124_000012_recipients;
mod m20261124_000013_order_keys;
mod m20261125_000016_settlements;
mod m20261125_000017_parked;
mod m20261125_000018_gate;
mod m20261125_000019_shares;
mod m20261125_000020_growth;
mod m20261125_000021_seen_times;
mod table;

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::{MigrationTrait, async_trait};

pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261101_000001_catalog::Migration),
            Box::new(m20261101_000002_inventory::Migration),
            Box::new(m20261101_000003_orders::Migration),
            Box::new(m20261101_000004_payments::Migration),
            Box::new(m20261101_000005_cart_member::Migration),
            Box::new(m20261101_000006_messaging::Migration),
            Box::new(m20261122_000007_limits::Migration),
            Box::new(m20261122_000008_activity_orders::Migration),
            Box::new(m20261122_000009_promotion::Migration),
            Box::new(m20261122_000010_points::Migration),
            Box::new(m20261122_000011_partner::Migration),
            Box::new(m20261124_000012_recipients::Migration),
            Box::new(m20261124_000013_order_keys::Migration),
            Box::new(m20261125_000016_settlements::Migration),
            Box::new(m20261125_000017_parked::Migration),
            Box::new(m20261125_000018_gate::Migration),
            Box::new(m20261125_000019_shares::Migration),
            Box::new(m20261125_000020_growth::Migration),
            Box::new(m20261125_000021_seen_times::Migration),
        ]
    }
}
