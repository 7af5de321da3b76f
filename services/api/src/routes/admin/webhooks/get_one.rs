//! GET /admin/webhooks/{id}

use sluice_partner::SubscriptionId;

use crate::{
    endpoint::{Answer, Api, Id, Route, Staff, Versioned},
    responses::webhook::WebhookAnswer,
};

pub fn route() -> Route {
    Route::get("/api/v1/admin/webhooks/{id}", webhook)
        .named("adminWebhookGet", "Shows a subscription and how its target does")
        .answers("The subscription")
}

async fn webhook(staff: Staff, id: Id<SubscriptionId>, api: Api) -> Answer<Versioned<WebhookAnswer>> {
    api.call(|shop| async move { shop.partner.find(staff.store, *id).await }).await.map(Versioned::of)
}
