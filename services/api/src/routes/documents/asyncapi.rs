//! GET /asyncapi.json

use actix_web::{HttpResponse, get, web};

use crate::state::Api;

/// Shows the document of the events
#[utoipa::path(tag = "service", responses((status = 200, description = "AsyncAPI 3", body = serde_json::Value)))]
#[get("/asyncapi.json")]
pub async fn asyncapi(api: web::Data<Api>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(api.documents.asyncapi.clone())
}
