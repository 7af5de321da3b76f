//! The transport, over a real listener and in-memory fakes of the services: shapes, codes, headers and bounds. Rules
//! are proven where they live; whole flows over real stores are tested elsewhere.
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
mod cashier;
mod documents;
mod fakes;
mod lifecycle;
mod orders;
mod points;
mod running;
mod slow_clients;
mod streams;
mod strict_bodies;
mod tokens;
mod webhooks;
