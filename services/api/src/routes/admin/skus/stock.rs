//! GET /admin/skus/{id}/stock: the gate's figures beside the ledger's.

use actix_web::{HttpResponse, get, web};

use crate::{
    auth::Staff,
    fields,
    problem::Answer,
    responses::stock::StockAnswer,
    routes::responses::{Refusals, StaffOnly},
    state::Api,
};

/// Shows a SKU's figures
#[utoipa::path(
    tag = "staff",
    params(("id" = String, Path, description = "Id of the SKU")),
    responses((status = 200, description = "The gate's figures, and the ledger's", body = StockAnswer), Refusals<'_>, StaffOnly<'_>),
    security(("bearer" = ["staff"]))
)]
#[get("/api/v1/admin/skus/{id}/stock")]
pub async fn stock(Staff(caller): Staff, path: web::Path<String>, api: web::Data<Api>) -> Answer<HttpResponse> {
    let sku = fields::id(&path)?;
    let inventory = api.shop.inventory.clone();
    let stock = api.ask(async move { inventory.stock(caller.store, sku).await }).await?;
    Ok(HttpResponse::Ok().json(StockAnswer::from(stock)))
}
