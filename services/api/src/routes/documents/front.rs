//! GET /: what runs here, and where to look.

use actix_web::{HttpResponse, get, http::header};

use crate::html;

const FRONT: &str = "<p>This is the REST API of an order backend. Orders are placed at \
    <code>POST /api/v1/orders</code> with a bearer token and an <code>Idempotency-Key</code>.</p>\
    <nav><a href=\"/docs/\">API browser</a><a href=\"/openapi.json\">OpenAPI document</a>\
    <a href=\"/asyncapi.json\">AsyncAPI document</a><a href=\"/docs/errors\">Errors</a></nav>\
    <p class=\"quiet\">Paying: an order's answer carries <code>payment.url</code>. With the embedded provider it leads to a \
    cashier here, where a payment succeeds or fails at the press of a button; no money moves. Tokens come from \
    <code>sluice token</code>.</p>";

#[get("/")]
pub async fn front() -> HttpResponse {
    html::page(actix_web::http::StatusCode::OK, "Sluice", FRONT)
}

#[get("/assets/page.css")]
pub async fn style() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/css; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "public, max-age=3600"))
        .body(html::STYLE)
}
