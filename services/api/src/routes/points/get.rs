//! GET /points: the caller's balance, and what moved it, newest first.

use crate::{
    endpoint::{Answer, Api, Body, Customer, PageParams, Route},
    responses::points::PointsAnswer,
};

pub fn route() -> Route {
    Route::get("/api/v1/points", points)
        .named("pointsGet", "Shows one's own points")
        .answers("The balance, and a page of entries, newest first")
}

async fn points(customer: Customer, params: PageParams, api: Api) -> Answer<Body<PointsAnswer>> {
    api.call(|shop| async move { shop.points.account(customer.store, &customer.user, params.page).await }).await.map(Body::of)
}
