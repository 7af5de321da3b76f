//! GET /admin/webhook-deliveries/{id}: with what is sent and its newest tries.

use actix_web::{HttpResponse, get, web};
use sluice_partner::DeliveryId;

use crate::{
    auth::Staff,
    problem::Answer,
    responses::webhook::WebhookStoryAnswer,
    routes::responses::{Refusals, StaffOnly},
    state::Api,
};

/// Shows a delivery, its body and its tries
#[utoipa::path(
    tag = "staff",
    params(("id" = String, Path, description = "Id of the delivery: the webhook-id")),
    responses((status = 200, description = "The delivery", body = WebhookStoryAnswer), Refusals<'_>, StaffOnly<'_>),
    security(("bearer" = ["staff"]))
)]
#[get("/api/v1/admin/webhook-deliveries/{id}")]
pub async fn delivery(Staff(caller): Staff, path: web::Path<String>, api: web::Data<Api>) -> Answer<HttpResponse> {
    let id = DeliveryId(path.into_inner());
    let partner = api.shop.partner.clone();
    let (delivery, attempts) = api.ask(async move { partner.delivery(caller.store, &id).await }).await?;
    Ok(HttpResponse::Ok().json(WebhookStoryAnswer::new(delivery, attempts)))
}
