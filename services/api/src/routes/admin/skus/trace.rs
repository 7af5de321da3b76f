//! GET /admin/skus/{id}/stock/trace: every movement, and the proof that they add up.

use actix_web::{HttpResponse, get, web};

use crate::{
    auth::Staff,
    fields,
    problem::Answer,
    responses::stock::TraceAnswer,
    routes::responses::{Refusals, StaffOnly},
    state::Api,
};

/// Shows every movement of a SKU's stock
#[utoipa::path(
    tag = "staff",
    params(("id" = String, Path, description = "Id of the SKU")),
    responses((status = 200, description = "Movements and sums", body = TraceAnswer), Refusals<'_>, StaffOnly<'_>),
    security(("bearer" = ["staff"]))
)]
#[get("/api/v1/admin/skus/{id}/stock/trace")]
pub async fn stock_trace(Staff(caller): Staff, path: web::Path<String>, api: web::Data<Api>) -> Answer<HttpResponse> {
    let sku = fields::id(&path)?;
    let inventory = api.shop.inventory.clone();
    let trace = api.ask(async move { inventory.trace(caller.store, sku).await }).await?;
    Ok(HttpResponse::Ok().json(TraceAnswer::new(sku, trace)))
}
