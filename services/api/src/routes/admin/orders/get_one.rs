//! GET /admin/orders/{order_no}

use actix_web::{HttpResponse, get, web};

use crate::{
    auth::Staff,
    fields,
    problem::Answer,
    responses::order::StaffOrderAnswer,
    routes::responses::{Refusals, StaffOnly},
    state::Api,
};

/// Shows an order of the store
#[utoipa::path(
    tag = "staff",
    operation_id = "admin_order",
    params(("order_no" = String, Path, description = "Number of the order")),
    responses((status = 200, description = "The order", body = StaffOrderAnswer), Refusals<'_>, StaffOnly<'_>),
    security(("bearer" = ["staff"]))
)]
#[get("/api/v1/admin/orders/{order_no}")]
pub async fn order(Staff(caller): Staff, path: web::Path<String>, api: web::Data<Api>) -> Answer<HttpResponse> {
    let order_no = fields::order_no(&path)?;
    let orders = api.shop.orders.clone();
    let detail = api.ask(async move { orders.find(caller.store, None, order_no).await }).await?;
    Ok(HttpResponse::Ok().json(StaffOrderAnswer::from(detail)))
}
