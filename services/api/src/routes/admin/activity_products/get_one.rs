//! GET /admin/activity-products/{id}

use actix_web::{HttpResponse, get, web};

use crate::{
    auth::Staff,
    fields, precondition,
    problem::Answer,
    responses::activity::StaffOfferAnswer,
    routes::responses::{Refusals, StaffOnly},
    state::Api,
};

/// Shows a product's terms in its activity with their ETag
#[utoipa::path(
    tag = "staff",
    operation_id = "admin_activity_product",
    params(("id" = String, Path, description = "Id of the product")),
    responses(
        (status = 200, description = "The terms", body = StaffOfferAnswer, headers(("ETag" = String))),
        Refusals<'_>, StaffOnly<'_>
    ),
    security(("bearer" = ["staff"]))
)]
#[get("/api/v1/admin/activity-products/{id}")]
pub async fn activity_product(Staff(caller): Staff, path: web::Path<String>, api: web::Data<Api>) -> Answer<HttpResponse> {
    let id = fields::id(&path)?;
    let promotion = api.shop.promotion.clone();
    let offer = api.ask(async move { promotion.offer(caller.store, id).await }).await?;
    Ok(HttpResponse::Ok().insert_header(precondition::etag(offer.version)).json(StaffOfferAnswer::from(offer)))
}
