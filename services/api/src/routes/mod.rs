//! One folder for each resource, one file for each verb. A new endpoint is its file, its `mod` line, and one line here or in `admin`.

mod activities;
mod addresses;
mod admin;
mod cart;
mod cashier;
mod documents;
mod health;
mod orders;
mod payments;
mod points;
mod products;
mod third_party_accounts;
mod verification_codes;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, header},
    web,
};

pub use documents::PAGES;

use crate::{
    endpoint::{Answer, Api, Routes},
    problem::Problem,
};

/// Everything.
pub fn all() -> Routes {
    let mut routes = public();
    health::inside(&mut routes);
    routes
}

/// What clients may see. The busiest routes come first: routes are matched in this order.
pub fn public() -> Routes {
    let mut routes = Routes::default();
    routes
        .tag("shop")
        .add(orders::post::route())
        .add(activities::post_order::route())
        .add(orders::list::route())
        .add(orders::get_one::route())
        .tag("payment")
        .add(payments::callback::route())
        .add(cashier::get::route())
        .add(cashier::post::route())
        .tag("shop")
        .add(orders::preview::route())
        .add(orders::payment::route())
        .add(orders::cancel::route())
        .add(orders::events::route())
        .add(orders::events_ticket::route())
        .add(products::list::route())
        .add(products::get_one::route())
        .add(activities::list::route())
        .add(activities::get_one::route())
        .add(cart::get::route())
        .add(cart::clear::route())
        .add(cart::put_item::route())
        .add(cart::remove_item::route())
        .tag("member")
        .add(verification_codes::post::route())
        .add(addresses::list::route())
        .add(addresses::post::route())
        .add(addresses::put::route())
        .add(addresses::remove::route())
        .add(third_party_accounts::list::route())
        .add(third_party_accounts::put::route())
        .add(points::get::route())
        .tag("staff")
        .configure(admin::routes)
        .tag("service")
        .configure(health::outside)
        .configure(documents::routes);
    routes
}

/// Health and metrics: what every process offers.
pub fn health() -> Routes {
    let mut routes = Routes::default();
    routes.tag("service").configure(health::outside).configure(health::inside);
    routes
}

/// Pages for people, which no document describes.
pub fn pages(config: &mut web::ServiceConfig) {
    documents::pages(config);
}

/// OPTIONS, a path nobody serves, or a method its path does not know.
pub async fn unmatched(request: HttpRequest, api: Api) -> Answer<HttpResponse> {
    let allow = api.documents.allowed(request.path()).ok_or_else(Problem::not_found)?;
    if request.method() == Method::OPTIONS {
        return Ok(HttpResponse::NoContent().insert_header((header::ALLOW, allow)).finish());
    }
    Err(Problem::method_not_allowed(allow.to_owned()))
}
