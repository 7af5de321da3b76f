//! GET /activities/{id}: a promotion of the store in any state, with its products.

use sluice_kernel::ActivityId;

use super::shown;
use crate::{
    endpoint::{Answer, Api, Body, Cacheable, Id, Problem, Route, Visitor},
    responses::activity::ActivityAnswer,
};

pub fn route() -> Route {
    Route::get("/api/v1/activities/{id}", activity)
        .named("activityGet", "Shows a promotion with its products")
        .answers("The promotion")
}

async fn activity(visitor: Visitor, id: Id<ActivityId>, api: Api) -> Answer<Cacheable<Body<ActivityAnswer>>> {
    let answer = api.call(|shop| async move {
        let found = shop.promotion.activity(visitor.store, *id).await?;
        shown(&shop, visitor.store, vec![found]).await?.pop().ok_or_else(Problem::not_found)
    });
    answer.await.map(Body).map(Cacheable)
}
