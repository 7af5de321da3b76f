//! Every port's contract suite on SQLite and MariaDB, and what only these adapters promise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "suite/bad_rows.rs"]
mod bad_rows;
#[path = "suite/cart.rs"]
mod cart;
#[path = "suite/catalog.rs"]
mod catalog;
#[path = "suite/databases.rs"]
mod databases;
#[path = "suite/future_times.rs"]
mod future_times;
#[path = "suite/housekeeping.rs"]
mod housekeeping;
#[path = "suite/inventory_gate.rs"]
mod inventory_gate;
#[path = "suite/inventory_ledger.rs"]
mod inventory_ledger;
#[path = "suite/inventory_limits.rs"]
mod inventory_limits;
#[path = "suite/inventory_records.rs"]
mod inventory_records;
#[path = "suite/member.rs"]
mod member;
#[path = "suite/messaging.rs"]
mod messaging;
#[path = "suite/migrations.rs"]
mod migrations;
#[path = "suite/order_contract.rs"]
mod order_contract;
#[path = "suite/order_faults.rs"]
mod order_faults;
#[path = "suite/order_fixture.rs"]
mod order_fixture;
#[path = "suite/order_held.rs"]
mod order_held;
#[path = "suite/order_money.rs"]
mod order_money;
#[path = "suite/order_reserved.rs"]
mod order_reserved;
#[path = "suite/parking.rs"]
mod parking;
#[path = "suite/partner.rs"]
mod partner;
#[path = "suite/pay.rs"]
mod pay;
#[path = "suite/pay_provider.rs"]
mod pay_provider;
#[path = "suite/pay_refusals.rs"]
mod pay_refusals;
#[path = "suite/points.rs"]
mod points;
#[path = "suite/promotion.rs"]
mod promotion;
#[path = "suite/searches.rs"]
mod searches;
