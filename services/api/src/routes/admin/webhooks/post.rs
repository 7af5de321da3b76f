//! POST /admin/webhooks: the answer shows the secret, this once.

use actix_web::{HttpResponse, http::header, post, web};
use serde::Deserialize;
use sluice_partner::NewSubscription;
use utoipa::ToSchema;

use super::event_types;
use crate::{
    auth::Staff,
    body::Json,
    precondition,
    problem::Answer,
    responses::webhook::WebhookAnswer,
    routes::responses::{BodyRefusals, Refusals, StaffOnly},
    state::Api,
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateWebhook {
    /// https:// (or http://) of a public address.
    #[schema(max_length = 1000, example = "https://partner.example/hooks")]
    url: String,
    /// order.paid, order.cancelled, order.refunded, referral
    #[schema(min_items = 1, example = json!(["order.paid"]))]
    event_types: Vec<String>,
    #[serde(default = "active")]
    #[schema(default = true)]
    active: bool,
}

fn active() -> bool {
    true
}

/// Subscribes another system to the store's events
///
/// At most 50 a store. The secret is shown in this answer alone.
#[utoipa::path(
    tag = "staff",
    request_body = CreateWebhook,
    responses(
        (status = 201, description = "Subscribed, with the secret", body = WebhookAnswer, headers(
            ("Location" = String, description = "The subscription"), ("ETag" = String))),
        Refusals<'_>, BodyRefusals<'_>, StaffOnly<'_>
    ),
    security(("bearer" = ["staff"]))
)]
#[post("/api/v1/admin/webhooks")]
pub async fn create_webhook(Staff(caller): Staff, body: Json<CreateWebhook>, api: web::Data<Api>) -> Answer<HttpResponse> {
    let CreateWebhook { url, event_types: names, active } = body.fields;
    let new = NewSubscription { url, event_types: event_types(&names)?, active };
    let partner = api.shop.partner.clone();
    let created = api.ask(async move { partner.create(caller.store, new).await }).await?;
    let mut response = HttpResponse::Created();
    response.insert_header((header::LOCATION, format!("/api/v1/admin/webhooks/{}", created.id.0)));
    response.insert_header(precondition::etag(created.version));
    Ok(response.json(WebhookAnswer::with_secret(created)))
}
