//! The documents and the front page.

mod asyncapi;
mod docs;
mod front;
mod openapi;

use actix_web::web;
use utoipa_actix_web::service_config::ServiceConfig;

pub fn configure(config: &mut ServiceConfig) {
    config.service(openapi::openapi).service(asyncapi::asyncapi);
}

/// Pages for people.
pub fn configure_pages(config: &mut web::ServiceConfig) {
    config.service(front::front).service(front::style).configure(docs::configure);
}
