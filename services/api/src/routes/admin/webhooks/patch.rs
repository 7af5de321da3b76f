//! PATCH /admin/webhooks/{id}: changes the fields that are sent; needs If-Match.

use serde::Deserialize;
use sluice_partner::{SubscriptionChange, SubscriptionId};
use utoipa::ToSchema;

use super::event_types;
use crate::{
    endpoint::{Answer, Api, Id, IfMatch, Json, Route, Staff, Versioned},
    responses::{shape, webhook::WebhookAnswer},
};

pub fn route() -> Route {
    Route::patch("/api/v1/admin/webhooks/{id}", change_webhook)
        .named("adminWebhookChange", "Changes a subscription, or its secret")
        .answers("Changed")
}

/// Fields that are left out stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeWebhook {
    #[schema(max_length = 1000, example = "https://partner.example/hooks")]
    url: Option<String>,
    #[schema(value_type = Option<Vec<shape::SubscribedType>>, min_items = 1, example = json!(["order.paid"]))]
    event_types: Option<Vec<String>>,
    active: Option<bool>,
    /// Makes a new secret; the answer shows it. For a day the one before signs as well.
    #[serde(default)]
    rotate_secret: bool,
}

async fn change_webhook(
    staff: Staff,
    IfMatch(from): IfMatch,
    id: Id<SubscriptionId>,
    body: Json<ChangeWebhook>,
    api: Api,
) -> Answer<Versioned<WebhookAnswer>> {
    let ChangeWebhook { url, event_types: names, active, rotate_secret } = body.fields;
    let names = names.map(|names| event_types(&names)).transpose()?;
    let change = SubscriptionChange { url, event_types: names, active, rotate_secret };
    let changed = api.call(|shop| async move { shop.partner.change(staff.store, *id, from, change).await });
    let changed = changed.await?;
    let version = changed.version;
    let answer = if rotate_secret { WebhookAnswer::with_secret(changed) } else { WebhookAnswer::from(changed) };
    Ok(Versioned(version, answer))
}
