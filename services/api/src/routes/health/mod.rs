//! Health and metrics: what every process offers.

mod livez;
mod metrics;
mod readyz;

use actix_web::{HttpRequest, HttpResponse, Responder, body::BoxBody, web};
use utoipa::PartialSchema as _;

use crate::endpoint::{Describes, Description, Routes, json_content};

pub fn outside(routes: &mut Routes) {
    routes.add(livez::route());
}

/// What tells how the shop is built, and how it fares.
pub fn inside(routes: &mut Routes) {
    routes.add(readyz::route()).add(metrics::route());
}

/// Plain text.
pub struct Text {
    kind: &'static str,
    text: web::Bytes,
}

impl Responder for Text {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        HttpResponse::Ok().content_type(self.kind).body(self.text)
    }
}

impl Describes for Text {
    fn describe(operation: &mut Description) {
        operation.with_content("text/plain", json_content(String::schema()));
    }
}
