//! The documents and the front page.

mod asyncapi;
mod docs;
mod errors;
mod front;
mod openapi;

use actix_web::{HttpRequest, HttpResponse, Responder, body::BoxBody, web};
use serde_json::Value;
use utoipa::PartialSchema as _;

use crate::{
    documents::Written,
    endpoint::{Describes, Description, Routes, describe_tag, json_content, unless_known},
};

pub fn routes(routes: &mut Routes) {
    routes.add(openapi::route()).add(asyncapi::route());
}

/// Paths of the pages, as patterns.
pub const PAGES: [&str; 5] = ["/", "/assets/page.css", "/docs/errors", "/docs", "/docs/{file:.*}"];

/// Pages for people.
pub fn pages(config: &mut web::ServiceConfig) {
    config.service(front::front).service(front::style).service(errors::errors).configure(docs::configure);
}

/// A document as it was written at the start.
pub struct Document(Written);

impl Responder for Document {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        let Written { text, tag } = self.0;
        unless_known(request, HttpResponse::Ok().content_type("application/json").body(text), &tag)
    }
}

impl Describes for Document {
    fn describe(operation: &mut Description) {
        operation.with_content("application/json", json_content(Value::schema()));
        describe_tag(operation);
    }
}
