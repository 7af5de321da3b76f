//! GET /admin/products: all products of the store, newest first.

use actix_web::{HttpResponse, get, web};

use crate::{
    auth::Staff,
    list::{ListAnswer, ListQuery},
    problem::Answer,
    responses::product::StaffProductAnswer,
    routes::responses::{Refusals, StaffOnly},
    state::Api,
};

/// Lists all products of the store
#[utoipa::path(
    tag = "staff",
    operation_id = "admin_products",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 100", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "next_cursor of the page before", pattern = "^c[0-9a-f]{16}$")
    ),
    responses((status = 200, description = "A page, newest first", body = ListAnswer<StaffProductAnswer>), Refusals<'_>, StaffOnly<'_>),
    security(("bearer" = ["staff"]))
)]
#[get("/api/v1/admin/products")]
pub async fn products(Staff(caller): Staff, query: ListQuery, api: web::Data<Api>) -> Answer<HttpResponse> {
    let page = query.page()?;
    let catalog = api.shop.catalog.clone();
    let found = api.ask(async move { catalog.list_all(caller.store, page).await }).await?;
    Ok(HttpResponse::Ok().json(ListAnswer::from(found.map(StaffProductAnswer::from))))
}
