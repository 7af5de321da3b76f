//! The transport, over a real listener: shapes, codes, headers and bounds. What has to fail or to be seen inside runs over
//! in-memory fakes of the services, values that are refused run over the real ones. Rules are proven where they live.
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
mod cashier;
mod documents;
mod examples;
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
