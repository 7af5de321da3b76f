//! GET /admin/dead-letters/{id}

use sluice_events::DeadLetterId;

use crate::{
    endpoint::{Answer, Api, Body, Id, Route, Staff},
    responses::operations::DeadLetterAnswer,
};

pub fn route() -> Route {
    Route::get("/api/v1/admin/dead-letters/{id}", dead_letter)
        .named("adminDeadLetterGet", "Shows an event that could not be handled")
        .answers("The dead letter")
}

async fn dead_letter(staff: Staff, id: Id<DeadLetterId>, api: Api) -> Answer<Body<DeadLetterAnswer>> {
    api.call(|shop| async move { super::find(&shop, staff.store, *id).await }).await.map(Body::of)
}
