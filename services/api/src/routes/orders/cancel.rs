//! POST /orders/{order_no}/cancel: gives an unpaid order up.

use actix_web::{HttpResponse, post, web};

use crate::{
    auth::Customer,
    body::{Nothing, OptionalJson},
    fields,
    problem::Answer,
    responses::order::OrderAnswer,
    routes::responses::{BodyRefusals, Conflict, Refusals},
    state::Api,
    trace,
};

/// Cancels an unpaid order
///
/// Answers 200 where it is cancelled already; 409 order_not_cancellable where money has come.
#[utoipa::path(
    tag = "shop",
    params(("order_no" = String, Path, description = "Number of the order")),
    request_body(content = Option<Nothing>, description = "May be left out"),
    responses((status = 200, description = "The cancelled order", body = OrderAnswer), Refusals<'_>, BodyRefusals<'_>, Conflict<'_>),
    security(("bearer" = []))
)]
#[post("/api/v1/orders/{order_no}/cancel")]
pub async fn cancel(
    Customer(caller): Customer,
    path: web::Path<String>,
    body: OptionalJson<Nothing>,
    api: web::Data<Api>,
) -> Answer<HttpResponse> {
    let Nothing {} = body.fields;
    let order_no = fields::order_no(&path)?;
    let (orders, traceparent) = (api.shop.orders.clone(), trace::parent());
    let cancelling = async move { orders.cancel(caller.store, Some(&caller.user), order_no, traceparent.as_deref()).await };
    let detail = api.ask(cancelling).await?;
    Ok(HttpResponse::Ok().json(OrderAnswer::from(detail)))
}
