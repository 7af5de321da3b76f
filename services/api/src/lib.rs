//! The REST API: the resources of docs/api.md over actix-web, and nothing but transport.
//!
//! Contract: authenticate, read and check the shape of a request, call one service of [`sluice_app::Shop`], and write
//! its answer or its refusal. Rules live in the contexts; the one table from a refusal's code to its status stands in
//! [`error_codes`]. Every answer carries the request's trace id, every body and list is bounded, and work that changes
//! something runs apart from the connection that asked for it, so a client that hangs up stops nothing half way.

#![allow(clippy::similar_names, reason = "shop and stop, body and book: the domain's words are short")]

mod asyncapi;
mod auth;
mod compression;
mod connection;
mod documents;
mod endpoint;
pub mod error_codes;
mod examples;
mod fields;
mod followers;
mod html;
mod limits;
mod observe;
mod openapi;
mod origins;
mod problem;
mod request_body;
mod responses;
mod routes;
mod server;
mod settings;
mod state;
mod webhooks;

pub use asyncapi::asyncapi;
pub use observe::install_metrics;
pub use openapi::openapi;
pub use server::{BoundApi, ServeError, bind, bind_health};
pub use settings::{ApiSettings, TokenSettings};
