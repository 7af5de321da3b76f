//! One folder for each resource, one file for each verb. A new endpoint is its file and one line here.

pub mod health;
pub mod orders;
pub mod responses;

use actix_web::{HttpRequest, HttpResponse, web};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::{
    problem::{Answer, Problem},
    state::Api,
};

/// Routes that stand in the OpenAPI document. The busiest come first: routes are matched in this order.
pub fn configure(config: &mut ServiceConfig) {
    config
        .service(orders::post::place)
        .service(orders::get_one::order)
        .configure(health::configure);
}

/// Pages for people, which no document describes.
pub fn configure_undocumented(_config: &mut web::ServiceConfig) {}

/// A path nobody serves, or a method its path does not know.
pub async fn unmatched(request: HttpRequest, api: web::Data<Api>) -> Answer<HttpResponse> {
    Err(match api.documents.allowed(request.path()) {
        Some(allow) => Problem::method_not_allowed(allow.to_owned()),
        None => Problem::not_found(),
    })
}
