//! POST /admin/orders/{order_no}/complete: nothing is left to do.

use actix_web::{HttpResponse, post, web};

use crate::{
    auth::Staff,
    body::{Nothing, OptionalJson},
    fields,
    problem::Answer,
    responses::order::StaffOrderAnswer,
    routes::responses::{BodyRefusals, Conflict, Refusals, StaffOnly},
    state::Api,
};

/// Marks a fulfilled order as completed
///
/// 409 order_state_refused where the order is not fulfilled.
#[utoipa::path(
    tag = "staff",
    operation_id = "admin_complete",
    params(("order_no" = String, Path, description = "Number of the order")),
    request_body(content = Option<Nothing>, description = "May be left out"),
    responses(
        (status = 200, description = "The order", body = StaffOrderAnswer),
        Refusals<'_>, BodyRefusals<'_>, Conflict<'_>, StaffOnly<'_>
    ),
    security(("bearer" = ["staff"]))
)]
#[post("/api/v1/admin/orders/{order_no}/complete")]
pub async fn complete(
    Staff(caller): Staff,
    path: web::Path<String>,
    body: OptionalJson<Nothing>,
    api: web::Data<Api>,
) -> Answer<HttpResponse> {
    let Nothing {} = body.fields;
    let order_no = fields::order_no(&path)?;
    let orders = api.shop.orders.clone();

    let detail = api.ask(async move { orders.complete(caller.store, order_no).await }).await?;
    Ok(HttpResponse::Ok().json(StaffOrderAnswer::from(detail)))
}
