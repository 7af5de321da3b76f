//! POST /admin/webhook-deliveries/{id}/replay: sends it again under the same `webhook-id`.

use actix_web::{HttpResponse, post, web};
use sluice_partner::DeliveryId;

use crate::{
    auth::Staff,
    body::{Nothing, OptionalJson},
    problem::Answer,
    responses::webhook::WebhookDeliveryAnswer,
    routes::responses::{BodyRefusals, Refusals, StaffOnly},
    state::Api,
};

/// Sends an event to its subscription again
///
/// A delivered or exhausted one begins a new period of tries; one that is pending is tried at once.
#[utoipa::path(
    tag = "staff",
    params(("id" = String, Path, description = "Id of the delivery: the webhook-id")),
    request_body(content = Option<Nothing>, description = "May be left out"),
    responses(
        (status = 200, description = "Pending, and due", body = WebhookDeliveryAnswer),
        Refusals<'_>, BodyRefusals<'_>, StaffOnly<'_>
    ),
    security(("bearer" = ["staff"]))
)]
#[post("/api/v1/admin/webhook-deliveries/{id}/replay")]
pub async fn replay_delivery(
    Staff(caller): Staff,
    path: web::Path<String>,
    body: OptionalJson<Nothing>,
    api: web::Data<Api>,
) -> Answer<HttpResponse> {
    let Nothing {} = body.fields;
    let id = DeliveryId(path.into_inner());
    let partner = api.shop.partner.clone();
    let replayed = api.ask(async move { partner.replay(caller.store, &id).await }).await?;
    Ok(HttpResponse::Ok().json(WebhookDeliveryAnswer::from(replayed)))
}
