//! POST /admin/dead-letters/{id}/replay: has the event tried again by the consumer that failed, and by nobody else. What
//! was handled meanwhile, or is being tried, stays as it is.

use sluice_events::DeadLetterId;

use crate::{
    endpoint::{Answer, Api, Body, Id, NoFields, Problem, Route, Staff},
    responses::operations::DeadLetterAnswer,
};

pub fn route() -> Route {
    Route::post("/api/v1/admin/dead-letters/{id}/replay", replay)
        .named("adminDeadLetterReplay", "Has an event tried again")
        .answers("The dead letter as it stands now: a worker tries it, and `state` says how that ends")
}

async fn replay(staff: Staff, id: Id<DeadLetterId>, _body: NoFields, api: Api) -> Answer<Body<DeadLetterAnswer>> {
    let replayed = api.call(|shop| async move {
        let letter = super::find(&shop, staff.store, *id).await?;
        shop.dead_letters.replay(letter.id, shop.clock.now()).await?.ok_or_else(Problem::not_found)
    });
    replayed.await.map(Body::of)
}
