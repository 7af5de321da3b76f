//! GET /openapi.json

use actix_web::{HttpResponse, get, web};

use crate::state::Api;

/// Shows this document
#[utoipa::path(tag = "service", responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value)))]
#[get("/openapi.json")]
pub async fn openapi(api: web::Data<Api>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(api.documents.openapi.clone())
}
