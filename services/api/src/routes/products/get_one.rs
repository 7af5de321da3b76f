//! GET /products/{id}: a listed product of the store.

use actix_web::{HttpResponse, get, web};

use crate::{auth::Customer, fields, problem::Answer, responses::product::ProductAnswer, routes::responses::Refusals, state::Api};

/// Shows a product on the shelf
#[utoipa::path(
    tag = "shop",
    params(("id" = String, Path, description = "Id of the product")),
    responses((status = 200, description = "The product", body = ProductAnswer), Refusals<'_>),
    security(("bearer" = []))
)]
#[get("/api/v1/products/{id}")]
pub async fn product(Customer(caller): Customer, path: web::Path<String>, api: web::Data<Api>) -> Answer<HttpResponse> {
    let id = fields::id(&path)?;
    let catalog = api.shop.catalog.clone();
    let product = api.ask(async move { catalog.listed_product(caller.store, id).await }).await?;
    let skus = product.skus.iter().map(|sku| sku.id).collect();
    let figures = super::figures(&api, caller.store, skus).await?;
    Ok(HttpResponse::Ok().json(ProductAnswer::new(product, &figures)))
}
