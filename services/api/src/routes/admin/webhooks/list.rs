//! GET /admin/webhooks: newest first.

use crate::{
    endpoint::{Answer, Api, PageParams, Paged, Route, Staff},
    responses::webhook::WebhookAnswer,
};

pub fn route() -> Route {
    Route::get("/api/v1/admin/webhooks", webhooks).named("adminWebhookList", "Lists the store's subscriptions")
}

async fn webhooks(staff: Staff, params: PageParams, api: Api) -> Answer<Paged<WebhookAnswer>> {
    api.call(|shop| async move { shop.partner.list(staff.store, params.page).await }).await.map(Paged::of)
}
