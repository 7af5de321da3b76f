//! GET /admin/webhooks/{id}/deliveries: newest first, of one state or of all.

use sluice_partner::{DeliveryQuery, DeliveryState, SubscriptionId};

use crate::{
    endpoint::{Answer, Api, Description, Filter, Id, PageParams, Paged, Query, Route, Staff},
    responses::{webhook::WebhookDeliveryAnswer, words},
};

pub fn route() -> Route {
    Route::get("/api/v1/admin/webhooks/{id}/deliveries", deliveries)
        .named("adminWebhookDeliveryList", "Lists what a subscription was sent, or waits for")
}

pub struct ByState(Option<DeliveryState>);

impl Filter for ByState {
    fn take(query: &mut Query) -> Answer<Self> {
        query.one_of("state", DeliveryState::parse, "pending, delivered or exhausted").map(Self)
    }

    fn describe(operation: &mut Description) {
        let state = operation.schema::<words::DeliveryState>();
        operation.filter("state", "Only in this state", state);
    }
}

async fn deliveries(
    staff: Staff,
    id: Id<SubscriptionId>,
    params: PageParams<ByState>,
    api: Api,
) -> Answer<Paged<WebhookDeliveryAnswer>> {
    let query = DeliveryQuery { store: staff.store, subscription: *id, state: params.filter.0, page: params.page };
    api.call(|shop| async move { shop.partner.deliveries(query).await }).await.map(Paged::of)
}
