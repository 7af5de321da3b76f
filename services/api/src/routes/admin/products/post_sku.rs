//! POST /admin/products/{id}/skus: another SKU of a product, with a stock of zero.

use actix_web::{HttpResponse, http::header, post, web};

use super::SkuFields;
use crate::{
    auth::Staff,
    body::Json,
    fields, precondition,
    problem::Answer,
    responses::product::StaffSkuAnswer,
    routes::responses::{BodyRefusals, Refusals, StaffOnly},
    state::Api,
};

/// Adds a SKU to a product
#[utoipa::path(
    tag = "staff",
    params(("id" = String, Path, description = "Id of the product")),
    request_body = SkuFields,
    responses(
        (status = 201, description = "Created", body = StaffSkuAnswer, headers(("Location" = String), ("ETag" = String))),
        Refusals<'_>, BodyRefusals<'_>, StaffOnly<'_>
    ),
    security(("bearer" = ["staff"]))
)]
#[post("/api/v1/admin/products/{id}/skus")]
pub async fn create_sku(
    Staff(caller): Staff,
    path: web::Path<String>,
    body: Json<SkuFields>,
    api: web::Data<Api>,
) -> Answer<HttpResponse> {
    let id = fields::id(&path)?;
    let catalog = api.shop.catalog.clone();
    let store = api.ask(async move { catalog.store(caller.store).await }).await?;
    let sku = body.fields.checked("", store.currency)?;
    let catalog = api.shop.catalog.clone();
    let created = api.ask(async move { catalog.create_sku(caller.store, id, sku).await }).await?;
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, format!("/api/v1/admin/skus/{}", created.id)))
        .insert_header(precondition::etag(created.version))
        .json(StaffSkuAnswer::from(created)))
}
