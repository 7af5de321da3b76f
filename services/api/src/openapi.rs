//! The OpenAPI 3.1 document, collected from the very routes that are served.

use actix_web::{App, dev::ResourceDef, web::Bytes};
use utoipa::{
    Modify, OpenApi,
    openapi::{
        Components, PathItem,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_actix_web::AppExt as _;

use crate::{asyncapi, problem::ProblemBody, routes};

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
    components(schemas(ProblemBody<'_>)),
    servers((url = "/")),
    tags(
        (name = "shop", description = "What customers see and buy"),
        (name = "payment", description = "Callbacks and the embedded cashier"),
        (name = "member", description = "Codes, addresses, accounts"),
        (name = "staff", description = "A store's staff"),
        (name = "service", description = "Health, metrics and documents"),
    )
)]
struct Base;

/// The document of every route; paths are full ones.
pub fn openapi() -> utoipa::openapi::OpenApi {
    App::new().into_utoipa_app().openapi(Base::openapi()).configure(routes::configure).split_for_parts().1
}

/// The document of health and metrics alone.
pub fn health() -> utoipa::openapi::OpenApi {
    App::new().into_utoipa_app().openapi(Base::openapi()).configure(routes::health::configure).split_for_parts().1
}

/// Methods of a path item, as they stand in `Allow`.
pub fn methods(item: &PathItem) -> Vec<&'static str> {
    let known = [
        ("GET", &item.get),
        ("POST", &item.post),
        ("PUT", &item.put),
        ("PATCH", &item.patch),
        ("DELETE", &item.delete),
        ("HEAD", &item.head),
    ];
    known.into_iter().filter(|(_, operation)| operation.is_some()).map(|(name, _)| name).collect()
}

/// The served documents, written once, and the methods each path knows.
pub struct Documents {
    pub openapi: Bytes,
    pub asyncapi: Bytes,
    paths: Vec<(ResourceDef, String)>,
}

impl Documents {
    /// For a process that serves the routes of `document`.
    pub fn of(document: &utoipa::openapi::OpenApi) -> Self {
        let paths = document.paths.paths.iter();
        Self {
            openapi: Bytes::from(document.to_json().unwrap_or_default()),
            asyncapi: Bytes::from(asyncapi::asyncapi().to_string()),
            paths: paths.map(|(path, item)| (ResourceDef::new(path.as_str()), methods(item).join(", "))).collect(),
        }
    }

    /// `Allow` of a path that exists.
    pub fn allowed(&self, path: &str) -> Option<&str> {
        self.paths.iter().find(|(pattern, _)| pattern.is_match(path)).map(|(_, allow)| allow.as_str())
    }
}
