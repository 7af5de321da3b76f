//! GET /admin/skus/{id}

use actix_web::{HttpResponse, get, web};

use crate::{
    auth::Staff,
    fields, precondition,
    problem::Answer,
    responses::product::StaffSkuAnswer,
    routes::responses::{Refusals, StaffOnly},
    state::Api,
};

/// Shows a SKU with its ETag
#[utoipa::path(
    tag = "staff",
    operation_id = "admin_sku",
    params(("id" = String, Path, description = "Id of the SKU")),
    responses(
        (status = 200, description = "The SKU", body = StaffSkuAnswer, headers(("ETag" = String))),
        Refusals<'_>, StaffOnly<'_>
    ),
    security(("bearer" = ["staff"]))
)]
#[get("/api/v1/admin/skus/{id}")]
pub async fn sku(Staff(caller): Staff, path: web::Path<String>, api: web::Data<Api>) -> Answer<HttpResponse> {
    let id = fields::id(&path)?;
    let catalog = api.shop.catalog.clone();
    let sku = api.ask(async move { catalog.sku(caller.store, id).await }).await?;
    Ok(HttpResponse::Ok().insert_header(precondition::etag(sku.version)).json(StaffSkuAnswer::from(sku)))
}
