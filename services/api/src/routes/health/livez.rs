//! GET /livez: the process answers; nothing else is asked.

use actix_web::{HttpResponse, get};

/// Says that the process runs
#[utoipa::path(tag = "service", responses((status = 200, description = "It runs", body = String, content_type = "text/plain")))]
#[get("/livez")]
pub async fn livez() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok\n")
}
