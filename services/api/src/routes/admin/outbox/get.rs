//! GET /admin/outbox: how much waits to be published.

use crate::{
    endpoint::{Answer, Api, Body, Route, Staff},
    responses::operations::OutboxAnswer,
};

pub fn route() -> Route {
    Route::get("/api/v1/admin/outbox", outbox)
        .named("adminOutboxGet", "Shows how much waits to be published")
        .answers("Facts that wait, of all stores together")
}

async fn outbox(_staff: Staff, api: Api) -> Answer<Body<OutboxAnswer>> {
    let now = api.shop.clock.now();
    let stats = api.call(|shop| async move { shop.outbox.stats(now).await }).await?;
    Ok(Body(OutboxAnswer::new(stats, now)))
}
