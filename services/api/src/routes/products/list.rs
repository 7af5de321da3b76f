//! GET /products: listed products of the store, newest first.

use actix_web::{HttpResponse, get, web};

use crate::{
    auth::Customer,
    list::{ListAnswer, ListQuery},
    problem::Answer,
    responses::product::ProductAnswer,
    routes::responses::Refusals,
    state::Api,
};

/// Lists the products on the shelf
#[utoipa::path(
    tag = "shop",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 100", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "next_cursor of the page before", pattern = "^c[0-9a-f]{16}$")
    ),
    responses((status = 200, description = "A page, newest first", body = ListAnswer<ProductAnswer>), Refusals<'_>),
    security(("bearer" = []))
)]
#[get("/api/v1/products")]
pub async fn products(Customer(caller): Customer, query: ListQuery, api: web::Data<Api>) -> Answer<HttpResponse> {
    let page = query.page()?;
    let catalog = api.shop.catalog.clone();
    let found = api.ask(async move { catalog.list_listed(caller.store, page).await }).await?;
    let skus = found.data.iter().flat_map(|product| product.skus.iter().map(|sku| sku.id)).collect();
    let figures = super::figures(&api, caller.store, skus).await?;
    let answers = found.map(|product| ProductAnswer::new(product, &figures));
    Ok(HttpResponse::Ok().json(ListAnswer::from(answers)))
}
