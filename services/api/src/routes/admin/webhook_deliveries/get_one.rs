//! GET /admin/webhook-deliveries/{id}: with what is sent and its newest tries.

use sluice_partner::DeliveryId;

use crate::{
    endpoint::{Answer, Api, Body, Id, Route, Staff},
    responses::webhook::WebhookTraceAnswer,
};

pub fn route() -> Route {
    Route::get("/api/v1/admin/webhook-deliveries/{id}", delivery)
        .named("adminWebhookDeliveryGet", "Shows a delivery, its body and its tries")
        .answers("The delivery")
}

async fn delivery(staff: Staff, id: Id<DeliveryId>, api: Api) -> Answer<Body<WebhookTraceAnswer>> {
    let (delivery, attempts) = api.call(|shop| async move { shop.partner.delivery(staff.store, &id).await }).await?;
    Ok(Body(WebhookTraceAnswer::new(delivery, attempts)))
}
