//! GET /orders/{order_no}: one of the caller's own orders.

use actix_web::{HttpResponse, get, web};

use crate::{auth::Customer, fields, problem::Answer, responses::order::OrderAnswer, routes::responses::Refusals, state::Api};

/// Shows one of one's own orders
#[utoipa::path(
    tag = "shop",
    params(("order_no" = String, Path, description = "Number of the order")),
    responses((status = 200, description = "The order", body = OrderAnswer), Refusals<'_>),
    security(("bearer" = []))
)]
#[get("/api/v1/orders/{order_no}")]
pub async fn order(Customer(caller): Customer, api: web::Data<Api>, path: web::Path<String>) -> Answer<HttpResponse> {
    let order_no = fields::order_no(&path)?;
    let orders = api.shop.orders.clone();
    let detail = api.ask(async move { orders.find(caller.store, Some(&caller.user), order_no).await }).await?;
    Ok(HttpResponse::Ok().json(OrderAnswer::from(detail)))
}
