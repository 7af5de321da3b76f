//! The transport, over a real listener: shapes, codes, headers and bounds. The services behind it are
//! the real ones on SQLite; a placement that has to fail or to wait does so in `failing`. Rules are proven where they live.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::similar_names,
    clippy::type_complexity,
    clippy::wildcard_enum_match_arm,
    reason = "tests"
)]

mod activities;
mod activity_orders;
mod admin;
mod authorisation;
mod bodies;
mod browsers;
mod caching;
mod cashier;
mod compression;
mod documents;
mod examples;
mod failing;
mod lifecycle;
mod orders;
mod points;
mod preview;
mod public_catalog;
mod running;
mod search;
mod slow_clients;
mod staff_records;
mod streams;
mod strict_bodies;
mod tokens;
mod webhooks;
