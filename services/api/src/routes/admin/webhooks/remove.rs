//! DELETE /admin/webhooks/{id}: its secrets go with it, and its deliveries are not shown any more.

use sluice_partner::SubscriptionId;

use crate::endpoint::{Answer, Api, Id, NoContent, Route, Staff};

pub fn route() -> Route {
    Route::delete("/api/v1/admin/webhooks/{id}", remove_webhook).named("adminWebhookRemove", "Removes a subscription")
}

async fn remove_webhook(staff: Staff, id: Id<SubscriptionId>, api: Api) -> Answer<NoContent> {
    api.call(|shop| async move { shop.partner.remove(staff.store, *id).await }).await.map(|()| NoContent)
}
