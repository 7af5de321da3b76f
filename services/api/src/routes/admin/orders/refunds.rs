//! GET /admin/orders/{order_no}/refunds

use actix_web::{HttpResponse, get, web};

use crate::{
    auth::Staff,
    fields,
    list::ListAnswer,
    problem::Answer,
    responses::order::RefundAnswer,
    routes::responses::{Refusals, StaffOnly},
    state::Api,
};

/// Lists an order's refunds
#[utoipa::path(
    tag = "staff",
    params(("order_no" = String, Path, description = "Number of the order")),
    responses((status = 200, description = "All of them", body = ListAnswer<RefundAnswer>), Refusals<'_>, StaffOnly<'_>),
    security(("bearer" = ["staff"]))
)]
#[get("/api/v1/admin/orders/{order_no}/refunds")]
pub async fn refunds(Staff(caller): Staff, path: web::Path<String>, api: web::Data<Api>) -> Answer<HttpResponse> {
    let order_no = fields::order_no(&path)?;
    let orders = api.shop.orders.clone();
    api.ask(async move { orders.find(caller.store, None, order_no).await }).await?;
    let pay = api.shop.pay.clone();
    let refunds = api.ask(async move { pay.refunds(caller.store, order_no).await }).await?;
    Ok(HttpResponse::Ok().json(ListAnswer::whole(refunds.into_iter().map(RefundAnswer::from).collect())))
}
