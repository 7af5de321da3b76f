//! POST /admin/orders/{order_no}/cancel: gives an unpaid order up for the customer; the reason is `staff`.

use actix_web::{HttpResponse, post, web};

use crate::{
    auth::Staff,
    body::{Nothing, OptionalJson},
    fields,
    problem::Answer,
    responses::order::StaffOrderAnswer,
    routes::responses::{BodyRefusals, Conflict, Refusals, StaffOnly},
    state::Api,
    trace,
};

/// Cancels an unpaid order of the store
///
/// 409 order_not_cancellable where money has come.
#[utoipa::path(
    tag = "staff",
    operation_id = "admin_cancel",
    params(("order_no" = String, Path, description = "Number of the order")),
    request_body(content = Option<Nothing>, description = "May be left out"),
    responses(
        (status = 200, description = "The order", body = StaffOrderAnswer),
        Refusals<'_>, BodyRefusals<'_>, Conflict<'_>, StaffOnly<'_>
    ),
    security(("bearer" = ["staff"]))
)]
#[post("/api/v1/admin/orders/{order_no}/cancel")]
pub async fn cancel(
    Staff(caller): Staff,
    path: web::Path<String>,
    body: OptionalJson<Nothing>,
    api: web::Data<Api>,
) -> Answer<HttpResponse> {
    let Nothing {} = body.fields;
    let order_no = fields::order_no(&path)?;
    let orders = api.shop.orders.clone();
    let traceparent = trace::parent();
    let detail = api.ask(async move { orders.cancel(caller.store, None, order_no, traceparent.as_deref()).await }).await?;
    Ok(HttpResponse::Ok().json(StaffOrderAnswer::from(detail)))
}
