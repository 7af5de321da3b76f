//! GET /metrics: Prometheus text.

use actix_web::{HttpResponse, get, web};

use crate::state::Api;

/// Shows the process's metrics
#[utoipa::path(
    tag = "service",
    responses((status = 200, description = "Prometheus text format", body = String, content_type = "text/plain"))
)]
#[get("/metrics")]
pub async fn metrics(api: web::Data<Api>) -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(api.metrics_text())
}
