//! One folder for each resource, one file for each verb. A new endpoint is its file and one line here.

mod activities;
mod addresses;
mod admin;
mod cart;
mod cashier;
mod documents;
pub mod health;
mod orders;
mod payments;
mod points;
mod products;
mod responses;
mod third_party_accounts;
mod verification_codes;

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
        .service(activities::post_order::place_in_activity)
        .service(orders::list::orders)
        .service(orders::get_one::order)
        .service(payments::callback::callback)
        .service(cashier::get::cashier)
        .service(cashier::post::choose)
        .service(orders::payment::payment)
        .service(orders::cancel::cancel)
        .service(orders::events::events)
        .service(products::list::products)
        .service(products::get_one::product)
        .service(activities::list::activities)
        .service(activities::get_one::activity)
        .service(cart::get::cart)
        .service(cart::clear::clear)
        .service(cart::put_item::put_item)
        .service(cart::remove_item::remove_item)
        .service(verification_codes::post::send_code)
        .service(addresses::list::addresses)
        .service(addresses::post::add_address)
        .service(addresses::put::replace_address)
        .service(addresses::remove::remove_address)
        .service(third_party_accounts::list::accounts)
        .service(third_party_accounts::put::put_account)
        .service(points::get::points)
        .configure(admin::configure)
        .configure(health::configure)
        .configure(documents::configure);
}

/// Pages for people, which no document describes.
pub fn configure_undocumented(config: &mut web::ServiceConfig) {
    documents::configure_pages(config);
}

/// A path nobody serves, or a method its path does not know.
pub async fn unmatched(request: HttpRequest, api: web::Data<Api>) -> Answer<HttpResponse> {
    Err(match api.documents.allowed(request.path()) {
        Some(allow) => Problem::method_not_allowed(allow.to_owned()),
        None => Problem::not_found(),
    })
}
