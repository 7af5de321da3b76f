//! POST /admin/webhooks/{id}/ping: a signed test message, sent to the target as any other.

use sluice_partner::SubscriptionId;

use crate::{
    endpoint::{Answer, Api, Body, Created, Id, NoFields, Route, Staff},
    responses::webhook::WebhookDeliveryAnswer,
};

pub fn route() -> Route {
    Route::post("/api/v1/admin/webhooks/{id}/ping", ping)
        .named("adminWebhookPing", "Sends a test message to a subscription")
        .detail(
            "Of type `ping`, signed and repeated like every message; read the delivery at Location to see what the target said. An \
             inactive subscription keeps it until it is active.",
        )
        .answers("On its way")
        .refuses(&["not_found"])
}

async fn ping(staff: Staff, id: Id<SubscriptionId>, _body: NoFields, api: Api) -> Answer<Created<Body<WebhookDeliveryAnswer>>> {
    let kept = api.call(|shop| async move { shop.partner.ping(staff.store, *id).await }).await?;
    let location = format!("/api/v1/admin/webhook-deliveries/{}", kept.id);
    Ok(Created { location, answer: Body::of(kept) })
}
