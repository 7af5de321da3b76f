//! GET /admin/orders: all orders of the store, newest first.

use actix_web::{HttpResponse, get, web};
use sluice_order::OrderQuery;

use crate::{
    auth::Staff,
    list::{ListAnswer, ListQuery},
    problem::Answer,
    responses::order::StaffOrderAnswer,
    routes::responses::{Refusals, StaffOnly},
    state::Api,
};

/// Lists all orders of the store
#[utoipa::path(
    tag = "staff",
    operation_id = "admin_orders",
    params(
        ("status" = Option<String>, Query, description = "Only orders of this status"),
        ("limit" = Option<u32>, Query, description = "1 to 100", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "next_cursor of the page before", pattern = "^c[0-9a-f]{16}$")
    ),
    responses((status = 200, description = "A page, newest first", body = ListAnswer<StaffOrderAnswer>), Refusals<'_>, StaffOnly<'_>),
    security(("bearer" = ["staff"]))
)]
#[get("/api/v1/admin/orders")]
pub async fn orders(Staff(caller): Staff, mut query: ListQuery, api: web::Data<Api>) -> Answer<HttpResponse> {
    let status = query.status()?;
    let query = OrderQuery { store: caller.store, user: None, status, page: query.page()? };
    let orders = api.shop.orders.clone();
    let page = api.ask(async move { orders.list(query).await }).await?;
    Ok(HttpResponse::Ok().json(ListAnswer::from(page.map(StaffOrderAnswer::from))))
}
