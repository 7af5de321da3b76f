//! PATCH /admin/webhooks/{id}: changes the fields that are sent; needs If-Match.

use actix_web::{HttpResponse, patch, web};
use serde::Deserialize;
use sluice_partner::SubscriptionChange;
use utoipa::ToSchema;

use super::event_types;
use crate::{
    auth::Staff,
    body::Json,
    precondition::{self, IfMatch},
    problem::Answer,
    responses::webhook::WebhookAnswer,
    routes::responses::{BodyRefusals, Preconditions, Refusals, StaffOnly},
    state::Api,
};

/// Fields that are left out stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeWebhook {
    #[schema(max_length = 1000)]
    url: Option<String>,
    #[schema(min_items = 1)]
    event_types: Option<Vec<String>>,
    active: Option<bool>,
    /// Makes a new secret; the answer shows it. For a day the one before signs as well.
    #[serde(default)]
    rotate_secret: bool,
}

/// Changes a subscription, or its secret
#[utoipa::path(
    tag = "staff",
    params(
        ("id" = String, Path, description = "Id of the subscription"),
        ("If-Match" = String, Header, description = "The ETag the change was made from")
    ),
    request_body = ChangeWebhook,
    responses(
        (status = 200, description = "Changed", body = WebhookAnswer, headers(("ETag" = String))),
        Refusals<'_>, BodyRefusals<'_>, Preconditions<'_>, StaffOnly<'_>
    ),
    security(("bearer" = ["staff"]))
)]
#[patch("/api/v1/admin/webhooks/{id}")]
pub async fn change_webhook(
    Staff(caller): Staff,
    path: web::Path<String>,
    if_match: IfMatch,
    body: Json<ChangeWebhook>,
    api: web::Data<Api>,
) -> Answer<HttpResponse> {
    let id = super::subscription(&path)?;
    let ChangeWebhook { url, event_types: names, active, rotate_secret } = body.fields;
    let names = names.map(|names| event_types(&names)).transpose()?;
    let change = SubscriptionChange { url, event_types: names, active, rotate_secret };
    let partner = api.shop.partner.clone();
    let present = api.ask(async move { partner.find(caller.store, id).await }).await?;
    let version = if_match.admits(present.version)?;
    let partner = api.shop.partner.clone();
    let changed = api.ask(async move { partner.change(caller.store, id, version, change).await }).await?;
    let etag = precondition::etag(changed.version);
    let answer = if rotate_secret { WebhookAnswer::with_secret(changed) } else { WebhookAnswer::from(changed) };
    Ok(HttpResponse::Ok().insert_header(etag).json(answer))
}
