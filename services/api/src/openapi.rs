//! The OpenAPI 3.1 document, collected from the very routes that are served.

use utoipa::{
    Modify, OpenApi,
    openapi::{
        Components,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use crate::{endpoint::Routes, examples, routes, webhooks};

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("Claims: sub, store_id, role (customer or staff), exp, iss, aud."))
            .build();
        document.components.get_or_insert_with(Components::new).add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Sluice",
        description = "Order backend for shops whose sales come in waves. Ids are strings, times RFC 3339 UTC, money in minor \
                       units. Refusals are problem+json with a code; docs/errors.md lists the codes.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    modifiers(&Bearer),
    servers((url = "/")),
    tags(
        (name = "shop", description = "What customers see and buy"),
        (name = "payment", description = "Callbacks and the embedded cashier"),
        (name = "member", description = "Codes, addresses, accounts"),
        (name = "staff", description = "A store's staff"),
        (name = "service", description = "Health, metrics and documents"),
        (name = "partner", description = "What subscribed systems are sent"),
    )
)]
struct Base;

/// The document of every route and of what partners are sent; paths are full ones.
pub fn openapi() -> utoipa::openapi::OpenApi {
    of_api(routes::all())
}

/// The document of these routes of the API, and of what partners are sent.
pub fn of_api(routes: Routes) -> utoipa::openapi::OpenApi {
    let mut document = document(routes);
    webhooks::describe(&mut document);
    document
}

/// The document of these routes.
pub fn document(routes: Routes) -> utoipa::openapi::OpenApi {
    let mut document = Base::openapi();
    routes.document(&mut document);
    examples::add(&mut document);
    document
}
