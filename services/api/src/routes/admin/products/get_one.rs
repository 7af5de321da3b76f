//! GET /admin/products/{id}

use actix_web::{HttpResponse, get, web};

use crate::{
    auth::Staff,
    fields, precondition,
    problem::Answer,
    responses::product::StaffProductAnswer,
    routes::responses::{Refusals, StaffOnly},
    state::Api,
};

/// Shows a product with its ETag
#[utoipa::path(
    tag = "staff",
    operation_id = "admin_product",
    params(("id" = String, Path, description = "Id of the product")),
    responses(
        (status = 200, description = "The product", body = StaffProductAnswer, headers(("ETag" = String))),
        Refusals<'_>, StaffOnly<'_>
    ),
    security(("bearer" = ["staff"]))
)]
#[get("/api/v1/admin/products/{id}")]
pub async fn product(Staff(caller): Staff, path: web::Path<String>, api: web::Data<Api>) -> Answer<HttpResponse> {
    let id = fields::id(&path)?;
    let catalog = api.shop.catalog.clone();
    let product = api.ask(async move { catalog.product(caller.store, id).await }).await?;
    Ok(HttpResponse::Ok().insert_header(precondition::etag(product.version)).json(StaffProductAnswer::from(product)))
}
