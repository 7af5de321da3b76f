//! POST /admin/webhooks: the answer shows the secret, this once.

use serde::Deserialize;
use sluice_partner::NewSubscription;
use utoipa::ToSchema;

use super::event_types;
use crate::{
    endpoint::{Answer, Api, Created, Json, Route, Staff, Versioned},
    responses::{shape, webhook::WebhookAnswer},
};

pub fn route() -> Route {
    Route::post("/api/v1/admin/webhooks", create_webhook)
        .named("adminWebhookCreate", "Subscribes another system to the store's events")
        .detail("At most 50 a store. The secret is shown in this answer alone.")
        .answers("Subscribed, with the secret")
        .refuses(&["not_found"])
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateWebhook {
    /// https:// (or http://) of a public address.
    #[schema(max_length = 1000, example = "https://partner.example/hooks")]
    url: String,
    #[schema(value_type = Vec<shape::SubscribedType>, min_items = 1, example = json!(["order.paid"]))]
    event_types: Vec<String>,
    #[serde(default = "active")]
    #[schema(default = true)]
    active: bool,
}

fn active() -> bool {
    true
}

async fn create_webhook(staff: Staff, body: Json<CreateWebhook>, api: Api) -> Answer<Created<Versioned<WebhookAnswer>>> {
    let CreateWebhook { url, event_types: names, active } = body.fields;
    let new = NewSubscription { url, event_types: event_types(&names)?, active };
    let created = api.call(|shop| async move { shop.partner.create(staff.store, new).await }).await?;
    Ok(Created {
        location: format!("/api/v1/admin/webhooks/{}", created.id.0),
        answer: Versioned(created.version, WebhookAnswer::with_secret(created)),
    })
}
