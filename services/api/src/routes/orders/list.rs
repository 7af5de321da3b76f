//! GET /orders: the caller's own orders of both kinds, newest first.

use actix_web::{HttpResponse, get, web};
use sluice_order::OrderQuery;

use crate::{
    auth::Customer,
    list::{ListAnswer, ListQuery},
    problem::Answer,
    responses::order::OrderAnswer,
    routes::responses::Refusals,
    state::Api,
};

/// Lists one's own orders
#[utoipa::path(
    tag = "shop",
    params(
        ("status" = Option<String>, Query, description = "Only orders of this status"),
        ("limit" = Option<u32>, Query, description = "1 to 100", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "next_cursor of the page before", pattern = "^c[0-9a-f]{16}$")
    ),
    responses((status = 200, description = "A page, newest first", body = ListAnswer<OrderAnswer>), Refusals<'_>),
    security(("bearer" = []))
)]
#[get("/api/v1/orders")]
pub async fn orders(Customer(caller): Customer, mut query: ListQuery, api: web::Data<Api>) -> Answer<HttpResponse> {
    let status = query.status()?;
    let query = OrderQuery { store: caller.store, user: Some(caller.user), status, page: query.page()? };
    let orders = api.shop.orders.clone();
    let page = api.ask(async move { orders.list(query).await }).await?;
    Ok(HttpResponse::Ok().json(ListAnswer::from(page.map(OrderAnswer::from))))
}
