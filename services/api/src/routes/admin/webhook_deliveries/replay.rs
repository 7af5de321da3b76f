//! POST /admin/webhook-deliveries/{id}/replay: sends it again under the same `webhook-id`.

use sluice_partner::DeliveryId;

use crate::{
    endpoint::{Answer, Api, Body, Id, NoFields, Route, Staff},
    responses::webhook::WebhookDeliveryAnswer,
};

pub fn route() -> Route {
    Route::post("/api/v1/admin/webhook-deliveries/{id}/replay", replay_delivery)
        .named("adminWebhookDeliveryReplay", "Sends an event to its subscription again")
        .detail("A delivered or exhausted one begins a new period of tries; one that is pending is tried at once.")
        .answers("Pending, and due")
}

async fn replay_delivery(staff: Staff, id: Id<DeliveryId>, _body: NoFields, api: Api) -> Answer<Body<WebhookDeliveryAnswer>> {
    api.call(|shop| async move { shop.partner.replay(staff.store, &id).await }).await.map(Body::of)
}
